"""Every step gives every position exactly one outcome, whatever it is given; and it decides what it should."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.slice import Columns
from schemas.records.wire import CampaignCommand
from schemas.rules.carrier_health import PROBES
from schemas.rules.routes import RouteTable, choose_carriers
from schemas.values.positions import places
from schemas.values.reasons import Reason
from streams.cover import CoverError
from streams.outcome import Hold, Next, Outcome, Reject
from streams.selection import whole
from streams.steps import (
    admit_to_carrier,
    check_time,
    keep_assigned,
    reserve_credit,
    route_slice,
    validate_text,
)
from tests.support.streams.fakes import CAMPAIGN, NOW, TENANT, RouteFact, numbers, slice_of, some
from tests.support.streams.verdicts import BASE, NUMBERS, SETS, check_cover, part_over


def test_cover_refuses_gaps_doubles_strangers_and_empty_outcomes() -> None:
    check_cover(0b111, (Next(positions=0b101), Hold(positions=0b010, reason=Reason.ROOM, until=1)))
    wrong: list[tuple[Outcome, ...]] = [
        (Next(positions=0b001),),
        (Next(positions=0b111), Next(positions=0b001)),
        (Next(positions=0b1111),),
        (Next(positions=0b111), Reject(positions=0, reason=Reason.NO_ROUTE)),
    ]
    for outcomes in wrong:
        with pytest.raises(CoverError):
            check_cover(0b111, outcomes)


@given(
    SETS,
    st.none() | st.sampled_from(["draft", "running", "paused", "canceled"]),
    st.integers(0, 4),
    st.lists(st.integers(0, 2)),
    st.booleans(),
)
def test_check_time_covers(positions: int, status: str | None, version: int, parts: list[int], late: bool) -> None:
    command = (
        None
        if status is None
        else CampaignCommand(
            tenant=TENANT, campaign=CAMPAIGN, version=version, status=status, lane="marketing", parts=parts, at=1
        )
    )
    facts = check_time.TimeFacts(command=command, now=BASE.expires_at if late else NOW)
    outcomes = check_time.decide(part_over(positions), facts)
    check_cover(positions, outcomes)
    going = [outcome for outcome in outcomes if isinstance(outcome, Next)]
    assert bool(going) == (status == "running" and version >= BASE.version and 0 in parts and not late)


@pytest.mark.parametrize(
    ("status", "version", "parts", "expected"),
    [
        ("draft", 2, [], Reason.DRAFT),
        ("running", 1, [0], Reason.DRAFT),
        ("running", 2, [1], Reason.UNLISTED_PART),
        ("canceled", 3, [0], Reason.CANCELED),
        ("paused", 3, [0], Reason.PAUSED),
        ("canceled", 3, [], Reason.UNLISTED_PART),
    ],
)
def test_check_time_names_the_reason(status: str, version: int, parts: list[int], expected: Reason) -> None:
    command = CampaignCommand(
        tenant=TENANT, campaign=CAMPAIGN, version=version, status=status, lane="marketing", parts=parts, at=1
    )
    [outcome] = check_time.decide(whole(BASE), check_time.TimeFacts(command=command, now=NOW))
    assert isinstance(outcome, Hold | Reject)
    assert outcome.reason is expected


@given(SETS, st.integers(0, 2**12 - 1), st.sampled_from(["draft", "running", "paused", "canceled"]))
def test_check_time_ends_what_was_canceled_by_itself(positions: int, canceled: int, status: str) -> None:
    command = CampaignCommand(tenant=TENANT, campaign=CAMPAIGN, version=3, status=status, lane="marketing", parts=[0], at=1)
    facts = check_time.TimeFacts(command=command, now=NOW, canceled=canceled)
    outcomes = check_time.decide(part_over(positions), facts)
    check_cover(positions, outcomes)
    over = sum(o.positions for o in outcomes if isinstance(o, Reject) and o.reason is Reason.CANCELED)
    assert over == (positions if status == "canceled" else positions & canceled)


@given(
    st.lists(st.tuples(NUMBERS, st.none() | st.text(max_size=200)), min_size=1, max_size=40),
    st.booleans(),
    st.sampled_from(["hello", "hi {{ name }}", "{{name}}{{other}}", "", "\ud800"]),
)
def test_validate_covers(rows: list[tuple[int, str | None]], smart: bool, body: str) -> None:
    columns = Columns(to=array("Q", [n for n, _ in rows]).tobytes(), variables={"name": [v for _, v in rows]})
    slice_ = slice_of([n for n, _ in rows], body="x", smart=smart)
    part = whole(type(slice_)(**{f: getattr(slice_, f) for f in slice_.__struct_fields__} | {"body": body}))
    outcomes = validate_text.decide(
        part, validate_text.TextFacts(columns=columns, invalid=lambda numbers: {n for n in numbers if n % 3 == 0})
    )
    check_cover(part.positions, outcomes)
    for outcome in outcomes:
        if isinstance(outcome, Next):
            assert outcome.segments is not None and len(outcome.segments) == outcome.positions.bit_count()
            assert min(outcome.segments) >= 1


def test_validate_names_the_reason_of_each_position() -> None:
    slice_ = slice_of([491511111111, 5, 491511111112, 491511111113], body="hi {{name}}")
    columns = Columns(
        to=array("Q", [491511111111, 5, 491511111112, 491511111113]).tobytes(),
        variables={"name": ["Ada", "Bob", None, "x" * 40_000]},
    )
    outcomes = validate_text.decide(
        whole(slice_), validate_text.TextFacts(columns=columns, invalid=lambda numbers: {n for n in numbers if n <= 9})
    )
    assert outcomes == (
        Next(positions=some(0), segments=b"\x01"),
        Reject(positions=some(1), reason=Reason.BAD_DESTINATION),
        Reject(positions=some(2), reason=Reason.MISSING_VARIABLE),
        Reject(positions=some(3), reason=Reason.TOO_LONG),
    )


def test_validate_passes_on_what_it_has_seen_before() -> None:
    part = part_over(0b11, b"\x02\x03")
    assert validate_text.decide(part, validate_text.TextFacts(columns=None, invalid=set)) == (Next(positions=0b11),)


PREFIXES = st.dictionaries(
    st.sampled_from(["", "+4", "+49", "+4915", "+491511", "+4915112345678", "+1", "+120"]),
    st.tuples(st.sampled_from(["a", "b", "ghost"]), st.integers(0, 3)),
    max_size=8,
)


@given(
    st.lists(st.integers(10**7, 10**15 - 1) | st.integers(491511234567800, 491511234567899), min_size=1, max_size=40),
    PREFIXES,
)
def test_routes_cover_and_take_the_longest_prefix(to: list[int], rows: dict[str, tuple[str, int]]) -> None:
    routes = [RouteFact(prefix=prefix, carriers=(carrier,), price=price) for prefix, (carrier, price) in rows.items()]
    table = RouteTable(routes, {"a", "b"})
    slice_ = slice_of(to)
    columns = Columns(to=array("Q", to).tobytes())
    outcomes = route_slice.decide(whole(slice_), route_slice.RouteFacts(columns=columns, routes=table))
    check_cover(slice_.positions, outcomes)
    for outcome in outcomes:
        for place in places(outcome.positions):
            fitting = [r for r in routes if r.carriers[0] != "ghost" and f"+{to[place]}".startswith(r.prefix)]
            best = max(fitting, key=lambda r: len(r.prefix), default=None)
            if best is None:
                assert outcome == Reject(positions=outcome.positions, reason=Reason.NO_ROUTE)
            else:
                assert isinstance(outcome, Next)
                assert (outcome.carrier, outcome.price) == (best.carriers[0], best.price)


def test_a_priced_slice_keeps_its_way_while_the_carrier_is_known() -> None:
    table = RouteTable([RouteFact(prefix="", carriers=("b",), price=5)], {"a", "b"})
    columns = Columns(to=array("Q", numbers(60)).tobytes())
    facts = route_slice.RouteFacts(columns=columns, routes=table)
    assert route_slice.decide(part_over(0b11, b"\1\1", carrier="a", price=9), facts) == (Next(positions=0b11),)
    assert route_slice.decide(part_over(0b11, b"\1\1", carrier="gone", price=9), facts) == (
        Next(positions=0b11, carrier="b", carriers=("b",), price=5),
    )


def test_a_priced_slice_may_go_to_the_others_of_its_route_and_keeps_its_price() -> None:
    routes = [RouteFact(prefix="", carriers=("a", "b"), price=5), RouteFact(prefix="+49151", carriers=("c", "d"), price=5)]
    table = RouteTable(routes, {"a", "b", "c", "d"})
    to = [4_915_112_345_678, 4_917_012_345_678]
    facts = route_slice.RouteFacts(columns=Columns(to=array("Q", to).tobytes()), routes=table)
    part = replace(whole(slice_of(to)), segments=b"\1\1", carrier="b", price=9)
    assert route_slice.decide(part, facts) == (
        Next(positions=0b10, carriers=("a", "b")),
        Next(positions=0b01, carriers=("b",)),
    )


CARRIERS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)


SOME = st.sets(st.sampled_from("abcd"))


@given(CARRIERS, SETS, SOME, SOME, SOME)
def test_carriers_are_chosen_for_all_positions_in_order_of_preference(
    carriers: list[str], positions: int, nothing: set[str], probing: set[str], full: set[str]
) -> None:
    shares = choose_carriers(carriers, positions, nothing, probing, full)
    check_cover(positions, [Next(positions=share) for share in shares.values()])
    taking = [carrier for carrier in carriers if carrier not in nothing]
    able = [carrier for carrier in taking if carrier not in full] or taking
    assert next(iter(shares)) == (able or carriers)[0]
    for carrier, share in shares.items():
        assert carrier in able or not able
        if carrier in probing and any(one not in probing for one in able):
            assert share.bit_count() <= PROBES


@given(SETS, st.integers(0, 2**60 - 1), st.booleans())
def test_credit_covers(positions: int, granted: int, reject: bool) -> None:
    facts = reserve_credit.CreditFacts(granted=granted, lease="l", reject_when_short=reject, now=NOW)
    outcomes = reserve_credit.decide(part_over(positions), facts)
    check_cover(positions, outcomes)
    for outcome in outcomes:
        assert isinstance(outcome, Next) == bool(outcome.positions & granted)


@given(SETS, st.dictionaries(st.sampled_from("abc"), SETS, max_size=3), st.sampled_from(sorted(keep_assigned.CHANGING)))
def test_keep_assigned_covers(positions: int, sets: dict[str, int], reason: Reason) -> None:
    carriers: dict[str, int] = {}
    for carrier, members in sets.items():
        carriers[carrier] = members & ~sum(carriers.values())
    outcomes = keep_assigned.decide(part_over(positions), keep_assigned.KeepFacts(reason=reason, carriers=carriers, now=NOW))
    check_cover(positions, outcomes)
    for outcome in outcomes:
        assert isinstance(outcome, Reject) == (not outcome.positions & sum(carriers.values()))
        if isinstance(outcome, Next):
            assert outcome.positions & ~carriers[outcome.carrier or ""] == 0


@given(SETS, st.data())
def test_admit_covers_and_keeps_the_order(positions: int, data: st.DataObject) -> None:
    count = positions.bit_count()
    segments = bytes(data.draw(st.lists(st.integers(1, 9), min_size=count, max_size=count)))
    granted = data.draw(st.integers(0, 200))
    outcomes = admit_to_carrier.decide(
        part_over(positions, segments), admit_to_carrier.CapacityFacts(granted=granted, stopped=False, now=1)
    )
    check_cover(positions, outcomes)
    going = sum(outcome.positions for outcome in outcomes if isinstance(outcome, Next))
    used = sum(segments[: going.bit_count()])
    assert used <= granted
    assert places(going) == places(positions)[: going.bit_count()]
    assert going == positions or used + segments[going.bit_count()] > granted


@given(SETS, st.integers(0, 2**60 - 1), st.integers(0, 2**60 - 1), st.booleans())
def test_what_is_above_a_cap_waits_for_its_period_or_is_refused(
    positions: int, granted: int, capped: int, reject: bool
) -> None:
    facts = reserve_credit.CreditFacts(
        granted=granted & ~capped,
        lease=None,
        capped=capped,
        capped_until=NOW + 5,
        reject_when_capped=reject,
        reject_when_short=False,
        now=NOW,
    )
    outcomes = reserve_credit.decide(part_over(positions), facts)
    check_cover(positions, outcomes)
    above = positions & capped
    if above and reject:
        assert Reject(positions=above, reason=Reason.CAP_REACHED) in outcomes
    elif above:
        assert Hold(positions=above, reason=Reason.CAP, until=NOW + 5) in outcomes
