"""What a new owner makes of the records before its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.dispatch.log_recovery import rebuild
from schemas.records.wire import Record
from tests.support.dispatch.records import CHUNK, not_submitted, owner, returned, settled, started, unanswered

SEND_KEY = (CHUNK, 1)


def log(*records: Record) -> list[tuple[int, Record]]:
    """These records, one after the other."""
    return list(enumerate(records))


def test_an_empty_log_knows_nothing() -> None:
    recovered = rebuild([])
    assert not recovered.send_keys() and not recovered.suspects


def test_settled_is_done_and_started_is_open() -> None:
    recovered = rebuild(log(owner(), started(0b111), settled(0b001), returned(0b1000)))
    assert recovered.settled == {SEND_KEY: 0b1001}
    assert recovered.once == {SEND_KEY: 0b110}
    assert recovered.twice == {}
    assert recovered.first_log_offset == {0: 1}


def test_a_second_start_by_the_same_owner_counts_once() -> None:
    assert rebuild(log(owner(), started(0b1), started(0b1))).once == {SEND_KEY: 0b1}


def test_a_second_start_by_another_owner_counts_twice() -> None:
    recovered = rebuild(log(owner(), started(0b11), owner(), started(0b01, epoch=2)))
    assert recovered.once == {SEND_KEY: 0b10}
    assert recovered.twice == {SEND_KEY: 0b01}


def test_settled_by_a_later_owner_closes_both_starts() -> None:
    recovered = rebuild(log(owner(), started(0b1), owner(), started(0b1, epoch=2), settled(0b1, epoch=2)))
    assert recovered.once == recovered.twice == {}


def test_the_first_place_of_each_dispatch_offset() -> None:
    recovered = rebuild(
        log(owner(), started(1, dispatch_offset=5), started(2, dispatch_offset=6), started(4, dispatch_offset=5))
    )
    assert recovered.first_log_offset == {5: 1, 6: 2}


def test_unanswered_and_not_started_again_was_tried_once() -> None:
    recovered = rebuild(log(owner(), started(0b11), unanswered(0b01), settled(0b10)))
    assert recovered.once == {SEND_KEY: 0b01} and recovered.twice == {} and recovered.settled == {SEND_KEY: 0b10}
    assert recovered.left_open(SEND_KEY) == 0b01
    assert recovered.first_log_offset == {0: 1}


def test_unanswered_and_started_again_was_tried_twice_whoever_did_it() -> None:
    first = (owner(), started(0b1), unanswered(0b1))
    assert rebuild(log(*first, started(0b1))).twice == {SEND_KEY: 0b1}
    assert rebuild(log(*first, owner(), started(0b1, epoch=3))).twice == {SEND_KEY: 0b1}


def test_a_second_try_that_was_not_taken_is_still_due() -> None:
    recovered = rebuild(log(owner(), started(0b1), unanswered(0b1), started(0b1), not_submitted(0b1)))
    assert recovered.once == {SEND_KEY: 0b1} and recovered.twice == recovered.not_submitted == {}


def test_an_answer_behind_the_second_start_settles_it() -> None:
    for outcome in ("sent", "uncertain", "failed"):
        recovered = rebuild(log(owner(), started(0b1), unanswered(0b1), started(0b1), settled(0b1, outcome=outcome)))
        assert recovered.once == recovered.twice == {} and recovered.settled == {SEND_KEY: 0b1}


def test_unanswered_that_stands_twice_does_not_undo_the_second_start() -> None:
    recovered = rebuild(log(owner(), started(0b1, at=1), unanswered(0b1, at=2), started(0b1, at=3), unanswered(0b1, at=2)))
    assert recovered.twice == {SEND_KEY: 0b1}


def test_an_old_owners_late_unanswered_counts_its_try_once() -> None:
    before = (owner(), started(0b1), owner())
    assert rebuild(log(*before, unanswered(0b1))).once == {SEND_KEY: 0b1}
    assert rebuild(log(*before, started(0b1, epoch=2), unanswered(0b1))).twice == {SEND_KEY: 0b1}


def test_what_was_not_taken_counts_as_never_started() -> None:
    recovered = rebuild(log(owner(), started(0b11), not_submitted(0b01)))
    assert recovered.once == {SEND_KEY: 0b10}
    assert recovered.not_submitted == {SEND_KEY: 0b01}
    assert recovered.settled == recovered.twice == {}
    assert recovered.left_open(SEND_KEY) == 0b11
    assert recovered.first_log_offset == {0: 1}, "the next owner has to read it too"


def test_what_was_started_again_afterwards_is_open() -> None:
    recovered = rebuild(log(owner(), started(0b1), not_submitted(0b1), started(0b1)))
    assert recovered.once == {SEND_KEY: 0b1} and recovered.not_submitted == {}
    recovered = rebuild(log(owner(), started(0b1), not_submitted(0b1), started(0b1), settled(0b1)))
    assert recovered.settled == {SEND_KEY: 0b1} and recovered.once == recovered.not_submitted == {}


def test_a_record_that_stands_twice_does_not_undo_the_start_in_between() -> None:
    cause = not_submitted(0b1, at=5)
    recovered = rebuild(log(owner(), started(0b1, at=3), cause, started(0b1, at=6), cause))
    assert recovered.once == {SEND_KEY: 0b1} and recovered.not_submitted == {}


def test_an_old_owners_late_word_sends_nothing() -> None:
    recovered = rebuild(log(owner(), started(0b1), owner(), not_submitted(0b1, epoch=0)))
    assert recovered.once == {SEND_KEY: 0b1} and recovered.not_submitted == {}
    recovered = rebuild(log(owner(), started(0b1), owner(), started(0b1, epoch=2), not_submitted(0b1, epoch=0)))
    assert recovered.twice == {SEND_KEY: 0b1}


def test_a_word_undoes_the_starts_of_its_own_owner_alone() -> None:
    recovered = rebuild(log(owner(), started(0b1), owner(), started(0b1, epoch=2), not_submitted(0b1, epoch=2)))
    assert recovered.once == {SEND_KEY: 0b1} and recovered.twice == recovered.not_submitted == {}


def fruitless(owners: int, positions: int = 0b11) -> list[Record]:
    """Owners that start the chunk and end."""
    out: list[Record] = []
    for _ in range(owners):
        epoch = len(out)
        out += [owner(), started(positions, epoch=epoch)]
    return out


def test_three_owners_running_make_a_suspect() -> None:
    assert rebuild(log(*fruitless(2))).suspects == set()
    assert rebuild(log(*fruitless(3))).suspects == {SEND_KEY}
    assert rebuild(log(*fruitless(3))).crashed == {}


def test_an_answer_in_between_clears_the_suspicion() -> None:
    records = [*fruitless(2), settled(1, epoch=2, chunk="other"), *fruitless(1)]
    assert rebuild(log(*records)).suspects == set()


def test_conclusions_are_no_answers() -> None:
    records = [*fruitless(2), owner(), settled(0b1, epoch=4, reason="owner_lost"), started(0b100, epoch=4)]
    assert rebuild(log(*records)).suspects == {SEND_KEY}


def test_a_throttle_is_an_answer_and_bytes_that_never_left_are_none() -> None:
    throttled = [*fruitless(2), owner(), started(0b11, epoch=4), not_submitted(0b01, epoch=4), *fruitless(1)]
    assert rebuild(log(*throttled)).suspects == set()
    unsent = [*fruitless(3), owner(), started(0b10, epoch=6), not_submitted(0b10, epoch=6, reason="none")]
    assert rebuild(log(*unsent)).suspects == {SEND_KEY}
    assert rebuild(log(*unsent)).crashed == {}, "it never went out, so it cannot have ended its owner"


def test_owners_that_started_nothing_do_not_count_and_do_not_clear() -> None:
    records = [*fruitless(2), owner(), *fruitless(1)]
    assert rebuild(log(*records)).suspects == {SEND_KEY}


def test_what_ends_its_owner_alone_has_crashed() -> None:
    records = [*fruitless(3), owner(), started(0b10, epoch=6)]
    recovered = rebuild(log(*records))
    assert recovered.suspects == {SEND_KEY}
    assert recovered.crashed == {SEND_KEY: 0b10}


def test_a_burial_that_its_owner_did_not_survive_is_made_up_for() -> None:
    records = [*fruitless(3), owner(), started(0b0100, epoch=6), owner(), started(0b1000, epoch=8)]
    assert rebuild(log(*records)).crashed == {SEND_KEY: 0b1100}
    assert rebuild(log(*records, settled(0b0100, epoch=8, reason="crash_loop"))).crashed == {SEND_KEY: 0b1000}


def test_several_started_together_have_not_crashed() -> None:
    assert rebuild(log(*fruitless(5))).crashed == {}


steps = st.lists(
    st.one_of(
        st.just("owner"),
        st.tuples(st.just("start"), st.integers(1, 255)),
        st.tuples(st.just("settle"), st.integers(1, 255)),
        st.tuples(st.just("throttle"), st.integers(1, 255)),
    ),
    max_size=40,
)


@given(steps)
def test_every_started_position_is_settled_or_open_never_both(todo: list[str | tuple[str, int]]) -> None:
    records: list[Record] = [owner()]
    epoch, begun, done = 0, 0, 0
    own, left = 0, 0  # started and not settled: by this owner; by those before it
    for step in todo:
        if isinstance(step, str):
            epoch = len(records)
            records.append(owner())
            own, left = 0, own | left
        elif step[0] == "throttle":
            positions = step[1] & own
            if positions:
                records.append(not_submitted(positions, epoch=epoch))
                own &= ~positions
        elif step[0] == "start":
            positions = step[1] & ~done
            if positions:
                records.append(started(positions, epoch=epoch))
                begun |= positions
                own |= positions
        else:
            positions = step[1] & (own | left)
            if positions:
                records.append(settled(positions, epoch=epoch))
                done |= positions
                own, left = own & ~positions, left & ~positions
    recovered = rebuild(log(*records))
    once, twice = recovered.once.get(SEND_KEY, 0), recovered.twice.get(SEND_KEY, 0)
    assert once & twice == 0
    assert once | twice == own | left
    assert recovered.not_submitted.get(SEND_KEY, 0) == begun & ~(own | left | done)
    assert recovered.settled.get(SEND_KEY, 0) == done
