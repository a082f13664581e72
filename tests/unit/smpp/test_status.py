"""The table of command_status is whole and names things as the standard does."""

import pytest
from smpplib import consts

from connectors.carriers.smpp import status

STANDARD = {value for name, value in vars(consts).items() if name.startswith("SMPP_ESME_R") and 0 < value < 0x100}


def test_every_status_of_the_standard_has_a_name_and_a_class() -> None:
    assert len(STANDARD) >= 40
    unnamed = [value for value in STANDARD if not status.describe(value)[0].startswith("ESME_R")]
    assert unnamed == []


@pytest.mark.parametrize(
    ("value", "name", "klass"),
    [
        (0x58, "ESME_RTHROTTLED", "throttled"),
        (0x14, "ESME_RMSGQFUL", "throttled"),
        (0x0B, "ESME_RINVDSTADR", "permanent"),
        (0x08, "ESME_RSYSERR", "transient"),
        (0x64, "ESME_RX_T_APPN", "transient"),
        (0xFF, "ESME_RUNKNOWNERR", "unknown"),
        (0x0400, "0x00000400", "unknown"),
        (0x09, "0x00000009", "unknown"),
    ],
)
def test_classes(value: int, name: str, klass: str) -> None:
    assert status.describe(value) == (name, klass)


def test_names_agree_with_another_implementation() -> None:
    theirs = {value: name.removeprefix("SMPP_") for name, value in vars(consts).items() if name.startswith("SMPP_ESME")}
    assert {value: status.describe(value)[0] for value in STANDARD} == {value: theirs[value] for value in STANDARD}
