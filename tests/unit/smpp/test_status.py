"""The table of command_status is whole, names things as the standard does, and gives way to a carrier's own table."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import consts

from connectors.carriers.contract import Refused, Throttled
from connectors.carriers.smpp.flight import Flight, refusal
from infra.settings.carriers import SmppSettings
from schemas.values import command_status as status

STANDARD = {value for name, value in vars(consts).items() if name.startswith("SMPP_ESME_R") and 0 < value < 0x100}
# SMPP 3.4 issue 1.2, table 5-2, by meaning: what a later or another submit of the same message can do nothing about.
PERMANENT_3_4 = [
    "RINVMSGLEN",
    "RINVCMDLEN",
    "RINVCMDID",
    "RINVPRTFLG",
    "RINVREGDLVFLG",
    "RINVSRCADR",
    "RINVDSTADR",
    "RINVMSGID",
    "RCANCELFAIL",
    "RREPLACEFAIL",
    "RINVSERTYP",
    "RINVNUMDESTS",
    "RINVDLNAME",
    "RINVDESTFLAG",
    "RINVSUBREP",
    "RINVESMCLASS",
    "RCNTSUBDL",
    "RINVSRCTON",
    "RINVSRCNPI",
    "RINVDSTTON",
    "RINVDSTNPI",
    "RINVSYSTYP",
    "RINVREPFLAG",
    "RINVNUMMSGS",
    "RINVSCHED",
    "RINVEXPIRY",
    "RINVDFTMSGID",
    "RX_P_APPN",
    "RX_R_APPN",
    "RQUERYFAIL",
    "RINVOPTPARSTREAM",
    "ROPTPARNOTALLWD",
    "RINVPARLEN",
    "RMISSINGOPTPARAM",
    "RINVOPTPARAMVAL",
]
TRANSIENT_3_4 = [
    "RINVBNDSTS",
    "RALYBND",
    "RSYSERR",
    "RBINDFAIL",
    "RINVPASWD",
    "RINVSYSID",
    "RSUBMITFAIL",
    "RX_T_APPN",
    "RDELIVERYFAILURE",
]
# SMPP 5.0, table 4-45, from 0x100 on and without a gap.
NEW_IN_5_0 = [
    "RSERTYPUNAUTH",
    "RPROHIBITED",
    "RSERTYPUNAVAIL",
    "RSERTYPDENIED",
    "RINVDCS",
    "RINVSRCADDRSUBUNIT",
    "RINVDSTADDRSUBUNIT",
    "RINVBCASTFREQINT",
    "RINVBCASTALIAS_NAME",
    "RINVBCASTAREAFMT",
    "RINVNUMBCAST_AREAS",
    "RINVBCASTCNTTYPE",
    "RINVBCASTMSGCLASS",
    "RBCASTFAIL",
    "RBCASTQUERYFAIL",
    "RBCASTCANCELFAIL",
    "RINVBCAST_REP",
    "RINVBCASTSRVGRP",
    "RINVBCASTCHANIND",
]
UNAVAILABLE = "ESME_RSERTYPUNAVAIL"
CLASSES = ("permanent", "throttled", "transient", "unknown")
EXPECTED: dict[str, status.StatusClass] = {
    **{f"ESME_{name}": "permanent" for name in (*PERMANENT_3_4, *NEW_IN_5_0)},
    **{f"ESME_{name}": "transient" for name in TRANSIENT_3_4},
    UNAVAILABLE: "transient",
    "ESME_RMSGQFUL": "throttled",
    "ESME_RTHROTTLED": "throttled",
    "ESME_RUNKNOWNERR": "unknown",
}


def test_every_status_of_the_standard_has_a_name_and_a_class() -> None:
    assert len(STANDARD) >= 40
    unnamed = [value for value in STANDARD if not status.describe(value)[0].startswith("ESME_R")]
    assert unnamed == []


def test_names_agree_with_another_implementation() -> None:
    theirs = {value: name.removeprefix("SMPP_") for name, value in vars(consts).items() if name.startswith("SMPP_ESME")}
    assert {value: status.describe(value)[0] for value in STANDARD} == {value: theirs[value] for value in STANDARD}


@pytest.mark.parametrize("row", status.TABLE, ids=lambda row: row.name)
def test_each_code_is_classed_by_what_the_standard_says_of_it(row: status.Row) -> None:
    assert (row.klass, status.describe(row.status)) == (EXPECTED[row.name], (row.name, row.klass))


def test_the_table_is_whole_and_has_nothing_twice() -> None:
    assert {row.name for row in status.TABLE} == set(EXPECTED)
    assert len({row.status for row in status.TABLE}) == len(status.TABLE) == len(EXPECTED)
    assert [row.status for row in status.TABLE] == sorted(row.status for row in status.TABLE)


def test_what_is_new_in_5_0_stands_where_5_0_puts_it() -> None:
    new = [(row.status, row.name) for row in status.TABLE if row.since == "5.0"]
    assert new == [(0x100 + n, f"ESME_{name}") for n, name in enumerate(NEW_IN_5_0)]


@pytest.mark.parametrize(("value", "name"), [(0x0400, "0x00000400"), (0x09, "0x00000009"), (0x4FF, "0x000004FF")])
def test_what_no_standard_has_is_unknown_under_its_number(value: int, name: str) -> None:
    assert status.describe(value) == (name, "unknown")


@given(st.integers(1, 0xFFFF_FFFF), st.sampled_from(CLASSES))
def test_a_carriers_own_class_wins_and_keeps_the_name(value: int, klass: status.StatusClass) -> None:
    settings = SmppSettings(host="h", port=1, system_id="s", errors={status.written(value): klass})
    name, _ = status.describe(value)
    assert status.describe(value, settings.own_classes) == (name, klass)
    result = refusal(Flight(ref=7, part=0, ids=(), on_result=print, at=0.0), value, settings.own_classes)
    assert isinstance(result, Throttled) if klass == "throttled" else isinstance(result, Refused) and result.klass == klass
    assert result.code == name


@given(st.integers(1, 0xFFFF_FFFF))
def test_a_code_is_read_as_it_is_written_and_in_short(value: int) -> None:
    assert status.code_of(status.written(value)) == status.code_of(f"0x{value:x}") == value


@given(st.text(string.printable, max_size=12))
def test_what_is_no_code_is_told_with_its_mend(text: str) -> None:
    try:
        value = status.code_of(text)
    except ValueError as fault:
        assert repr(text) in str(fault) and ("write 0x" in str(fault) or "leave it out" in str(fault))
    else:
        assert 0 < value <= 0xFFFF_FFFF


def test_a_row_with_a_code_that_cannot_come_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"settings\.errors: '0x1G' is no command_status"):
        SmppSettings.from_columns({"host": "h", "port": 1, "system_id": "s", "errors": {"0x1G": "permanent"}}, "")
