"""The settings classes as a flat table: every key with its type, default and meaning.

In: the classes of `settings.py`. Out: rows for the loader (which names exist, which are secrets), for the example file
and for the list of variables. Nothing can go wrong.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from infra.settings.model import Settings

Path = tuple[str, ...]
PREFIX = "SLUICE_"


class Key(NamedTuple):
    """One setting. `path` e.g. ("kafka", "bootstrap")."""

    path: Path
    field: FieldInfo
    secret: bool

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + "__".join(self.path).upper()

    @property
    def dotted(self) -> str:
        """Its name in the file."""
        return ".".join(self.path)


@cache
def scalar_keys() -> dict[Path, Key]:
    """Every setting outside carriers, routes and profiles."""
    return {key.path: key for key in _keys(Settings, ())}


def keys_of(model: type[BaseModel]) -> dict[Path, Key]:
    """Every key of one class, nested ones included."""
    return {key.path: key for key in _keys(model, ())}


def _keys(model: type[BaseModel], before: Path) -> list[Key]:
    out: list[Key] = []
    for name, field in model.model_fields.items():
        section = section_of(field)
        if section is not None:
            out += _keys(section, (*before, name))
        elif not _has_many_sections(field.annotation) and not _of_rows_alone(field):
            out.append(Key((*before, name), field, _mentions(field.annotation, SecretStr)))
    return out


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The class of a nested section, or None for a plain value."""
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel) and not _is_many(field.annotation):
            return candidate
    return None


def _is_many(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in (list, dict)


def _has_many_sections(annotation: Any) -> bool:
    """A list of sections, or sections by name."""
    inner = get_args(annotation)[-1] if _is_many(annotation) else None
    return isinstance(inner, type) and issubclass(inner, BaseModel)


def _of_rows_alone(field: FieldInfo) -> bool:
    """What a row of PostgreSQL keeps in this class and the file has elsewhere."""
    return isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("in_file") is False


def _mentions(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or any(_mentions(part, wanted) for part in get_args(annotation))
