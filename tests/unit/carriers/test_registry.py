"""The kinds that settings know and those that connections can be made of are the same."""

from connectors.carriers.registry import REGISTRY
from infra.settings.carriers import KIND_SETTINGS


def test_a_kind_is_told_what_its_settings_say() -> None:
    assert {name: kind.settings for name, kind in REGISTRY.items()} == dict(KIND_SETTINGS)
