"""The codec: whatever goes in comes out, whatever breaks the standard is refused, no bytes make it fail otherwise."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.smpp import pdu
from schemas.values.foreign_text import MOST_ID, clean

c_octets = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20)
octet = st.integers(0, 255)


@given(
    source=c_octets,
    destination=c_octets,
    types=st.tuples(octet, octet, octet, octet),
    classes=st.tuples(octet, octet, octet),
    validity=st.text("0123456789R", max_size=16),
    text=st.binary(max_size=254),
    tlvs=st.dictionaries(st.integers(0, 65535), st.binary(max_size=300), max_size=4),
    sequence=st.integers(1, pdu.MAX_SEQUENCE),
)
def test_a_short_message_comes_back_as_it_was(
    source: str,
    destination: str,
    types: tuple[int, int, int, int],
    classes: tuple[int, int, int],
    validity: str,
    text: bytes,
    tlvs: dict[int, bytes],
    sequence: int,
) -> None:
    esm_class, registered, coding = classes
    raw_tlvs = b"".join(pdu.encode_tlv(tag, value) for tag, value in tlvs.items())
    data = pdu.encode_short_message(
        pdu.SUBMIT_SM,
        sequence,
        pdu.encode_addresses_head(source, *types),
        destination.encode("latin-1"),
        pdu.encode_options(esm_class, validity, registered, coding),
        text,
        raw_tlvs,
    )
    frames, used = pdu.split(data)
    assert used == len(data)
    ((command, status, got_sequence, start, end),) = frames
    assert (command, status, got_sequence) == (pdu.SUBMIT_SM, 0, sequence)
    got = pdu.decode_short_message(data, start, end)
    assert got == pdu.ShortMessage(
        source=source,
        destination=destination,
        source_ton=types[0],
        source_npi=types[1],
        destination_ton=types[2],
        destination_npi=types[3],
        esm_class=esm_class,
        validity=validity,
        registered_delivery=registered,
        data_coding=coding,
        text=text,
        tlvs=raw_tlvs,
    )
    assert pdu.decode_tlvs(got.tlvs) == tlvs


@given(bodies=st.lists(st.binary(max_size=200), max_size=20), cuts=st.lists(st.integers(0, 5000), max_size=10))
def test_pdus_are_found_however_the_stream_is_cut(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(pdu.encode(pdu.SUBMIT_SM, number, body) for number, body in enumerate(bodies))
    found: list[tuple[int, bytes]] = []
    rest = b""
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for left, right in pairwise(edges):
        buffer = rest + stream[left:right]
        frames, used = pdu.split(buffer)
        found += [(sequence, buffer[start:end]) for _, _, sequence, start, end in frames]
        rest = buffer[used:]
    assert found == list(enumerate(bodies))
    assert rest == b""


@given(st.binary(max_size=200))
def test_no_bytes_make_the_decoders_fail_in_another_way(body: bytes) -> None:
    outcomes: set[type] = set()
    for decode in (pdu.decode_short_message, pdu.decode_bind, pdu.decode_answer_id, _decode_tlvs):
        try:
            outcomes.add(type(decode(body, 0, len(body))))
        except pdu.PduError as error:
            outcomes.add(type(error))
    assert outcomes <= {pdu.ShortMessage, pdu.Bind, str, dict, pdu.PduError}


def _decode_tlvs(buffer: bytes, start: int, end: int) -> dict[int, bytes]:
    return pdu.decode_tlvs(buffer[start:end])


@pytest.mark.parametrize("length", [0, 15, pdu.MAX_PDU_LENGTH + 1, 0xFFFFFFFF])
def test_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(pdu.PduError):
        pdu.split(struct.pack(">IIII", length, pdu.SUBMIT_SM, 0, 1))


def test_what_comes_before_a_wrong_length_is_kept() -> None:
    good = pdu.encode(pdu.ENQUIRE_LINK, 7)
    frames, used = pdu.split(good + struct.pack(">IIII", 3, 0, 0, 0))
    assert [frame[2] for frame in frames] == [7]
    assert used == len(good)


@given(system_id=c_octets, password=c_octets)
def test_a_bind_comes_back_as_it_was(system_id: str, password: str) -> None:
    bind = pdu.Bind(system_id=system_id, password=password, system_type="sms")
    data = pdu.encode_bind(bind, 1)
    assert pdu.decode_bind(data, pdu.HEADER_LENGTH, len(data)) == bind


def test_a_text_longer_than_its_pdu_is_refused() -> None:
    options = pdu.encode_options(0, "", 1, 0)
    data = pdu.encode_short_message(pdu.SUBMIT_SM, 1, b"\0\1\1a\0\1\1", b"49", options, b"hello")
    with pytest.raises(pdu.PduError, match="longer"):
        pdu.decode_short_message(data, pdu.HEADER_LENGTH, len(data) - 1)


@pytest.mark.parametrize(("text", "destination"), [(b"x" * 255, b"49"), (b"", b"4" * 21)])
def test_what_does_not_fit_is_not_encoded(text: bytes, destination: bytes) -> None:
    with pytest.raises(pdu.PduError):
        pdu.encode_short_message(pdu.SUBMIT_SM, 1, b"", destination, b"", text)


def test_an_answers_id_may_stand_without_its_end_and_is_bounded() -> None:
    assert pdu.decode_answer_id(b"abc", 0, 3) == "abc"
    assert pdu.decode_answer_id(b"abc\0\x00\x1e\x00\x00", 0, 8) == "abc"
    assert pdu.decode_answer_id(b"a" * 300 + b"\0", 0, 301) == "a" * 128


@given(st.lists(st.integers(0, 0xFFFFFFFF), max_size=30))
def test_answers_to_deliveries_together_are_as_each_alone(sequences: list[int]) -> None:
    assert pdu.encode_deliver_answers(sequences) == b"".join(map(pdu.encode_deliver_answer, sequences))


@given(st.binary(max_size=300), st.sampled_from([b"", b"\0", b"\0\0\x1e\0\0"]))
def test_an_answers_id_ends_with_its_first_nul(text: bytes, behind: bytes) -> None:
    body = text + behind
    expected = clean(body.partition(b"\0")[0].decode("latin-1"), MOST_ID)
    assert pdu.decode_answer_id(b"#" + body + b"#", 1, 1 + len(body)) == expected
