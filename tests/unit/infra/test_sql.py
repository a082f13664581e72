"""Where statements lie: short ones together in their package's file, long ones each in its own, and none in both."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.postgres.sql import load_sql, named_statements

PACKAGES = ("connectors.sinks", "connectors.releaser", "infra.verify", "streams.adapters")
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("package", PACKAGES)
def test_short_statements_stand_together_and_long_ones_alone(package: str) -> None:
    short = named_statements(package, "statements")
    long = {path.stem: path.read_text("utf-8") for path in (ROOT / package.replace(".", "/")).glob("*.sql")}
    assert short and not short.keys() & long.keys()
    assert {name for name, text in short.items() if text.count("\n") > 4} == set()
    assert {name for name, text in long.items() if text.strip().count("\n") < 5} == set()


def test_both_forms_are_found_by_name_and_an_unknown_one_is_not() -> None:
    assert load_sql("infra.verify", "parts").startswith("SELECT")
    assert load_sql("connectors.releaser", "claim").startswith("-- Lease waiting rows")
    with pytest.raises(FileNotFoundError, match=r"connectors\.releaser has no statement nothing"):
        load_sql("connectors.releaser", "nothing")
