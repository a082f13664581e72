"""The way of a message out of records: each hop once, in order, with what it waited for; what cannot be told is said.

In: records of the topics, what PostgreSQL knows. Out: hops, notes, stretches to read.
"""

from __future__ import annotations

from typing import Any

from gateway.messages.trace import Facts, _known, _notes, told, windows_of
from gateway.messages.trace_hops import Hop, hops_of, waits_for
from infra.kafka.time_windows import Found, Window, merged
from schemas.records.topics import DAY
from schemas.records.wire import Change, MessageEvents, Record, Released, Settled, Started, Verdict
from tests.support.log_records import CHUNK, NOW, TENANT, held

EVENTS, CALLS = "message-events-marketing", "attempts-marketing"


def event(
    at: int, status: str, reason: str = "none", send: int = 1, positions: int = 0b11, **more: str
) -> tuple[str, Record]:
    change = Change(status=status, send=send, positions=positions, reason=reason, **more)  # type: ignore[arg-type]
    record = MessageEvents(
        tenant=TENANT, campaign=None, chunk=CHUNK, part=0, size=2, lane="marketing", at=NOW + at, changes=[change]
    )
    return EVENTS, record


OF_CHUNK: dict[str, Any] = {
    "epoch": 0,
    "carrier": "acme",
    "tenant": TENANT,
    "campaign": None,
    "chunk": CHUNK,
    "part": 0,
    "size": 2,
    "lane": "marketing",
    "round": 0,
    "price_class": 0,
}


def call(at: int, send: int, positions: int = 0b11) -> tuple[str, Record]:
    return CALLS, Started(
        **OF_CHUNK,
        send=send,
        attempts=0,
        positions=positions,
        dispatch_offset=0,
        at=NOW + at,
    )


def answered(at: int, send: int, *verdicts: Verdict, ids: str = "") -> tuple[str, Record]:
    return CALLS, Settled(
        **OF_CHUNK,
        send=send,
        attempts=1,
        positions=sum(verdict.positions for verdict in verdicts),
        price=700,
        lease=None,
        at=NOW + at,
        verdicts=list(verdicts),
        indexes=b"",
        segments=b"",
        ids=ids,
        to_hashes=b"",
        key_id="",
    )


def verdict(outcome: str, positions: int, reason: str = "none", code: str | None = None) -> Verdict:
    return Verdict(outcome=outcome, reason=reason, code=code, positions=positions)


RECORDS = [
    event(100, "scheduled", "scheduled"),
    event(100, "scheduled", "scheduled"),  # a repeat behind a kill
    ("held", Released(tenant=TENANT, chunk=CHUNK, send=1, hold=0, portion=0, positions=0b11, at=NOW + 5_000)),
    event(5_100, "queued", carrier="acme"),
    call(5_200, 1),
    answered(5_300, 1, verdict("sent", 0b10), verdict("transient", 0b01, "carrier_transient", "ESME_RSYSERR"), ids="77"),
    event(5_350, "sending"),
    event(5_350, "sent", positions=0b10),
    event(5_350, "queued", "carrier_transient", send=2, positions=0b01),
    call(16_000, 2, 0b01),
    answered(16_100, 2, verdict("sent", 0b01), ids="78"),
    event(17_000, "delivered", send=2, positions=0b01, code="000"),
]


def facts(**given: object) -> Facts:
    values: dict[str, object] = {
        "chunk": CHUNK,
        "place": 0,
        "lane": "marketing",
        "accepted_at": NOW,
        "due_at": NOW + 5_000,
        "sequence": 2**20 + 12,
        "reason": 0,
        "second": NOW // 1000 + 17,
        "carrier": "acme",
        "code": None,
        "calls": [(1, "acme", 3, NOW + 5_300), (2, "acme", 3, NOW + 16_100)],
        "waits": [(1, "scheduled", None, NOW + 5_000, NOW + 100, False)],
        **given,
    }
    return Facts(**values)  # type: ignore[arg-type]


def test_each_hop_stands_once_in_order_with_what_the_carrier_said() -> None:
    hops = hops_of(RECORDS, 0)
    assert [(hop.hop, hop.send, hop.code or hop.carrier_message_id or hop.reason) for hop in hops] == [
        ("scheduled", 1, "scheduled"),
        ("released", 1, None),
        ("queued", 1, None),
        ("called", 1, None),
        ("answered", 1, "ESME_RSYSERR"),
        ("queued", 2, "carrier_transient"),
        ("called", 2, None),
        ("answered", 2, "78"),
        ("delivered", 2, "000"),
    ]
    assert [hop.hop for hop in hops_of(RECORDS, 1)][-2:] == ["called", "answered"]
    assert hops_of(RECORDS, 1)[-1].carrier_message_id == "77"
    assert hops_of(RECORDS, 2) == []


def test_a_draft_waited_before_it_was_let_go() -> None:
    """No change of state tells of it: what is uploaded says `accepted` until it is started."""
    hops = hops_of([("held", held(reason="draft", at=NOW + 100)), RECORDS[2]], 0)
    assert [(hop.hop, hop.reason, waits_for(hop)) for hop in hops] == [
        ("held", "draft", "draft"),
        ("released", None, "intake"),
    ]


def test_it_says_what_was_waited_for_and_how_long() -> None:
    hops = [Hop(NOW, "accepted", 1, "postgresql"), *hops_of(RECORDS, 0)]
    shown = told(hops, facts(), NOW + 20_000)
    assert [(hop.waited_for, hop.waited_seconds) for hop in shown] == [
        (None, None),
        ("intake", 0.1),
        ("scheduled", 4.9),
        ("intake", 0.1),
        ("carrier", 0.1),
        ("answer", 0.1),
        ("another_try", 0.05),
        ("carrier", 10.65),
        ("answer", 0.1),
        ("receipt", 0.9),
    ]
    assert shown[-1].hop == "delivered"


def test_what_waits_still_says_since_when_and_until() -> None:
    waiting = facts(
        sequence=17, reason=9, second=NOW // 1000, calls=[], waits=[(1, "scheduled", None, NOW + 9_000, NOW + 100, True)]
    )
    hops = [Hop(NOW, "accepted", 1, "postgresql"), *hops_of(RECORDS[:1], 0)]
    last = told(hops, waiting, NOW + 4_100)[-1]
    assert (last.hop, last.waited_for, last.waited_seconds) == ("waiting", "scheduled", 4.0)
    assert last.until == told(hops, waiting, NOW)[1].until is not None


def test_a_draft_waits_until_no_time() -> None:
    draft = facts(sequence=17, reason=1, calls=[], waits=[(1, "draft", None, NOW + 100, NOW + 100, True)])
    hops = [Hop(NOW, "accepted", 1, "postgresql"), Hop(NOW + 100, "held", 1, EVENTS, "draft", waits_for="draft")]
    shown = told(hops, draft, NOW + 60_000)
    assert [(hop.hop, hop.reason, hop.until) for hop in shown][1:] == [("held", "draft", None), ("waiting", "draft", None)]


def test_without_records_postgresql_says_what_it_knows_and_the_notes_say_why() -> None:
    old = [Hop(NOW, "accepted", 1, "postgresql")]
    assert [(hop.hop, hop.send, hop.source) for hop in _known(facts(), old)] == [
        ("called", 1, "postgresql"),
        ("called", 2, "postgresql"),
        ("delivered", 2, "postgresql"),
    ]
    windows = windows_of(facts(), "msg_x")
    assert _notes(Found([], [], []), windows, NOW + 60_000) == []
    later = _notes(Found([], [windows[0]], []), windows, NOW + 15 * DAY)
    assert any("message-events-marketing keeps its records for 14 days" in note for note in later)
    assert any("attempts-marketing keeps its records for 14 days" in note for note in later)
    assert "hops may be missing" in later[-1]


def test_it_reads_stretches_around_what_is_known_and_no_more() -> None:
    windows = merged(windows_of(facts(due_at=NOW + 86_400_000, second=NOW // 1000 + 86_417), "msg_x"))
    assert {window.topic for window in windows} == {EVENTS, CALLS, "held", "delivery-receipts"}
    assert max(window.until - window.since for window in windows) < 60_000
    assert {window.partition for window in windows if window.topic == CALLS} == {3, 11}


def test_stretches_that_meet_are_read_once() -> None:
    one = Window("t", 0, 0, 10, frozenset({b"k"}))
    assert merged([one._replace(since=9, until=20), one, one._replace(partition=1), one._replace(since=30, until=31)]) == [
        one._replace(until=20),
        one._replace(since=30, until=31),
        one._replace(partition=1),
    ]
