"""Epochs in the log of carrier calls: who of several owners of a partition wrote a record.

In: a record and its offset. Out: the epoch of its writer. An owner's epoch is the offset of the record with which it took
over, so later owners have greater ones. Nothing can go wrong.
"""

from __future__ import annotations

from schemas.records.wire import Owner, Returned, Settled, Started

CallRecord = Owner | Started | Settled | Returned


def epoch_of(record: CallRecord, offset: int) -> int:
    """The epoch of the owner who wrote this record."""
    return offset if isinstance(record, Owner) else record.epoch
