"""SMPP command_status: its name, and what it means for a message that was answered with it.

In: the 32-bit status of an answer, and what a carrier's own setting `[carriers.errors]` says of it. Out: name as in SMPP 3.4
table 5-2 (where SMPP 5.0 renames one, the name of 3.4) or 5.0 table 4-45, and a class. A status that no standard defines,
such as those of a vendor from 0x400 on, gets its hexadecimal number as name and the class `unknown`, until the carrier's
setting says better. `code_of` reads such a number; ValueError says what is wrong with it and what to write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

StatusClass = Literal["permanent", "throttled", "transient", "unknown"]
MEANING_OF_CLASS: Mapping[StatusClass, str] = {
    "permanent": "the message has failed",
    "throttled": "it is sent again when there is room; no attempt is counted",
    "transient": "it is tried again on the ladder of retries",
    "unknown": "the message has failed, and is kept as a dead letter for the operator",
}

ESME_ROK = 0x00
ESME_RINVCMDLEN = 0x02
ESME_RINVCMDID = 0x03
ESME_RINVBNDSTS = 0x04
ESME_RALYBND = 0x05
ESME_RSYSERR = 0x08
ESME_RINVPASWD = 0x0E
ESME_RINVSYSID = 0x0F
ESME_RMSGQFUL = 0x14
ESME_RTHROTTLED = 0x58
ESME_RX_T_APPN = 0x64
ESME_RX_P_APPN = 0x65
ESME_RX_R_APPN = 0x66


# Transient here means: the same submit may succeed later or over another connection. Refusals that speak of the bind
# (0x04, 0x05, 0x0D, 0x0E, 0x0F) say nothing against the message, so it may go again.
class Row(NamedTuple):
    """One status of the standard. `since`: the version of SMPP that defines it."""

    status: int
    name: str
    klass: StatusClass
    since: str = "3.4"


TABLE: tuple[Row, ...] = (
    Row(0x01, "ESME_RINVMSGLEN", "permanent"),
    Row(0x02, "ESME_RINVCMDLEN", "permanent"),
    Row(0x03, "ESME_RINVCMDID", "permanent"),
    Row(0x04, "ESME_RINVBNDSTS", "transient"),
    Row(0x05, "ESME_RALYBND", "transient"),
    Row(0x06, "ESME_RINVPRTFLG", "permanent"),
    Row(0x07, "ESME_RINVREGDLVFLG", "permanent"),
    Row(0x08, "ESME_RSYSERR", "transient"),
    Row(0x0A, "ESME_RINVSRCADR", "permanent"),
    Row(0x0B, "ESME_RINVDSTADR", "permanent"),
    Row(0x0C, "ESME_RINVMSGID", "permanent"),
    Row(0x0D, "ESME_RBINDFAIL", "transient"),
    Row(0x0E, "ESME_RINVPASWD", "transient"),
    Row(0x0F, "ESME_RINVSYSID", "transient"),
    Row(0x11, "ESME_RCANCELFAIL", "permanent"),
    Row(0x13, "ESME_RREPLACEFAIL", "permanent"),
    Row(0x14, "ESME_RMSGQFUL", "throttled"),
    Row(0x15, "ESME_RINVSERTYP", "permanent"),
    Row(0x33, "ESME_RINVNUMDESTS", "permanent"),
    Row(0x34, "ESME_RINVDLNAME", "permanent"),
    Row(0x40, "ESME_RINVDESTFLAG", "permanent"),
    Row(0x42, "ESME_RINVSUBREP", "permanent"),
    Row(0x43, "ESME_RINVESMCLASS", "permanent"),
    Row(0x44, "ESME_RCNTSUBDL", "permanent"),
    Row(0x45, "ESME_RSUBMITFAIL", "transient"),
    Row(0x48, "ESME_RINVSRCTON", "permanent"),
    Row(0x49, "ESME_RINVSRCNPI", "permanent"),
    Row(0x50, "ESME_RINVDSTTON", "permanent"),
    Row(0x51, "ESME_RINVDSTNPI", "permanent"),
    Row(0x53, "ESME_RINVSYSTYP", "permanent"),
    Row(0x54, "ESME_RINVREPFLAG", "permanent"),
    Row(0x55, "ESME_RINVNUMMSGS", "permanent"),
    Row(0x58, "ESME_RTHROTTLED", "throttled"),
    Row(0x61, "ESME_RINVSCHED", "permanent"),
    Row(0x62, "ESME_RINVEXPIRY", "permanent"),
    Row(0x63, "ESME_RINVDFTMSGID", "permanent"),
    Row(0x64, "ESME_RX_T_APPN", "transient"),
    Row(0x65, "ESME_RX_P_APPN", "permanent"),
    Row(0x66, "ESME_RX_R_APPN", "permanent"),
    Row(0x67, "ESME_RQUERYFAIL", "permanent"),
    Row(0xC0, "ESME_RINVOPTPARSTREAM", "permanent"),
    Row(0xC1, "ESME_ROPTPARNOTALLWD", "permanent"),
    Row(0xC2, "ESME_RINVPARLEN", "permanent"),
    Row(0xC3, "ESME_RMISSINGOPTPARAM", "permanent"),
    Row(0xC4, "ESME_RINVOPTPARAMVAL", "permanent"),
    Row(0xFE, "ESME_RDELIVERYFAILURE", "transient"),
    Row(0xFF, "ESME_RUNKNOWNERR", "unknown"),
    Row(0x100, "ESME_RSERTYPUNAUTH", "permanent", "5.0"),
    Row(0x101, "ESME_RPROHIBITED", "permanent", "5.0"),
    Row(0x102, "ESME_RSERTYPUNAVAIL", "transient", "5.0"),
    Row(0x103, "ESME_RSERTYPDENIED", "permanent", "5.0"),
    Row(0x104, "ESME_RINVDCS", "permanent", "5.0"),
    Row(0x105, "ESME_RINVSRCADDRSUBUNIT", "permanent", "5.0"),
    Row(0x106, "ESME_RINVDSTADDRSUBUNIT", "permanent", "5.0"),
    Row(0x107, "ESME_RINVBCASTFREQINT", "permanent", "5.0"),
    Row(0x108, "ESME_RINVBCASTALIAS_NAME", "permanent", "5.0"),
    Row(0x109, "ESME_RINVBCASTAREAFMT", "permanent", "5.0"),
    Row(0x10A, "ESME_RINVNUMBCAST_AREAS", "permanent", "5.0"),
    Row(0x10B, "ESME_RINVBCASTCNTTYPE", "permanent", "5.0"),
    Row(0x10C, "ESME_RINVBCASTMSGCLASS", "permanent", "5.0"),
    Row(0x10D, "ESME_RBCASTFAIL", "permanent", "5.0"),
    Row(0x10E, "ESME_RBCASTQUERYFAIL", "permanent", "5.0"),
    Row(0x10F, "ESME_RBCASTCANCELFAIL", "permanent", "5.0"),
    Row(0x110, "ESME_RINVBCAST_REP", "permanent", "5.0"),
    Row(0x111, "ESME_RINVBCASTSRVGRP", "permanent", "5.0"),
    Row(0x112, "ESME_RINVBCASTCHANIND", "permanent", "5.0"),
)
_MEANING: Mapping[int, tuple[str, StatusClass]] = {row.status: (row.name, row.klass) for row in TABLE}
_WRITTEN = re.compile(r"0[xX][0-9a-fA-F]{1,8}")
NONE: Mapping[int, StatusClass] = {}


def describe(status: int, own: Mapping[int, StatusClass] = NONE) -> tuple[str, StatusClass]:
    """Name and class of a status other than ESME_ROK; `own`: classes that the carrier's setting gives."""
    name, klass = _MEANING.get(status) or (written(status), "unknown")
    return name, own.get(status, klass)


def written(status: int) -> str:
    """As logs, dead letters and settings show a status that has no name."""
    return f"0x{status:08X}"


def code_of(text: str) -> int:
    """The status that somebody wrote, such as `0x00000400`. Raises ValueError."""
    if not _WRITTEN.fullmatch(text):
        raise ValueError(f"{text!r} is no command_status; write 0x and up to eight hexadecimal digits, such as 0x00000400")
    status = int(text, 16)
    if status == ESME_ROK:
        raise ValueError(f"{text!r} says that all is well; leave it out")
    return status


def own_classes(errors: Mapping[str, StatusClass]) -> dict[int, StatusClass]:
    """The setting `[carriers.errors]` by number. Raises ValueError for what is no code, or stands twice."""
    out: dict[int, StatusClass] = {}
    for text, klass in errors.items():
        status = code_of(text)
        if status in out:
            raise ValueError(f"{text!r} is there twice, as {written(status)}; leave one of them out")
        out[status] = klass
    return out
