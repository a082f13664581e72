"""The conservation checker: what was accepted, against the log of calls, the state, the public events and the money.

In: settings (Kafka, PostgreSQL), a campaign or all. Out: a `VerifyReport`. It changes nothing. First it waits, at most
`wait` seconds, until every consumer has reached the ends that the topics had at the start; then it reads the logs up to
these ends, PostgreSQL in one snapshot, and the ingest topics anew. A message is *accepted* when its chunk stands in
`ingest-<lane>` as the gateway wrote it and, for a campaign's, its part is listed.

    LOST        accepted 10 s before the start, in no state, and waiting in no row of `held`; a part with fewer
                messages in the log than its answer said; a state announced in `message-events` that PostgreSQL never
                took; an answer `sent` in the log of calls while the state stands below `sent`; a state at an end for
                60 s of which `delivery-receipts` does not tell; a campaign whose counts are not those of its messages
    DUP_EFFECT  answered `sent` or `partial` more than once, whatever the send; or started again after such an answer, or
                after any answer under the same send, or after it was concluded as uncertain; marketing also: started again
                while uncertain. Not counted: an otp or transactional message sent once more after it was unanswered; a
                third start is
    DUP_BILL    a position charged in more than one round, or more than the price of its segments
    PHANTOM     a state, a call, a charge or a public event of a message that was never accepted; a state that only a call
                leads to, without a call
    STUCK       not final, waiting in no row of `held`, unchanged for 60 s, every consumer at its end
    REGRESS     PostgreSQL holds a lower sequence than one that was announced
    LEAK        an account whose reserved or charged sum is not that of its rows; a message charged that no carrier can
                have; a message answered, or at an end for 60 s, and still reserved; a message taken and never charged;
                a campaign that shows another price than was charged
    OVERRATE    more segments answered in 10 s, or in 60 s, than the carrier's rate, one lease and all that can be in
                flight allow

What a topic no longer holds because of its age is not asked for. Not violations: messages in flight, held, uncertain, or
sent without a receipt. `LogUnreadable`, `DatabaseDown` or `KafkaException` when a service does not answer.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from infra.kafka.log_reader import end_offsets, read_log
from infra.kafka.records import PartitionKey
from infra.kafka.security import Cluster
from infra.postgres.session import Session, Writer
from infra.postgres.sql import load_sql
from infra.settings.model import Settings
from infra.verify import calls as call_log
from infra.verify import history as histories
from infra.verify.accepted import AcceptedChunk, Key, Ledger
from infra.verify.judge_messages import MessageJudge, Row
from infra.verify.judge_money import AccountRow, CampaignRow, MoneyJudge, ReservationRow
from infra.verify.judge_rate import CarrierSlack, RateRow, judge_rates
from infra.verify.readers import wait_for_readers
from infra.verify.report import Findings, VerifyReport, render_table
from schemas.records import topics
from schemas.values.lanes import Lane
from schemas.values.status import STATUSES

__all__ = ["VerifyReport", "render_table", "verify"]

_PACKAGE = "infra.verify"
INGEST = tuple(topics.ingest(lane) for lane in Lane)


def verify(settings: Settings, *, campaign: str | None = None, wait: float = 30) -> VerifyReport:
    """Judge everything, or one campaign (then without accounts and carriers, which several share)."""
    if settings.kafka.bootstrap is None or settings.postgres.url is None:
        raise ValueError("verify needs SLUICE_KAFKA__BOOTSTRAP and SLUICE_POSTGRES__URL")
    kafka = settings.kafka
    session, later = (Session(settings.postgres.url.get_secret_value(), name="sluice-verify") for _ in range(2))
    started_at = time.time_ns() // 1_000_000
    try:
        behind, judged, announced = wait_for_readers(kafka, session, wait)
        history = histories.History()
        for entry in read_log(kafka, {place: end for place, end in announced.items() if place[0] in histories.TOPICS}):
            history.read(entry)
        history.horizon.end({place: end for place, end in announced.items() if place[0] == topics.DELIVERY_RECEIPTS})
        with session.transaction(snapshot=True) as snapshot:
            ledger = Ledger(snapshot.rows(load_sql(_PACKAGE, "parts")))
            calls = _read_logs(kafka, judged, ledger)
            with later.transaction() as present:
                ledger.listed_later.update(key[:3] for key in present.rows(load_sql(_PACKAGE, "parts")))
            for row in snapshot.stream(load_sql(_PACKAGE, "payloads")):
                ledger.add_chunk(AcceptedChunk(*row))
            return _Check(snapshot, ledger, calls, history, campaign, not behind, started_at).run(behind)
    finally:
        session.close()
        later.close()


class _Check:
    """One run over one snapshot."""

    def __init__(
        self,
        snapshot: Writer,
        ledger: Ledger,
        calls: call_log.CallLog,
        history: histories.History,
        campaign: str | None,
        settled: bool,
        started_at: int,
    ) -> None:
        self._snapshot = snapshot
        self._ledger = ledger
        self._calls = calls
        self._history = history
        self._campaign = campaign
        self._settled = settled
        self._findings = Findings()
        self._priced: set[Key] = set()
        self._by_campaign: dict[Key, list[int]] = {}
        self._messages = MessageJudge(
            ledger=ledger,
            calls=calls,
            history=history,
            waiting=_waiting(snapshot),
            settled=settled,
            started_at=started_at,
            now=time.time_ns() // 1_000_000,
            findings=self._findings,
        )

    def run(self, behind: list[str]) -> VerifyReport:
        """Judge chunk by chunk, then what belongs to nobody, then the money and the pace."""
        seen = self._chunks()
        self._counts()
        for key, chunk in self._ledger.chunks.items():
            if key not in seen and self._ledger.counts(chunk) and self._asked(chunk.campaign):
                self._messages.judge(chunk, None)
        self._parts()
        self._strangers()
        self._money()
        if self._campaign is None:
            rates = [RateRow(*row) for row in self._rows("carrier_rates")]
            slack = {row[0]: CarrierSlack(binds=row[1], window=row[2]) for row in self._rows("carrier_slack")}
            judge_rates(self._calls.pace, self._calls.longest, rates, slack, self._findings)
        return VerifyReport(
            accepted=self._messages.accepted,
            states=self._messages.states,
            in_flight=self._messages.in_flight,
            violations=self._findings.violations(),
            behind=behind,
        )

    def _chunks(self) -> set[Key]:
        seen: set[Key] = set()
        for tenant, chunk, campaign, sequences, seconds, priced in self._stream("chunk_states"):
            if not self._asked(campaign):
                continue
            seen.add((tenant, chunk))
            if priced:
                self._priced.add((tenant, chunk))
            if campaign is not None:
                row = self._by_campaign.setdefault((tenant, campaign), [0] * len(STATUSES))
                for place, number in Counter(sequences).items():
                    row[place & 15] += number
            accepted = self._ledger.chunks.get((tenant, chunk))
            if accepted is None or not self._ledger.counts(accepted) or accepted.size != len(sequences):
                self._messages.strange((tenant, chunk), 1, "a state")
            else:
                self._messages.judge(accepted, Row(tenant, chunk, sequences, seconds))
        return seen

    def _counts(self) -> None:
        """What campaigns show, against the states of their messages; `accepted` is never counted there."""
        shown: dict[Key, list[int]] = {}
        for tenant, campaign, rank, number in self._rows("campaign_counts"):
            if rank and self._asked(campaign):
                shown.setdefault((tenant, campaign), [0] * len(STATUSES))[rank] = number
        for key in sorted(shown.keys() | self._by_campaign.keys()):
            counted, real = shown.get(key, [0] * len(STATUSES)), self._by_campaign.get(key, [0] * len(STATUSES))
            wrong = [
                f"{STATUSES[r]} {counted[r]} instead of {real[r]}" for r in range(1, len(STATUSES)) if counted[r] != real[r]
            ]
            if wrong:
                self._findings.report(
                    "LOST", "a campaign whose counts are not those of its messages", [f"{key[1]} ({', '.join(wrong)})"]
                )

    def _parts(self) -> None:
        for (tenant, campaign, part), recipients in self._ledger.listed.items():
            received = self._ledger.received.get((tenant, campaign, part), 0)
            if self._asked(campaign) and received < recipients:
                self._findings.report(
                    "LOST",
                    "a part with fewer messages in the log than were accepted",
                    [f"{campaign} part {part}: {received} of {recipients}"],
                )

    def _strangers(self) -> None:
        if self._campaign is not None:
            return
        for key, calls in self._calls.chunks.items():
            if not self._known(key):
                self._messages.strange(key, calls.touched, "a call")
        for key in self._history.said:
            if not self._known(key):
                self._messages.strange(key, 1, "an announced state")
        known = (c for c in self._ledger.chunks.values() if self._ledger.known(c))
        self._findings.report(
            "PHANTOM", "a public event of a message that was never accepted", self._history.public.strangers(known)
        )

    def _money(self) -> None:
        judge = MoneyJudge(self._ledger, self._calls, self._findings, self._messages.ended, settled=self._settled)
        for (
            tenant,
            chunk,
            campaign,
            round_,
            price_class,
            price,
            positions,
            segments,
            amount,
            charged,
            refunded,
            sum_,
            at,
        ) in self._stream("reservations"):
            accepted = self._ledger.chunks.get((tenant, chunk))
            if not self._asked(campaign if accepted is None else accepted.campaign):
                continue
            if not self._known((tenant, chunk)):
                self._messages.strange((tenant, chunk), int.from_bytes(charged, "little"), "a charge")
            judge.judge(
                ReservationRow(
                    tenant,
                    chunk,
                    round_,
                    price_class,
                    price,
                    int.from_bytes(positions, "little"),
                    segments,
                    amount,
                    int.from_bytes(charged, "little"),
                    int.from_bytes(refunded, "little"),
                    sum_,
                    at,
                )
            )
        judge.unpaid(self._priced)
        if self._campaign is None:
            judge.campaigns(CampaignRow(*row) for row in self._rows("campaign_prices"))
            judge.accounts(AccountRow(*row) for row in self._rows("accounts"))

    def _known(self, key: Key) -> bool:
        chunk = self._ledger.chunks.get(key)
        return chunk is not None and self._ledger.known(chunk)

    def _asked(self, campaign: str | None) -> bool:
        return self._campaign is None or campaign == self._campaign

    def _rows(self, name: str) -> list[Any]:
        return self._snapshot.rows(load_sql(_PACKAGE, name))

    def _stream(self, name: str) -> Iterator[Any]:
        return self._snapshot.stream(load_sql(_PACKAGE, name))


def _read_logs(kafka: Cluster, judged: dict[PartitionKey, int], ledger: Ledger) -> call_log.CallLog:
    """Calls, then chunks, both up to now and after the snapshot: whatever PostgreSQL knows then stands in them."""
    calls = call_log.CallLog()
    ends = end_offsets(kafka, call_log.TOPICS)
    for entry in read_log(kafka, ends):
        calls.read(entry, judged=entry.offset < judged[(entry.topic, entry.partition)])
    calls.horizon.end(ends)
    for entry in read_log(kafka, end_offsets(kafka, INGEST)):
        ledger.read(entry)
    return calls


def _waiting(snapshot: Writer) -> dict[Key, int]:
    out: dict[Key, int] = {}
    for tenant, chunk, positions in snapshot.stream(load_sql(_PACKAGE, "waiting")):
        out[(tenant, chunk)] = out.get((tenant, chunk), 0) | int.from_bytes(positions, "little")
    return out
