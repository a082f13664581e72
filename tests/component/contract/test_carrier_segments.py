"""A carrier that takes a message by segments keeps these promises beside the others."""

from collections import Counter

import msgspec
import pytest

from connectors.carriers.contract import Accepted, Refused, Result, Submit, Throttled
from schemas.values.ids import concat_reference
from tests.support.carrier_peers.peer import Case, Manners
from tests.support.carriers import Start, id_of, submits


@pytest.mark.needs(Case.SEGMENTS)
async def test_parts_follow_each_other_and_have_an_id_each(start: Start) -> None:
    harness = await start()
    results = await harness.send_all(submits(40, parts=3))
    for ref, result in results.items():
        assert isinstance(result, Accepted)
        mine = [entry for entry in harness.taken() if entry.destination == f"49151{ref:08}"]
        reference = concat_reference(id_of(ref))
        assert [(entry.reference, entry.total, entry.sequence) for entry in mine] == [(reference, 3, n) for n in (1, 2, 3)]
        assert tuple(entry.id for entry in mine) == result.ids
    assert len(harness.taken()) == 120


@pytest.mark.needs(Case.SEGMENTS)
async def test_a_caller_may_pace_part_by_part(start: Start) -> None:
    harness = await start()
    (message,) = submits(1, parts=3)
    ids: list[str] = []
    for part in range(3):
        results = await harness.send_all([msgspec.structs.replace(message, first_part=part, part_count=1)])
        result = results[0]
        assert isinstance(result, Accepted) and len(result.ids) == 1
        ids += result.ids
    assert [(entry.sequence, entry.id) for entry in harness.taken()] == list(enumerate(ids, 1))


@pytest.mark.needs(Case.SEGMENTS)
async def test_a_throttle_between_parts_tells_where_to_go_on(start: Start) -> None:
    harness = await start(Manners(throttle_every=4))
    waiting = submits(30, parts=3)
    while waiting:
        results = await harness.send_all(waiting)
        waiting = [rest for message in waiting if (rest := _rest(message.ref, results, parts=3))]
    sent = Counter((entry.destination, entry.sequence) for entry in harness.taken())
    assert set(sent.values()) == {1}
    assert len(sent) == 90


def _rest(ref: int, results: dict[int, Result], *, parts: int) -> Submit | None:
    result = results[ref]
    if not isinstance(result, Throttled):
        return None
    (message,) = submits(1, parts=parts, first=ref)
    return msgspec.structs.replace(message, first_part=result.sent_parts)


@pytest.mark.needs(Case.SEGMENTS)
async def test_a_refusal_between_parts_ends_the_message_there(start: Start) -> None:
    harness = await start(Manners(refuse_every=2))
    (result,) = (await harness.send_all(submits(1, parts=3))).values()
    assert isinstance(result, Refused)
    assert (result.sent_parts, result.ids) == (1, tuple(entry.id for entry in harness.taken()))
    assert len(harness.peer.seen()) == 2


@pytest.mark.needs(Case.SEGMENTS)
@pytest.mark.parametrize("counted", [1, 2, 4])
async def test_a_text_counted_otherwise_goes_whole_and_once(start: Start, counted: int) -> None:
    """As dispatch asks: one at a time, with the last that was counted all that are left."""
    harness = await start()
    (message,) = submits(1, parts=3)
    ids: list[str] = []
    for part in range(counted):
        count = 1 if part + 1 < counted else 0
        asked = msgspec.structs.replace(message, parts=counted, first_part=part, part_count=count)
        results = await harness.send_all([asked])
        result = results[0]
        assert isinstance(result, Accepted)
        ids += result.ids
    assert [(entry.sequence, entry.id) for entry in harness.taken()] == list(enumerate(ids, 1))
    assert len(ids) == 3
