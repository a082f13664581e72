"""Carriers, routes and profiles of the file: what pydantic cannot say about them, and every fault as one sentence.

In: the lists as the file has them, and pydantic's errors. Out: lists fit for validation, and sentences with the place and
the mend. What the product does not have (other kinds and binds) is called
`unsupported` with its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.settings.carriers import IDENTIFIER, KIND_SETTINGS, CarrierSettings, sections
from infra.settings.kafka import ADDRESSES
from infra.settings.model import CURRENCY, PREFIX, RouteSettings
from infra.settings.profiles import PROFILE_NAME, ProfileSettings
from infra.settings.section import Section
from infra.settings.shape import Path, keys_of
from infra.settings.sources import guess, read_secret
from infra.settings.words import in_words

_UNBUILT_KINDS = ("http", "whatsapp")
SIMULATOR = "simulator"
_CLASSES: Mapping[str, type[Section]] = {"carriers": CarrierSettings, "routes": RouteSettings, "profiles": ProfileSettings}
_WORDS = {
    IDENTIFIER: "expected 1 to 40 of a..z, 0..9 and '-'",
    ADDRESSES: "expected host:port, or several with commas between them",
    CURRENCY: "expected three capital letters such as EUR",
    PROFILE_NAME: "expected as the profile's name 1 to 40 of a..z, 0..9 and '-'",
    PREFIX: 'expected "" or + and the first digits of numbers, such as "+49"',
}
"""What a pattern means, for those who do not read patterns."""


def check_lists(lists: Mapping[str, Any], file: str, faults: list[str]) -> dict[str, Any]:
    """The lists with `..._file` secrets read in; faults between rows are added to `faults`."""
    out: dict[str, Any] = {}
    for name, value in lists.items():
        if name == "profiles":
            out[name] = _by_name(value, file, faults)
        elif not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            faults.append(f"{file}: {name}: expected tables, written [[{name}]]")
        else:
            out[name] = [_with_secrets(row, f"{file}: {name}[{place}]", faults) for place, row in enumerate(value)]
    carriers, routes = out.get("carriers", []), out.get("routes", [])
    _check_carriers(carriers, file, faults)
    _check_routes(routes, [row.get("id") for row in carriers] or [SIMULATOR], file, faults)
    return out


def _by_name(value: Any, file: str, faults: list[str]) -> dict[str, Any]:
    if isinstance(value, dict) and all(isinstance(row, dict) for row in value.values()):
        return value
    faults.append(f"{file}: profiles: expected tables, written [profiles.NAME]")
    return {}


def explain(fault: Any, places: Mapping[Path, str], file: str) -> str:
    """A sentence for one of pydantic's errors."""
    where = tuple(str(part) for part in fault["loc"])
    if where[0] in _CLASSES:
        place = f"{file}: {_dotted(fault['loc'])}"
    else:
        place = next(
            (places[where[:size]] for size in range(len(where), 0, -1) if where[:size] in places),
            f"{file}: {'.'.join(where)}",
        )
    unsupported = _unsupported(fault["loc"], fault.get("input"))
    if unsupported:
        return f"{place}: unsupported: {unsupported}"
    if fault["type"] == "extra_forbidden":
        names = [key.path[-1] for key in keys_of(_CLASSES.get(where[0], RouteSettings)).values()]
        return f"{place}: there is no such setting{guess(where[-1], names)}"
    return f"{place}: {_WORDS.get(str(fault.get('ctx', {}).get('pattern'))) or in_words(fault)}"


def _unsupported(where: Sequence[Any], value: Any) -> str | None:
    match [where[0], *where[2:]]:
        case ["carriers", "kind"] if value in _UNBUILT_KINDS:
            return f"carriers of kind {value}; use {' or '.join(KIND_SETTINGS)}"
    return None


def _with_secrets(row: Mapping[str, Any], place: str, faults: list[str]) -> dict[str, Any]:
    out = dict(row)
    for kind, settings in sections().items():
        section, name = row.get(kind), settings.secret_field
        if isinstance(section, dict) and f"{name}_file" in section:
            text = read_secret(str(section[f"{name}_file"]), f"{place}.{kind}.{name}_file", faults)
            out[kind] = {name: text or "", **{key: value for key, value in section.items() if key != f"{name}_file"}}
    return out


def _check_carriers(rows: Sequence[Mapping[str, Any]], file: str, faults: list[str]) -> None:
    seen: set[str] = set()
    for place, row in enumerate(rows):
        where = f"{file}: carriers[{place}]"
        if str(row.get("id")) in seen:
            faults.append(f"{where}.id: {row.get('id')!r} stands there twice; give each carrier its own id")
        seen.add(str(row.get("id")))
        _check_sections(row, where, faults)


def _check_sections(row: Mapping[str, Any], where: str, faults: list[str]) -> None:
    """A carrier has the section of its kind and no other; the simulator has none, `up` knows where it listens."""
    kind = row.get("kind")
    for name, settings in sections().items():
        if name == kind and name not in row:
            needed = [
                key for key, field in settings.model_fields.items() if field.is_required() or key == settings.secret_field
            ]
            faults.append(f"{where}.{name}: is missing; add [carriers.{name}] with {', '.join(needed)}")
        elif name in row and kind == SIMULATOR:
            faults.append(f"{where}.{name}: a simulator has no address of its own; leave it out")
        elif name in row and name != kind and kind in sections():
            faults.append(f"{where}.{name}: is no matter of a carrier of kind {kind}; leave it out")


def _check_routes(rows: Sequence[Mapping[str, Any]], carriers: Sequence[Any], file: str, faults: list[str]) -> None:
    seen: set[str] = set()
    for place, row in enumerate(rows):
        where = f"{file}: routes[{place}]"
        if str(row.get("prefix")) in seen:
            faults.append(f"{where}.prefix: {row.get('prefix')!r} stands there twice; one route per prefix")
        seen.add(str(row.get("prefix")))
        named = row.get("carriers")
        if isinstance(named, list) and len(set(map(str, named))) < len(named):
            faults.append(f"{where}.carriers: names a carrier twice; name each once, the preferred one first")
        for name in named if isinstance(named, list) else []:
            if name not in carriers:
                faults.append(f"{where}.carriers: there is no carrier {name!r} among the file's carriers")


def _dotted(where: Sequence[Any]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")
