"""Where settings come from: each source read into (path, value, place) entries, with faults instead of exceptions.

In: flags, the environment, a TOML file, `DATA/stack.json`. Out: entries whose `place` a person can find, such as
`SLUICE_GATEWAY__PORT` or `sluice.toml: gateway.port`. Unknown names, unreadable files and files that are no TOML become
sentences in `faults`.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from infra.settings.environment import PURE
from infra.settings.kafka import ACCESS, ACCESS_FIELDS
from infra.settings.shape import PREFIX, scalar_keys
from infra.settings.shape import Path as KeyPath
from schemas.values.encodings import LOOKED_AT, describe_encoding, foreign_encoding

STACK_FIELDS: dict[str, KeyPath] = {
    "gateway": ("gateway", "url"),
    "kafka": ("kafka", "bootstrap"),
    "postgres": ("postgres", "url"),
    "redis": ("redis", "url"),
    "api_key": ("api_key",),
    "admin_key": ("admin_key",),
}
SCRIPT = ("simulator", "script")
LISTS = ("carriers", "routes", "profiles")


class Entry(NamedTuple):
    """One value and where it was found."""

    path: KeyPath
    value: Any
    place: str


@dataclass(slots=True)
class Source:
    """What one source says; `lists` holds carriers, routes and profiles as the file has them."""

    entries: list[Entry] = field(default_factory=list)
    lists: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def from_flags(flags: Mapping[str, Any]) -> Source:
    """`flags` by dotted name; None = not given."""
    names = {"gateway.port": "--port", "data_dir": "--data", "gateway.url": "--gateway", "api_key": "--api-key"}
    return Source(
        [
            Entry(tuple(name.split(".")), value, names.get(name, f"--{name}"))
            for name, value in flags.items()
            if value is not None and value != ""
        ]
    )


def from_environment(environment: Mapping[str, str]) -> Source:
    """Every variable with our prefix."""
    source = Source()
    for name, text in sorted(environment.items()):
        if not name.startswith(PREFIX) or text == "" or name == PURE:
            continue
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if path == SCRIPT:
            _add_script(source, text, name)
        else:
            _add(source, path, text, name, [key.variable for key in scalar_keys().values()])
    return source


def from_file(path: Path | None, default: Path | None) -> Source:
    """The TOML file; a missing one is a fault only when it was named."""
    where = path or default
    if where is None or (path is None and not where.exists()):
        return Source()
    try:
        content = tomllib.loads(_text_of(where))
    except OSError as fault:
        return Source(faults=[f"{where}: cannot be read ({fault.strerror}); give another file with --config"])
    except UnicodeDecodeError as fault:
        return Source(faults=[f"{where}: is no TOML in UTF-8: {fault.reason}"])
    except tomllib.TOMLDecodeError as fault:
        return Source(faults=[f"{where}: is no TOML: {fault}"])
    source = Source()
    source.lists = {name: content.pop(name) for name in LISTS if name in content}
    known = [key.dotted for key in scalar_keys().values()]
    for key, value in _flatten(content, ()):
        if value != "":
            _add(source, key, value, f"{where}: {'.'.join(key)}", known)
    return source


def from_stack(data_dir: Path) -> Source:
    """What a running stack wrote into its data folder; nothing when there is none."""
    file = data_dir / "stack.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Source()
    access = content.get(ACCESS) or {}
    return Source(
        [
            *(Entry(path, content[name], str(file)) for name, path in STACK_FIELDS.items() if content.get(name)),
            *(Entry(("kafka", name), access[name], str(file)) for name in ACCESS_FIELDS if name in access),
        ]
    )


def without_foreign_access(stack: Source, earlier: Iterable[Source]) -> Source:
    """How one is let into the stack's Kafka is good for that one alone, and whole: it counts only where no earlier source
    names another Kafka, or says anything of the access itself."""
    said = {entry.path: entry.value for source in earlier for entry in source.entries if entry.path[0] == "kafka"}
    own = next((entry.value for entry in stack.entries if entry.path == ("kafka", "bootstrap")), None)
    if said.get(("kafka", "bootstrap"), own) == own and not any(path[-1] in ACCESS_FIELDS for path in said):
        return stack
    return Source([one for one in stack.entries if one.path[0] != "kafka" or one.path[-1] not in ACCESS_FIELDS])


def read_secret(path: str, place: str, faults: list[str]) -> str | None:
    """The first line of a secret's file; None with a fault when it cannot be read, None alone when it is empty."""
    try:
        text = _text_of(Path(path))
    except (OSError, UnicodeDecodeError) as fault:
        cause = fault.reason if isinstance(fault, UnicodeDecodeError) else fault.strerror
        faults.append(f"{place}: the file {path} cannot be read: {cause}")
        return None
    return text.strip() or None


def _text_of(file: Path) -> str:
    """UTF-8, perhaps with a byte order mark; OSError, or UnicodeDecodeError that names another encoding."""
    data = file.read_bytes()
    foreign = foreign_encoding(data[:LOOKED_AT])
    if foreign is not None:
        raise UnicodeDecodeError("utf-8", data[:LOOKED_AT], 0, 1, describe_encoding(foreign))
    return data.decode("utf-8-sig")


def _add(source: Source, path: KeyPath, value: Any, place: str, known: Iterable[str]) -> None:
    keys = scalar_keys()
    plain = (*path[:-1], path[-1].removesuffix("_file"))
    if path in keys:
        source.entries.append(Entry(path, value, place))
    elif path[-1].endswith("_file") and plain in keys and keys[plain].secret:
        text = read_secret(str(value), place, source.faults)
        if text is not None:
            source.entries.append(Entry(plain, text, place))
    elif path[0] in LISTS:
        source.faults.append(f"{place}: carriers, routes and profiles come from the file; put them into sluice.toml")
    else:
        source.faults.append(f"{place}: there is no such setting{guess(place.rpartition(': ')[2], known)}")


def _add_script(source: Source, text: str, place: str) -> None:
    try:
        source.entries.append(Entry(SCRIPT, json.loads(text), place))
    except ValueError:
        source.faults.append(f'{place}: expected a JSON object such as {{"answer_delay_seconds": 0.1}}')


def _flatten(content: Mapping[str, Any], before: KeyPath) -> Iterable[tuple[KeyPath, Any]]:
    for name, value in content.items():
        path = (*before, name)
        if isinstance(value, dict) and path != SCRIPT:
            yield from _flatten(value, path)
        else:
            yield path, value


def guess(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else "; `sluice config docs` lists them all"
