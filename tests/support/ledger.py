"""What must agree after a campaign: the API's counts and list, the carriers' logs, the public receipts.

In: rows of the API, entries of a simulator's log, records of a topic. Out: sentences about what does not agree, none when
all is well. Nothing here asks the product about itself twice: the log is the carrier's own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.simulator.log import Entry
from schemas.records.wire import DeliveryReceipt
from tests.support.topic_reader import TopicRecord

FINAL = ("delivered", "undelivered", "failed", "rejected", "expired", "canceled")
Row = Mapping[str, Any]


def recipients(numbers: Iterable[str], **variables: str) -> list[dict[str, Any]]:
    """Recipients of a campaign's body."""
    return [{"to": number} | ({"variables": variables} if variables else {}) for number in numbers]


def adds_up(counts: Mapping[str, int]) -> bool:
    """Whether `accepted` is the sum of all others."""
    return counts["accepted"] == sum(number for name, number in counts.items() if name != "accepted")


def settled(counts: Mapping[str, int], *, but: Sequence[str] = ()) -> bool:
    """Whether every message has a final state, or one of those named."""
    return sum(counts[name] for name in (*FINAL, *but)) == counts["accepted"]


def takings(entries: Iterable[Entry], numbers: Iterable[str]) -> dict[str, int]:
    """How often the carrier took a message (its first segment) to each of these numbers."""
    taken = Counter(f"+{entry.destination}" for entry in entries if entry.status == 0 and entry.sequence <= 1)
    return {number: taken[number] for number in numbers}


def twice(entries: Iterable[Entry], numbers: Iterable[str]) -> list[str]:
    """Numbers to which the carrier took more than one message."""
    return [number for number, times in takings(entries, numbers).items() if times > 1]


def by_status(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Destinations of the messages in each state."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row["status"]].append(row["to"])
    return dict(found)


def disagreements(
    counts: Mapping[str, int], rows: Sequence[Row], numbers: Sequence[str], entries: Iterable[Entry]
) -> list[str]:
    """Counts against list against log of a campaign at rest, message by message."""
    listed = by_status(rows)
    faults = [
        f"counts.{name} is {number}, the list has {len(listed.get(name, []))}"
        for name, number in counts.items()
        if name != "accepted" and len(listed.get(name, [])) != number
    ]
    if sorted(row["to"] for row in rows) != sorted(numbers):
        faults.append("the list does not hold each accepted number exactly once")
    taken = takings(entries, numbers)
    expected = {"delivered": 1, "undelivered": 1, "sent": 1, "failed": 0, "rejected": 0, "expired": 0, "canceled": 0}
    faults += [
        f"{number} is {status}, and the carrier took it {taken[number]} times"
        for status, times in expected.items()
        for number in listed.get(status, [])
        if taken[number] != times
    ]
    return faults


def receipt_faults(records: Iterable[TopicRecord], rows: Sequence[Row]) -> list[str]:
    """Every final message of `rows` has exactly one public receipt (by ce_id), which says what the API says."""
    found: dict[str, dict[str, DeliveryReceipt]] = defaultdict(dict)
    for record in records:
        receipt = record.decoded(DeliveryReceipt)
        found[receipt.message_id][record.headers["ce_id"]] = receipt
    faults = []
    for row in rows:
        receipts = found.get(row["id"], {})
        if [receipt.status for receipt in receipts.values()] != [row["status"]]:
            faults.append(f"{row['id']} is {row['status']}; receipts: {[(i, r.status) for i, r in receipts.items()]}")
    return faults
