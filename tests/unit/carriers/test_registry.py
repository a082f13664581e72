"""The kinds that settings know and those that connections can be made of are the same."""

from connectors.carriers.registry import REGISTRY
from infra.settings.carriers import KIND_SETTINGS, sections


def test_a_kind_is_told_what_its_settings_say() -> None:
    assert {name: kind.settings for name, kind in REGISTRY.items()} == dict(KIND_SETTINGS)


def test_every_kind_but_the_simulator_has_its_table_in_the_file() -> None:
    """`[carriers.KIND]` is a field of `CarrierSettings`, so a kind's name is one word."""
    assert sections() == {name: settings for name, settings in KIND_SETTINGS.items() if name != "simulator"}
    assert all(name.isidentifier() for name in KIND_SETTINGS)
