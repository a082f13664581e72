"""Receipts in the spellings that carriers use."""

from calendar import timegm
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.contract import Receipt
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.receipt import UnreadableReceipt
from connectors.carriers.smpp.receipt_reader import ReceiptReader
from schemas.values.foreign_text import MOST_ID, clean
from schemas.values.status import RECEIPT_STATES
from tests.support.smpp_receipts import STANDARD, deliver, read

DONE = float(timegm((2026, 3, 4, 17, 30, 0)))


@pytest.mark.parametrize(
    ("text", "message_id", "state", "code", "done_at"),
    [
        (STANDARD, "0123456789", "DELIVRD", "000", DONE),
        (STANDARD.replace("1730 ", "173059 "), "0123456789", "DELIVRD", "000", DONE + 59),
        (STANDARD.replace(":2603041730", ":20260304173059"), "0123456789", "DELIVRD", "000", DONE + 59),
        (STANDARD.replace(":2603041730", ":202603041730"), "0123456789", "DELIVRD", "000", DONE),
        (STANDARD.lower(), "0123456789", "DELIVRD", "000", DONE),
        (STANDARD.upper(), "0123456789", "DELIVRD", "000", DONE),
        (STANDARD.replace(":", ": "), "0123456789", "DELIVRD", "000", DONE),
        (STANDARD.replace(" ", "  "), "0123456789", "DELIVRD", "000", DONE),
        (STANDARD.replace("done date", "Done_Date"), "0123456789", "DELIVRD", "000", DONE),
        (STANDARD.replace("done date", "donedate"), "0123456789", "DELIVRD", "000", DONE),
        (STANDARD.replace(" sub:001 dlvrd:001", ""), "0123456789", "DELIVRD", "000", DONE),
        ('id:"ab-7F" stat:"UNDELIV" err:"05a" done date:"2603041730"', "ab-7F", "UNDELIV", "05a", DONE),
        ("id:'77' stat:EXPIRED", "77", "EXPIRED", "", None),
        ("stat:REJECTD err:11 id:77", "77", "REJECTD", "11", None),
        ("id:77 status:Delivered error:0", "77", "DELIVRD", "0", None),
        ("id:77, stat:UNDELIVERABLE, err:9", "77", "UNDELIV", "9", None),
        ("id:77\nstat:ACCEPTED\nerr:0", "77", "ACCEPTD", "0", None),
        ("id:77 stat:DELIVRD err:000 text:id:99 stat:UNDELIV", "77", "DELIVRD", "000", None),
        ("id:77 stat:DELIVRD", "77", "DELIVRD", "", None),
        ("id:7 sub:1 dlvrd:1  done date:2603041730 stat:UNDELIV err:1", "7", "UNDELIV", "1", DONE),
    ],
)
def test_every_spelling_is_read(text: str, message_id: str, state: str, code: str, done_at: float | None) -> None:
    assert read(text) == Receipt(
        carrier_message_id=message_id, state=state, code=code, destination="4915112345678", done_at=done_at
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("id:77 done date:260304 stat:DELIVRD err:0", "260304"),
        (STANDARD.replace(":2603041730", ":2613991730"), "2613991730"),
        ("id:77 stat:DELIVRD done date:4 Mar 2026 17:30 err:0", "4 Mar 2026 17:30"),
        ("id:77,done date:'yesterday',stat:DELIVRD", "yesterday"),
        ("id:77 stat:DELIVRD done_date:Wed, 4 March 2026 5:30:00 PM GMT, err:0", "Wed, 4 March 2026 5:30:00 PM GMT"),
        ("id:77 stat:DELIVRD done_date:heute Ihr Code ist 123456", "heute"),
        ("id:77 stat:DELIVRD done_date:4 Mar 2026 123456 is your code", "4 Mar 2026"),
        ("id:77 done date:" + "9" * 150 + " stat:DELIVRD", "9" * 64),
    ],
)
def test_a_date_that_is_none_keeps_its_text(text: str, written: str) -> None:
    receipt = read(text)
    assert receipt is not None and (receipt.done_at, receipt.done_text) == (None, written)


def test_a_date_that_is_none_is_kept_with_each_of_many_receipts_alike() -> None:
    reader = ReceiptReader()
    for text, written in [(STANDARD, ""), (STANDARD.replace(":2603041730", ":2613991730"), "2613991730")] * 2:
        body = deliver(1, text.encode())
        receipt = reader.read(body, pdu.HEADER_LENGTH, len(body))
        assert receipt is not None and receipt.done_text == written


@pytest.mark.parametrize(
    ("number", "state"),
    [(1, "ENROUTE"), (2, "DELIVRD"), (3, "EXPIRED"), (4, "DELETED"), (5, "UNDELIV"), (6, "ACCEPTD"), (7, "UNKNOWN"),
     (8, "REJECTD"), (0, "ENROUTE"), (9, "UNDELIV")],
)  # fmt: skip
def test_optional_parameters_are_read_and_win_over_a_text_that_says_no_more(number: int, state: str) -> None:
    tlvs = (
        pdu.encode_tlv(pdu.TLV_RECEIPTED_MESSAGE_ID, b"real-id\0")
        + pdu.encode_tlv(pdu.TLV_MESSAGE_STATE, bytes((number,)))
        + pdu.encode_tlv(pdu.TLV_NETWORK_ERROR_CODE, b"\3\0\7")
    )
    alone = read("", tlvs=tlvs, esm_class=0)
    assert alone is not None
    assert (alone.carrier_message_id, alone.state, alone.code) == ("real-id", state, "007")
    both = read(STANDARD, tlvs=tlvs)
    assert both is not None
    more = "DELIVRD" if state in ("ENROUTE", "ACCEPTD", "UNKNOWN") else state
    assert (both.carrier_message_id, both.state, both.code, both.other_id) == ("real-id", more, "000", "0123456789")


def test_text_in_the_payload_parameter_and_in_ucs2_is_read() -> None:
    payload = read("", tlvs=pdu.encode_tlv(pdu.TLV_MESSAGE_PAYLOAD, STANDARD.encode()))
    ucs2 = read("id:77 stat:DELIVRD err:0".encode("utf-16-be"), coding=8)
    assert payload is not None and payload.carrier_message_id == "0123456789"
    assert ucs2 is not None and ucs2.state == "DELIVRD"


@pytest.mark.parametrize(("source", "digits"), [("+4915112345678", "4915112345678"), ("", ""), ("Bank", "")])
def test_the_destination_is_digits(source: str, digits: str) -> None:
    receipt = read(STANDARD, source=source)
    assert receipt is not None
    assert receipt.destination == digits


def test_an_inbound_message_that_looks_like_a_receipt_is_none() -> None:
    assert read(STANDARD, esm_class=0) is None
    assert read("Hello", esm_class=0) is None


@pytest.mark.parametrize("text", ["", "Hello", "id: stat:", "id:77", "stat:DELIVRD", "id:77 sub:001 dlvrd:001 err:000"])
def test_a_receipt_that_names_no_message_or_state_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableReceipt):
        read(text)


@given(st.binary(max_size=254), st.sampled_from([0, 4, 0x40, 0x44]), st.sampled_from([0, 8]), st.binary(max_size=40))
def test_no_text_makes_it_fail_in_another_way(text: bytes, esm_class: int, coding: int, tlvs: bytes) -> None:
    try:
        receipt = read(text, esm_class=esm_class, coding=coding, tlvs=tlvs)
    except UnreadableReceipt:
        return
    assert receipt is None or (receipt.carrier_message_id and receipt.state in RECEIPT_STATES)
    for column in () if receipt is None else (receipt.carrier_message_id, receipt.other_id, receipt.code):
        assert column == clean(column, MOST_ID) and "\n" not in column


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bodies of deliver_sm much like each other, some of them no receipts, some broken."""
    few = st.sampled_from
    message_id = draw(few([b"0123456789", b"9876543210", b"ab-7F", b"1" * 64, b"1" * 65, b"12345 6789", b""]))
    outcome = b"done date:%b stat:%b err:%b" % (
        draw(few([b"2603041730", b"2603041731", b"260304173059"])), draw(few([b"DELIVRD", b"UNDELIV", b"delivered"])),
        draw(few([b"000", b"05a", b""])),
    )  # fmt: skip
    behind = draw(few([b" text:", b" text:stat:EXPIRED", b"", b"\n", b"1", b"\0 text"]))
    text = b"id:%b sub:001 dlvrd:001 submit date:2603041729 %b%b" % (message_id, outcome, behind)
    source = draw(few([b"4915112345678", b"4915187654321", b"", b"+49151123456", b"49151\x001234567", b"1" * 21]))
    sender = draw(few([b"Sluice", b"Others", b"493012", b"4930123"]))
    options = pdu.encode_options(draw(few([4, 4, 4, 0, 0x44])), "", 0, draw(few([0, 0, 8])))
    tlvs = draw(few([b"", b"", pdu.encode_tlv(pdu.TLV_MESSAGE_STATE, b"\5")]))
    size = draw(few([len(text)] * 5 + [3]))
    body = b"\0\1\1%b\0\5\0%b%b%c%b%b" % (source, sender, options, size, text, tlvs)
    return body[: draw(few([len(body)] * 5 + [len(body) - 3]))]


def outcome_of(read: Callable[[bytes, int, int], Receipt | None], stream: bytes, start: int, end: int) -> object:
    try:
        return read(stream, start, end)
    except UnreadableReceipt as error:
        return str(error)


@given(several=st.lists(bodies(), max_size=12))
def test_a_receipt_beside_others_is_read_as_it_is_alone(several: list[bytes]) -> None:
    reader, stream, start = ReceiptReader(), b"".join(several), 0
    for body in several:
        end = start + len(body)
        alone = outcome_of(ReceiptReader().read, body, 0, len(body))
        assert outcome_of(reader.read, stream, start, end) == alone
        assert outcome_of(reader.read, stream, start, end) == alone, "as it is remembered"
        start = end
