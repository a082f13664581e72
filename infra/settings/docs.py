"""The settings as people read them: the example file and the list of variables, both made from the classes.

In: the settings classes. Out: the text of `sluice.example.toml`, rows for `sluice config docs`. Nothing can go wrong.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from infra.settings.carriers import CarrierSettings, sections
from infra.settings.model import RouteSettings, Settings
from infra.settings.profiles import ProfileSettings, RetrySettings
from infra.settings.shape import Key, keys_of, scalar_keys, section_of

_HEAD = """\
# Settings of Sluice; every key there is, with its default. Copy to sluice.toml (or name it with --config) and change.
# Flags and environment win over this file: gateway.port is SLUICE_GATEWAY__PORT. Secrets may also stand in a file
# of their own: url_file, password_file, SLUICE_POSTGRES__URL_FILE. An empty value counts as unset.
# Carriers, routes and profiles are seeded into PostgreSQL by `sluice up` and changed there (`sluice carrier set`,
# `route set`, `profile set`); what the file says of a carrier later counts after `sluice carrier apply ID`.
# With no carrier at all, `up` seeds the carrier `simulator` with the route "" at 0.0100 and runs it.
"""
_CARRIER = {
    "id": "acme-de",
    "kind": "smpp",
    "rate": 100,
    "window": 50,
    "host": "127.0.0.1",
    "port": 2775,
    "system_id": "sluice",
    "password": "secret",
}
_PROFILE: dict[str, Any] = {
    "lane": "marketing",
    "share": 0.3,
    "validity_seconds": 36_000,
    "quiet_hours": ["08:00-20:00"],
    "tenants": ["default"],
}
_RETRY = {"attempts": 3, "ladder": ["1m", "10m"], "max_age_seconds": 3600, "retry_on": ["carrier_transient"], "never": []}
_ROUTE = {"prefix": "+49", "carriers": ["acme-de"], "price": "0.0700"}


def example() -> str:
    """The text of `sluice.example.toml`."""
    lines = [_HEAD]
    plain = [key for key in scalar_keys().values() if len(key.path) == 1]
    lines += [_line(key) for key in plain]
    for name, field in Settings.model_fields.items():
        section = section_of(field)
        if section is not None:
            lines += ["", f"[{name}]  # {_first(section)}"]
            lines += [_line(key) for key in scalar_keys().values() if key.path[0] == name]
    lines += ["", "# Carriers, routes, profiles ---------------------------------------------------------------"]
    lines += ["", f"# [[carriers]]  # {_first(CarrierSettings)}"]
    lines += [_given(key, _CARRIER) for key in keys_of(CarrierSettings).values() if len(key.path) == 1]
    for kind, section in sections().items():
        lines += [f"# [carriers.{kind}]  # {_first(section)}"]
        lines += [_given(key, _CARRIER) for key in keys_of(section).values()]
    lines += ["", f"# [[routes]]  # {_first(RouteSettings)}"]
    lines += [_given(key, _ROUTE) for key in keys_of(RouteSettings).values()]
    lines += ["", f"# [profiles.night]  # {_first(ProfileSettings)}"]
    lines += [_given(key, _PROFILE) for key in keys_of(ProfileSettings).values() if len(key.path) == 1]
    lines += [f"# [profiles.night.retry]  # {_first(RetrySettings)}"]
    lines += [_given(key, _RETRY) for key in keys_of(RetrySettings).values()]
    return "\n".join(lines) + "\n"


def variables() -> list[dict[str, str]]:
    """One row a setting: variable, key in the file, default, meaning."""
    return [
        {
            "variable": key.variable + (" (or _FILE)" if key.secret else ""),
            "key": key.dotted,
            "default": default_text(key),
            "meaning": key.field.description or "",
        }
        for key in scalar_keys().values()
    ]


def default_text(key: Key) -> str:
    """The default as the file spells it; nothing for a key that is unset."""
    default = _default(key)
    return "" if default is None else _toml(default)


def _first(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").split("\n")[0].rstrip(".")


def _line(key: Key) -> str:
    default = _default(key)
    mark = "# " if default is None else ""
    return f"{mark}{key.path[-1]} = {_toml('' if default is None else default)}".ljust(40) + _meaning(key)


def _given(key: Key, values: dict[str, Any]) -> str:
    value = values.get(key.path[-1], _default(key))
    return f"# {key.path[-1]} = {_toml('' if value is None else value)}".ljust(40) + _meaning(key)


def _meaning(key: Key) -> str:
    return f"  # {key.field.description}"


def _default(key: Key) -> Any:
    default = key.field.get_default(call_default_factory=True)
    return None if default is PydanticUndefined else default


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case SecretStr():
            return json.dumps(value.get_secret_value())
        case Path() | Decimal():
            return json.dumps(str(value))
        case {}:
            return "{}"
        case _:
            return json.dumps(value)
