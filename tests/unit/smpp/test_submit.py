"""A message's parts on the wire: addresses, coding, concatenation, validity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.contract import Alphabet, Submit
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.submit import encode_submit, encode_submits, relative_validity


def message(
    *parts: bytes, source: str = "Sluice", alphabet: Alphabet = "gsm7", validity_seconds: int = 0, concat_ref: int = 7
) -> Submit:
    return Submit(
        ref=1,
        source=source,
        destination="4915112345678",
        alphabet=alphabet,
        parts=parts,
        concat_ref=concat_ref,
        validity_seconds=validity_seconds,
    )


def decoded(submit: Submit, part: int = 0) -> pdu.ShortMessage:
    data = encode_submit(submit, part, 5)
    return pdu.decode_short_message(data, pdu.HEADER_LENGTH, len(data))


@pytest.mark.parametrize(
    ("source", "address", "ton", "npi"),
    [("Sluice", "Sluice", 5, 0), ("My Bank", "My Bank", 5, 0), ("+4930123", "4930123", 1, 1), ("72345", "72345", 3, 0)],
)
def test_the_sender_has_its_type(source: str, address: str, ton: int, npi: int) -> None:
    got = decoded(message(b"x", source=source))
    assert (got.source, got.source_ton, got.source_npi) == (address, ton, npi)
    assert (got.destination, got.destination_ton, got.destination_npi) == ("4915112345678", 1, 1)


def test_one_part_goes_as_it_is_and_asks_for_a_receipt() -> None:
    got = decoded(message(b"\x00\x1b\x65", validity_seconds=90))
    assert (got.text, got.data_coding, got.esm_class, got.registered_delivery) == (b"\x00\x1b\x65", 0, 0, 1)
    assert got.validity == "000000000130000R"


def test_parts_carry_the_concatenation_header() -> None:
    submit = message("Grüße".encode("utf-16-be"), "Ende".encode("utf-16-be"), alphabet="ucs2", concat_ref=200)
    texts = [decoded(submit, part) for part in (0, 1)]
    assert [text.text[:6] for text in texts] == [b"\5\0\3\xc8\2\1", b"\5\0\3\xc8\2\2"]
    assert [text.text[6:].decode("utf-16-be") for text in texts] == ["Grüße", "Ende"]
    assert {(text.esm_class, text.data_coding) for text in texts} == {(0x40, 8)}


@pytest.mark.parametrize("parts", [(b"x" * 255,), (b"x",) * 256])
def test_what_does_not_fit_is_refused(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(pdu.PduError):
        encode_submit(message(*parts), 0, 1)


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
    source=few(["Sluice", "+4930", "72345", "x" * 21, "a\0"]),
    destination=few(["4915112345678", "49é", "", "1" * 21]),
    alphabet=few(["gsm7", "ucs2"]),
    parts=few([(b"Hello",), (b"Bye",), (b"",), (b"x" * 254,), (b"x" * 255,), (b"one", b"two")]),
    concat_ref=few([1, 2]),
    validity_seconds=few([0, 90]),
)


@given(several=st.lists(submits, max_size=12), first=few([1, pdu.MAX_SEQUENCE - 12]))
def test_submits_together_are_as_each_alone(several: list[Submit], first: int) -> None:
    assert encode_submits(several, first) == [alone(submit, first + at) for at, submit in enumerate(several)]


def alone(submit: Submit, sequence: int) -> bytes | None:
    try:
        return encode_submit(submit, submit.first_part, sequence)
    except pdu.PduError:
        return None
