"""Whose fault it is when a statement fails: the value's, PostgreSQL's, or ours.

In: an exception. Out: whether what was to be written is to blame (text with U+0000, a number or a time out of range, a key
longer than an index takes, a constraint): then nothing but that record is at fault, asking again leads nowhere and the
records beside it may go on. `DatabaseDown` is an outage: asked again, nothing is given up. Everything else is more likely
a fault of this version, so that whoever writes dead letters for it should stop soon.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from schemas.records.codec import DecodeError
from schemas.records.slice import RecordError


class ValueRefused(psycopg.DataError):
    """A value beyond a limit of PostgreSQL, or one key twice in a statement; the message says which."""


# Trap: psycopg derives "index row size exceeds maximum" from OperationalError, like a lost connection: taken for an outage
# it would be asked again for ever. A key twice in one statement it calls a fault of the program, like a missing table.
_VALUE = (errors.ProgramLimitExceeded, errors.StatementTooComplex, errors.CardinalityViolation)
_DATA = (psycopg.DataError, psycopg.IntegrityError, RecordError, DecodeError, UnicodeError, OverflowError, struct.error)


@contextmanager
def values_told_apart() -> Iterator[None]:
    """Raises ValueRefused where PostgreSQL's class of the fault would say something else."""
    try:
        yield
    except _VALUE as fault:
        raise ValueRefused(str(fault)) from fault


def is_data_fault(fault: BaseException) -> bool:
    """Whether the value is to blame."""
    return isinstance(fault, _DATA)
