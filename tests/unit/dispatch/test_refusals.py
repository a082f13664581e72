"""Who is refused tells a full handset from a full carrier; the code does not."""

from __future__ import annotations

from connectors.dispatch.refusals import (
    CARRIER_REFUSES_ABOVE,
    FORGET_SECONDS,
    LONGEST_PAUSE,
    MOST_ALONE,
    MOST_WHILE_OTHERS_ACCEPTED,
    REMEMBERED,
    RefusalCause,
    Refusals,
)

BAD = 1


def test_one_that_is_refused_while_others_are_taken_is_put_off() -> None:
    refusals, now = Refusals(), 0.0
    words: list[RefusalCause] = []
    while not words or words[-1] is not RefusalCause.PUT_OFF:
        words.append(refusals.refused(BAD, now, nothing_accepted_lately=False))
        refusals.accepted([100 + len(words)])
        now = max(now + 0.01, refusals.until(BAD))
    assert words == [RefusalCause.DESTINATION] * MOST_WHILE_OTHERS_ACCEPTED + [RefusalCause.PUT_OFF]
    assert 1 < now < 5
    assert refusals.refused(BAD, now + 10, nothing_accepted_lately=False) is RefusalCause.PUT_OFF, (
        "once known, one try is enough"
    )


def test_a_carrier_that_refuses_everybody_is_never_held_against_anybody() -> None:
    refusals = Refusals()
    words = [
        refusals.refused(number, turn + number / 100, nothing_accepted_lately=True)
        for turn in range(50)
        for number in range(CARRIER_REFUSES_ABOVE)
    ]
    assert words == [RefusalCause.DESTINATION] * (CARRIER_REFUSES_ABOVE - 1) + [RefusalCause.CARRIER] * (
        49 * CARRIER_REFUSES_ABOVE + 1
    )
    assert refusals.accepted([]) == ([], 0)
    recalled, uncounted = refusals.accepted([0])
    assert sorted(recalled) == list(range(1, CARRIER_REFUSES_ABOVE)) and uncounted == 0, "it is told already"
    assert all(refusals.until(number) == 0 for number in range(CARRIER_REFUSES_ABOVE)), "all are the next again"


def test_a_few_that_are_refused_in_a_row_brake_nothing_and_are_not_put_off_for_it() -> None:
    refusals = Refusals()
    words = {refusals.refused(number, turn, nothing_accepted_lately=True) for turn in range(50) for number in range(5)}
    assert words == {RefusalCause.DESTINATION}


def test_several_bad_ones_in_front_are_found_out_once_others_are_asked() -> None:
    refusals, off, now, fresh = Refusals(), set[int](), 0.0, 1000
    while len(off) < 20:
        for bad in range(20):
            if (
                bad not in off
                and refusals.until(bad) <= now
                and refusals.refused(bad, now, nothing_accepted_lately=True) is RefusalCause.PUT_OFF
            ):
                off.add(bad)
        refusals.accepted(range(fresh, fresh + 5))
        fresh, now = fresh + 5, now + 0.1
        assert now < 30
    assert fresh - 1000 > 100


def test_the_first_refusal_is_asked_again_at_once_the_others_later_and_later() -> None:
    refusals, pauses, now = Refusals(), [], 0.0
    for number in range(12):
        refusals.accepted([100 + number])
        refusals.refused(BAD, now, nothing_accepted_lately=False)
        pauses.append(round(max(0.0, refusals.until(BAD) - now), 3))
        now = max(now, refusals.until(BAD))
    assert pauses[:4] == [0.0, 0.1, 0.2, 0.4] and pauses[-1] == LONGEST_PAUSE


def test_nobody_else_to_ask_is_a_bound_of_its_own() -> None:
    refusals, now = Refusals(), 0.0
    for _ in range(MOST_ALONE - 1):
        assert refusals.refused(BAD, now, nothing_accepted_lately=True) is RefusalCause.DESTINATION
        assert refusals.until(BAD) - now <= 1.0
        now = refusals.until(BAD)
    assert refusals.refused(BAD, now, nothing_accepted_lately=True) is RefusalCause.PUT_OFF


def test_a_refusal_counts_against_the_carrier_when_its_destination_is_taken_after_all() -> None:
    refusals = Refusals()
    assert refusals.refused(1, 0.0, nothing_accepted_lately=False) is RefusalCause.DESTINATION
    assert refusals.refused(2, 0.0, nothing_accepted_lately=False) is RefusalCause.DESTINATION
    assert refusals.refused(2, 0.1, nothing_accepted_lately=False) is RefusalCause.DESTINATION
    assert refusals.accepted([1, 7])[1] == 1
    assert refusals.accepted([8, 9])[1] == 0
    assert refusals.watching, "2 is still out"
    assert refusals.accepted([2])[1] == 1
    assert not refusals.watching


def test_the_word_of_a_carrier_that_names_a_time_is_kept() -> None:
    refusals = Refusals()
    refusals.refused(BAD, 5.0, nothing_accepted_lately=False, wait=30.0)
    assert refusals.until(BAD) == 35.0


def test_what_is_remembered_is_bounded_and_forgotten() -> None:
    refusals = Refusals()
    for number in range(REMEMBERED + 50):
        refusals.refused(number, 0.0, nothing_accepted_lately=True)
    refusals.refused(REMEMBERED + 49, 10.0, nothing_accepted_lately=True)
    refusals.forget(FORGET_SECONDS + 5)
    assert refusals.watching and refusals.until(REMEMBERED + 49) > 0
    refusals.forget(FORGET_SECONDS + 20)
    assert not refusals.watching
