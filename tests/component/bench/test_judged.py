"""Another version's `verify` as a program."""

from __future__ import annotations

import sys

from infra.bench.ledger import OK, judged_by


async def test_a_version_that_cannot_verify_is_not_clean() -> None:
    found = await judged_by((sys.executable, "-c", "raise SystemExit('no such command')"), {})
    assert found == ["verify ended with 1: no such command"]


async def test_the_report_of_another_version() -> None:
    """It ends with 1 when it finds something, which is no fault of the program."""
    report = '{"violations": [], "behind": []}'
    assert await judged_by((sys.executable, "-c", f"print('{report}'); raise SystemExit(1)"), {}) == OK
