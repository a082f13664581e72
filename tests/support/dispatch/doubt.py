"""Messages whose answer does not come, on the rig: what the tests of second tries and of late answers share."""

from __future__ import annotations

from connectors.carriers.contract import Accepted, Result, Submit, Unknown
from schemas.records.wire import Settled
from tests.support.carriers import until
from tests.support.dispatch.harness import Rig


def said(rig: Rig) -> list[tuple[str, str]]:
    """What the log says of position 0, in order."""
    return [(v.outcome, v.reason) for record in rig.log.of(Settled) for v in record.verdicts if v.positions & 1]


def first_unknown(rig: Rig, *, lost: bool = False) -> None:
    """The first submit stays without an answer, the others are taken."""
    seen: list[Submit] = []

    def answer(one: Submit) -> Result:
        seen.append(one)
        return Unknown(ref=one.ref, lost=lost) if len(seen) == 1 else Accepted(ref=one.ref, ids=rig.line.ids(one))

    rig.line.answer = answer


def late(rig: Rig, result: Result) -> None:
    """An answer nobody waits for any more."""
    rig.sender._receive([result])


async def doubtful(rig: Rig) -> int:
    """Add a message whose answers all stay out, its second try on its way; the `ref` of the first."""
    rig.line.answer = lambda one: Unknown(ref=one.ref) if len(rig.line.sent) == 1 else None
    rig.add(1)
    await until(lambda: len(rig.line.sent) == 2)
    return rig.line.sent[0].ref
