"""Settings put together: flags > environment > file > DATA/stack.json (CLI only) > defaults, all faults at once.

In: the sources. Out: `Loaded`: the frozen settings and the place of each value that is no default. Wrong: `SettingsError`
with one sentence per fault: where, what, and how to mend it; values of secrets are never repeated.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr, ValidationError

from infra.settings.environment import PURE
from infra.settings.lists import check_lists, explain
from infra.settings.model import Settings, SettingsError
from infra.settings.shape import PREFIX, scalar_keys
from infra.settings.shape import Path as KeyPath
from infra.settings.sources import (
    SCRIPT,
    Source,
    from_environment,
    from_file,
    from_flags,
    from_stack,
    without_foreign_access,
)

DEFAULT_FILE = Path("sluice.toml")


class Loaded(NamedTuple):
    """`places`: where each value that is no default was found."""

    settings: Settings
    places: dict[KeyPath, str]


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    config: Path | None = None,
    with_stack: bool = False,
    default_file: Path | None = DEFAULT_FILE,
    environment: Mapping[str, str] | None = None,
) -> Loaded:
    """The settings of this process. `with_stack`: also look for a running stack (commands, not roles)."""
    sources = [
        from_flags(flags or {}),
        from_environment(os.environ if environment is None else environment),
        from_file(config, default_file),
    ]
    if with_stack:
        sources.append(without_foreign_access(from_stack(_data_dir(sources)), sources))
    values, places = _merge(sources)
    faults = [fault for source in sources for fault in source.faults]
    lists = check_lists(sources[2].lists, str(config or default_file), faults)
    settings = _validate({**values, **lists}, places, str(config or default_file), faults)
    if settings is None or faults:
        raise SettingsError(faults)
    return Loaded(settings, places)


def child_environment() -> dict[str, str]:
    """The environment of a role, before its settings are added as variables: ours, without our variables."""
    return {name: value for name, value in os.environ.items() if name == PURE or not name.startswith(PREFIX)}


def as_variables(settings: Settings) -> dict[str, str]:
    """The settings that differ from their defaults, as variables. Carriers, routes, profiles live in PostgreSQL by then."""
    defaults = Settings()
    out = {}
    for path, key in scalar_keys().items():
        value = value_at(settings, path)
        if value is not None and value != value_at(defaults, path):
            out[key.variable] = _text(value, path)
    return out


def value_at(settings: Settings, path: KeyPath) -> Any:
    """The value of a key."""
    value: Any = settings
    for name in path:
        value = getattr(value, name)
    return value


def _text(value: Any, path: KeyPath) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value) if path == SCRIPT else str(value)


def _data_dir(sources: Sequence[Source]) -> Path:
    for source in sources:
        for entry in source.entries:
            if entry.path == ("data_dir",):
                return Path(str(entry.value))
    return Settings().data_dir


def _merge(sources: Sequence[Source]) -> tuple[dict[str, Any], dict[KeyPath, str]]:
    values: dict[str, Any] = {}
    places: dict[KeyPath, str] = {}
    for source in sources:
        for path, value, place in source.entries:
            if path in places:
                continue
            places[path] = place
            inner = values
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = value
    return values, places


def _validate(values: dict[str, Any], places: dict[KeyPath, str], file: str, faults: list[str]) -> Settings | None:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        faults += [explain(fault, places, file) for fault in error.errors(include_url=False)]
        return None
