"""Judges the money: DUP_BILL and LEAK.

In: reservations row by row, then which chunks cost something; the sums of balances, reservations and allowances, and of
campaigns, from one moment. Out: findings. All amounts in ten-thousandths of the currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from infra.verify.accepted import Key, Ledger
from infra.verify.calls import CallLog
from infra.verify.report import Findings
from schemas.values.positions import places


class ReservationRow(NamedTuple):
    """One retry round of a chunk."""

    tenant: str
    chunk: str
    round: int
    price_class: int
    price: int
    positions: int
    segments: bytes
    amount: int
    charged: int
    refunded: int
    charged_amount: int
    at: int


class CampaignRow(NamedTuple):
    """One campaign: what it shows as its price, and what its reservations charged."""

    campaign: str
    shown: int
    rows_charged: int


class AccountRow(NamedTuple):
    """One tenant: what the account says, and what the rows add up to."""

    tenant: str
    reserved: int
    charged: int
    rows_reserved: int
    rows_charged: int


class MoneyJudge:
    """`judge` each reservation, then the rest. `ended`: positions at an end long ago, by chunk."""

    def __init__(
        self, ledger: Ledger, calls: CallLog, findings: Findings, ended: Mapping[Key, int], *, settled: bool
    ) -> None:
        self._ledger = ledger
        self._calls = calls
        self._findings = findings
        self._settled = settled
        self._ended = ended
        self._charged: dict[Key, int] = {}

    def judge(self, row: ReservationRow) -> None:
        """One reservation."""
        key = (row.tenant, row.chunk)
        charged = self._charged.get(key, 0)
        self._note("DUP_BILL", "charged in more than one round", row, row.charged & charged)
        self._charged[key] = charged | row.charged
        most = row.price * sum(row.segments[p] for p in places(row.charged) if p < len(row.segments))
        if row.charged_amount > most:
            self._note("DUP_BILL", "charged more than the price of its segments", row, row.charged)
        self._unfounded(row, key)
        if self._settled:
            self._forgotten(row, key)

    def accounts(self, rows: Iterable[AccountRow]) -> None:
        """Sums of each tenant."""
        for row in rows:
            if row.reserved != row.rows_reserved:
                self._findings.report(
                    "LEAK",
                    "the account reserves another sum than its reservations and allowances",
                    [f"{row.tenant} ({row.reserved} instead of {row.rows_reserved})"],
                )
            if row.charged != row.rows_charged:
                self._findings.report(
                    "LEAK",
                    "the account was charged another sum than its messages",
                    [f"{row.tenant} ({row.charged} instead of {row.rows_charged})"],
                )

    def unpaid(self, priced: Iterable[Key]) -> None:
        """Chunks that cost something: whatever a carrier took of them is charged."""
        for key in priced if self._settled else ():
            calls, chunk = self._calls.chunks.get(key), self._ledger.chunks.get(key)
            free = 0 if calls is None else calls.due & ~self._charged.get(key, 0)
            if free and chunk is not None:
                self._findings.report("LEAK", "taken by a carrier and never charged", chunk.message_ids(free))

    def campaigns(self, rows: Iterable[CampaignRow]) -> None:
        """Prices that campaigns show."""
        for row in rows:
            if row.shown != row.rows_charged:
                self._findings.report(
                    "LEAK",
                    "a campaign shows another price than its messages were charged",
                    [f"{row.campaign} ({row.shown} instead of {row.rows_charged})"],
                )

    def _unfounded(self, row: ReservationRow, key: Key) -> None:
        """Charged, and no carrier can have it: never handed over, or refused each time and never uncertain."""
        calls = self._calls.chunks.get(key)
        if row.at < self._calls.horizon.whole_since:
            return
        possible = 0 if calls is None else calls.taken | calls.ever_uncertain | calls.open
        self._note("LEAK", "charged, though no carrier was given it", row, row.charged & ~possible)

    def _forgotten(self, row: ReservationRow, key: Key) -> None:
        """Still reserved, though its answer is in the log, or though it ended without one."""
        if row.amount == 0:
            return
        calls = self._calls.chunks.get(key)
        answered, unsure = (0, 0) if calls is None else (calls.answered, calls.ever_uncertain | calls.open)
        open_ = row.positions & ~(row.charged | row.refunded)
        self._note("LEAK", "still reserved, though its answer came", row, open_ & answered)
        self._note(
            "LEAK",
            "still reserved, though it has come to an end",
            row,
            open_ & self._ended.get(key, 0) & ~(answered | unsure),
        )

    def _note(self, kind: str, sentence: str, row: ReservationRow, positions: int) -> None:
        if positions:
            chunk = self._ledger.chunks.get((row.tenant, row.chunk))
            self._findings.report(kind, sentence, [row.chunk] if chunk is None else chunk.message_ids(positions))
