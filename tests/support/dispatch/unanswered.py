"""Messages whose answer does not come, on the harness: what the tests of second tries and of late answers share."""

from __future__ import annotations

from connectors.carriers.contract import Accepted, Result, Submit, Unknown
from schemas.records.wire import Settled
from tests.support.dispatch.harness import SenderHarness
from tests.support.waiting import until


def outcomes_logged(harness: SenderHarness) -> list[tuple[str, str]]:
    """What the log says of position 0, in order."""
    return [(v.outcome, v.reason) for record in harness.log.of(Settled) for v in record.verdicts if v.positions & 1]


def first_unknown(harness: SenderHarness, *, lost: bool = False) -> None:
    """The first submit stays without an answer, the others are taken."""
    seen: list[Submit] = []

    def answer(one: Submit) -> Result:
        seen.append(one)
        return Unknown(ref=one.ref, lost=lost) if len(seen) == 1 else Accepted(ref=one.ref, ids=harness.carrier.ids(one))

    harness.carrier.answer = answer


def late(harness: SenderHarness, result: Result) -> None:
    """An answer nobody waits for any more."""
    harness.sender._receive([result])


async def both_unanswered(harness: SenderHarness) -> int:
    """Add a message whose answers all stay out, its second try on its way; the `ref` of the first."""
    harness.carrier.answer = lambda one: Unknown(ref=one.ref) if len(harness.carrier.sent) == 1 else None
    harness.add(1)
    await until(lambda: len(harness.carrier.sent) == 2)
    return harness.carrier.sent[0].ref
