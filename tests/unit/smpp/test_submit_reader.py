"""Reading submits beside the one before gives what reading each alone gives."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.smpp import pdu
from connectors.simulator.submit_reader import SubmitReader, part_of

few = st.sampled_from
SAR = b"\2\x0c\0\2\1\7\2\x0e\0\1\3\2\x0f\0\1\2"


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bodies of submit_sm much like each other, some of them broken."""
    destination = draw(few([b"", b"4915112345678", b"49151123456789012345", b"a,b", b"\xe4", b"1" * 21]))
    text = draw(few([b"", b"Hello", b"\5\0\3\7\2\1Hello", b"\5\0\3", b"\0" * 9, b"x" * 200]))
    size = draw(few([len(text)] * 6 + [0, 255]))
    head = pdu.encode_addresses_head(draw(few(["", "Sluice", "+49", "491"])), 5, 0, draw(few([0, 1])), 1)
    options = pdu.encode_options(draw(few([0, 0x40])), draw(few(["", "000000000130000R"])), draw(few([0, 1, 3])), 0)
    whole = (
        head
        + destination
        + options
        + bytes((size,))
        + text
        + draw(few([b"", b"", b"\4\x24\0\0", SAR, SAR[:-1], b"\4\x24\0\3abc"]))
    )
    return whole[: draw(few([len(whole)] * 6 + list(range(0, len(whole), 7))))]


def alone(body: bytes) -> tuple[object, ...] | None:
    try:
        message = pdu.decode_short_message(body, 0, len(body))
    except pdu.PduError:
        return None
    text, receipt = message.text, bool(message.registered_delivery & 1)
    joined = message.esm_class & 0x40 and text[:3] == b"\5\0\3" and len(text) >= 6
    part: tuple[tuple[int, int, int], int] = (
        ((text[3], text[4], text[5]), len(text) - 6) if joined else ((0, 1, 1), len(text))
    )
    if not joined and message.tlvs == SAR:
        part = (263, 3, 2), len(text)
    elif not joined and message.tlvs == b"\4\x24\0\3abc":
        part = (0, 1, 1), len(text) + 3
    return message.destination.encode("latin-1"), message.source.encode("latin-1"), receipt, text, part


def beside(reader: SubmitReader, stream: bytes, start: int, end: int) -> tuple[object, ...] | None:
    try:
        destination, around, text, text_end = reader.read(stream, start, end)
    except pdu.PduError:
        return None
    part = part_of(around, stream, text, text_end, end)
    return destination, around.source, around.wants_receipt, stream[text:text_end], part


@given(several=st.lists(bodies(), max_size=12))
def test_what_is_like_the_one_before_is_read_the_same(several: list[bytes]) -> None:
    reader, stream, start = SubmitReader(), b"".join(several), 0
    for body in several:
        end = start + len(body)
        assert beside(reader, stream, start, end) == alone(body)
        start = end
