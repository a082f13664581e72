"""SMPP command_status: its name, and what it means for a message that was answered with it.

In: the 32-bit status of an answer. Out: name as in SMPP 3.4 table 5-2 and a class. A status that the standard does not
define gets its hexadecimal number as name and the class `unknown`. Nothing can go wrong.
"""

from typing import Literal

StatusClass = Literal["permanent", "throttled", "transient", "unknown"]

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
_TABLE: tuple[tuple[int, str, StatusClass], ...] = (
    (0x01, "ESME_RINVMSGLEN", "permanent"),
    (0x02, "ESME_RINVCMDLEN", "permanent"),
    (0x03, "ESME_RINVCMDID", "permanent"),
    (0x04, "ESME_RINVBNDSTS", "transient"),
    (0x05, "ESME_RALYBND", "transient"),
    (0x06, "ESME_RINVPRTFLG", "permanent"),
    (0x07, "ESME_RINVREGDLVFLG", "permanent"),
    (0x08, "ESME_RSYSERR", "transient"),
    (0x0A, "ESME_RINVSRCADR", "permanent"),
    (0x0B, "ESME_RINVDSTADR", "permanent"),
    (0x0C, "ESME_RINVMSGID", "permanent"),
    (0x0D, "ESME_RBINDFAIL", "transient"),
    (0x0E, "ESME_RINVPASWD", "transient"),
    (0x0F, "ESME_RINVSYSID", "transient"),
    (0x11, "ESME_RCANCELFAIL", "permanent"),
    (0x13, "ESME_RREPLACEFAIL", "permanent"),
    (0x14, "ESME_RMSGQFUL", "throttled"),
    (0x15, "ESME_RINVSERTYP", "permanent"),
    (0x33, "ESME_RINVNUMDESTS", "permanent"),
    (0x34, "ESME_RINVDLNAME", "permanent"),
    (0x40, "ESME_RINVDESTFLAG", "permanent"),
    (0x42, "ESME_RINVSUBREP", "permanent"),
    (0x43, "ESME_RINVESMCLASS", "permanent"),
    (0x44, "ESME_RCNTSUBDL", "permanent"),
    (0x45, "ESME_RSUBMITFAIL", "transient"),
    (0x48, "ESME_RINVSRCTON", "permanent"),
    (0x49, "ESME_RINVSRCNPI", "permanent"),
    (0x50, "ESME_RINVDSTTON", "permanent"),
    (0x51, "ESME_RINVDSTNPI", "permanent"),
    (0x53, "ESME_RINVSYSTYP", "permanent"),
    (0x54, "ESME_RINVREPFLAG", "permanent"),
    (0x55, "ESME_RINVNUMMSGS", "permanent"),
    (0x58, "ESME_RTHROTTLED", "throttled"),
    (0x61, "ESME_RINVSCHED", "permanent"),
    (0x62, "ESME_RINVEXPIRY", "permanent"),
    (0x63, "ESME_RINVDFTMSGID", "permanent"),
    (0x64, "ESME_RX_T_APPN", "transient"),
    (0x65, "ESME_RX_P_APPN", "permanent"),
    (0x66, "ESME_RX_R_APPN", "permanent"),
    (0x67, "ESME_RQUERYFAIL", "permanent"),
    (0xC0, "ESME_RINVOPTPARSTREAM", "permanent"),
    (0xC1, "ESME_ROPTPARNOTALLWD", "permanent"),
    (0xC2, "ESME_RINVPARLEN", "permanent"),
    (0xC3, "ESME_RMISSINGOPTPARAM", "permanent"),
    (0xC4, "ESME_RINVOPTPARAMVAL", "permanent"),
    (0xFE, "ESME_RDELIVERYFAILURE", "transient"),
    (0xFF, "ESME_RUNKNOWNERR", "unknown"),
)
_MEANING: dict[int, tuple[str, StatusClass]] = {status: (name, klass) for status, name, klass in _TABLE}


def describe(status: int) -> tuple[str, StatusClass]:
    """Name and class of a status other than ESME_ROK."""
    return _MEANING.get(status) or (f"0x{status:08X}", "unknown")
