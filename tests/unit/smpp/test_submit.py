"""A message's parts on the wire: addresses, coding, concatenation, validity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.contract import Submit
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.submit import encode_submit, encode_submits, relative_validity
from infra.settings.carriers import LongMessages
from schemas.values.ids import concat_reference
from schemas.values.text import TextError
from tests.support.carriers import id_of


def message(text: str, *, sender: str = "Sluice", validity_seconds: int = 0) -> Submit:
    return Submit(
        ref=1, id_of=id_of, sender=sender, destination="4915112345678", text=text, validity_seconds=validity_seconds
    )


def decoded(submit: Submit, part: int = 0) -> pdu.ShortMessage:
    data = encode_submit(submit, part, 5)
    return pdu.decode_short_message(data, pdu.HEADER_LENGTH, len(data))


@pytest.mark.parametrize(
    ("sender", "address", "ton", "npi"),
    [("Sluice", "Sluice", 5, 0), ("My Bank", "My Bank", 5, 0), ("+4930123", "4930123", 1, 1), ("72345", "72345", 3, 0)],
)
def test_the_sender_has_its_type(sender: str, address: str, ton: int, npi: int) -> None:
    got = decoded(message("x", sender=sender))
    assert (got.source, got.source_ton, got.source_npi) == (address, ton, npi)
    assert (got.destination, got.destination_ton, got.destination_npi) == ("4915112345678", 1, 1)


def test_one_part_goes_as_it_is_and_asks_for_a_receipt() -> None:
    got = decoded(message("@€", validity_seconds=90))
    assert (got.text, got.data_coding, got.esm_class, got.registered_delivery) == (b"\x00\x1b\x65", 0, 0, 1)
    assert got.validity == "000000000130000R"


def test_segments_carry_the_concatenation_header_with_the_reference_of_the_id() -> None:
    submit = message("ж" * 67 + "Ende")
    texts = [decoded(submit, part) for part in (0, 1)]
    reference = concat_reference(submit.message_id)
    assert [text.text[:6] for text in texts] == [bytes((5, 0, 3, reference, 2, part)) for part in (1, 2)]
    assert [text.text[6:].decode("utf-16-be") for text in texts] == ["ж" * 67, "Ende"]
    assert {(text.esm_class, text.data_coding) for text in texts} == {(0x40, 8)}


@pytest.mark.parametrize(
    ("text", "part", "fault"),
    [("x" * 153 * 256, 0, TextError), ("half a \ud83c pair", 0, TextError), ("one", 1, pdu.PduError)],
)
def test_what_does_not_fit_is_refused(text: str, part: int, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        encode_submit(message(text), part, 1)


@given(st.integers(1, 400 * 86_400))
def test_validity_is_never_longer_than_asked(seconds: int) -> None:
    text = relative_validity(seconds)
    assert len(text) == 16 and text.endswith("000R")
    years, months, days, hours, minutes, rest = (int(text[at : at + 2]) for at in range(0, 12, 2))
    assert ((years * 12 + months) * 30 + days) * 86_400 + hours * 3600 + minutes * 60 + rest == seconds
    assert hours < 24 and minutes < 60 and rest < 60 and months < 12


def test_no_validity_leaves_it_to_the_carrier() -> None:
    assert relative_validity(0) == ""


few = st.sampled_from
submits = st.builds(
    Submit,
    ref=st.integers(0, 9),
    id_of=st.just(id_of),
    sender=few(["Sluice", "+4930", "72345", "x" * 21, "a\0"]),
    destination=few(["4915112345678", "49é", "", "1" * 21]),
    text=few(["Hello", "Bye", "", "Grüße ж", "x" * 161, "half a \ud83c pair"]),
    validity_seconds=few([0, 90]),
    first_part=few([0, 0, 1]),
)


@given(several=st.lists(submits, max_size=12), first=few([1, pdu.MAX_SEQUENCE - 12]))
def test_submits_together_are_as_each_alone(several: list[Submit], first: int) -> None:
    numbered = list(enumerate(several, first))
    assert encode_submits(several, first) == (
        [alone(submit, sequence) for sequence, submit in numbered],
        {sequence for sequence, submit in numbered if len(submit.text) > 160},
    )


def alone(submit: Submit, sequence: int, how: LongMessages = "udh") -> bytes | None:
    try:
        return encode_submit(submit, submit.first_part, sequence, how)
    except (pdu.PduError, TextError):
        return None


LONG = "x" * 300


def tlvs_of(data: bytes) -> tuple[pdu.ShortMessage, dict[int, bytes]]:
    shown = pdu.decode_short_message(data, pdu.HEADER_LENGTH, len(data))
    return shown, pdu.decode_tlvs(shown.tlvs)


def test_sar_parameters_say_what_the_header_would() -> None:
    for part in (0, 1):
        shown, tlvs = tlvs_of(encode_submit(message(LONG), part, 1, "sar"))
        with_header, _ = tlvs_of(encode_submit(message(LONG), part, 1))
        assert shown.esm_class == 0 and shown.text == with_header.text[6:]
        assert tlvs[0x020C] == b"\0" + with_header.text[3:4]
        assert tlvs[0x020E] + tlvs[0x020F] == with_header.text[4:6]


@pytest.mark.parametrize(("text", "coding"), [(LONG, 0), ("Привет " * 30, 8), ("€" * 200, 0)])
def test_a_payload_has_the_whole_text_once(text: str, coding: int) -> None:
    shown, tlvs = tlvs_of(encode_submit(message(text), 0, 1, "payload"))
    assert (shown.text, shown.esm_class, shown.data_coding, list(tlvs)) == (b"", 0, coding, [0x0424])
    assert tlvs[0x0424] == (text.encode("utf-16-be") if coding else text.replace("€", "\x1be").encode())


@pytest.mark.parametrize("how", ["udh", "sar", "payload"])
def test_one_segment_is_the_same_in_every_way(how: LongMessages) -> None:
    assert encode_submit(message("Hi"), 0, 1, how) == encode_submit(message("Hi"), 0, 1)


@given(several=st.lists(submits, max_size=12), how=few(["sar", "payload"]))
def test_together_as_each_alone_in_these_ways_too(several: list[Submit], how: LongMessages) -> None:
    numbered = list(enumerate(several, 1))
    more = {sequence for sequence, submit in numbered if len(submit.text) > 160 and how == "sar"}
    assert encode_submits(several, 1, how) == ([alone(submit, sequence, how) for sequence, submit in numbered], more)
