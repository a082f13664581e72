"""What the checker of the ledger found, as a row says it."""

from __future__ import annotations

from infra.bench.ledger import OK, clean, verdict, words

LOST = {"kind": "LOST", "ids": ["a", "b", "c", "d"], "message": "4 x gone"}


def test_a_report() -> None:
    assert verdict({"violations": [], "behind": []}) == OK
    assert verdict({"violations": [LOST], "behind": []}) == ["LOST: 4 x gone: a, b, c"]
    assert verdict({"violations": [], "behind": ["sinks on usage[0]"]}) == ["behind: sinks on usage[0]"]


def test_one_run_and_those_of_a_comparison() -> None:
    good, bad = {"verify": OK}, {"verify": ["LOST: 1 x gone: a", "behind: b"]}
    assert clean(good) and not clean(bad)
    assert words(bad) == ["verify: LOST: 1 x gone: a", "verify: behind: b"]
    both = {"rows": {"this": [good, good], "other": [bad]}}
    assert not clean(both) and clean({"rows": {"this": [good], "other": [good]}})
    assert words(both) == ["verify: ok", "verify: ok", "verify: LOST: 1 x gone: a", "verify: behind: b"]
