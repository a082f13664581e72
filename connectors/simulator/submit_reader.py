"""Reads submit_sm bodies, as far as the simulator looks at them.

In: bodies. Out: destination, what stands around it (`Surroundings`), where the text is. Raises PduError like
`pdu.decode_short_message`. Submits of one sender differ in destination and text alone: what is equal, octet by octet, to
the one before is not decoded again.
"""

import msgspec

from connectors.carriers.smpp import pdu

_LONGEST_ADDRESS = 20
_ESM_UDH = 0x40
_SAR = (pdu.TLV_SAR_MSG_REF_NUM, pdu.TLV_SAR_TOTAL_SEGMENTS, pdu.TLV_SAR_SEGMENT_SEQNUM)


class Surroundings(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A submit_sm without destination and text. `before`: its octets up to the destination, `behind`: from the
    destination's NUL up to the length of the text."""

    before: bytes
    behind: bytes
    source: bytes
    has_header: bool  # the text begins with one
    wants_receipt: bool


class SubmitReader:
    """One a connection."""

    def __init__(self) -> None:
        self._last = Surroundings(before=b"", behind=b"", source=b"", has_header=False, wants_receipt=False)

    def read(self, buffer: bytes, start: int, end: int) -> tuple[bytes, Surroundings, int, int]:
        """Destination, what surrounds it, start and end of the text."""
        last = self._last
        if last.before and buffer.startswith(last.before, start):
            first = start + len(last.before)
            stop = buffer.find(0, first, end)
            text = stop + len(last.behind) + 1
            if (
                0 <= stop - first <= _LONGEST_ADDRESS
                and buffer.startswith(last.behind, stop)
                and text <= end
                and text + buffer[text - 1] <= end
            ):
                return buffer[first:stop], last, text, text + buffer[text - 1]
        return self._read_anew(buffer, start, end)

    def _read_anew(self, buffer: bytes, start: int, end: int) -> tuple[bytes, Surroundings, int, int]:
        message = pdu.decode_short_message(buffer, start, end)
        destination = message.destination.encode("latin-1")
        text_end = end - len(message.tlvs)
        text = text_end - len(message.text)
        # Trap: the destination's octets may stand in other fields too; its place follows from the fields' lengths.
        service_end = buffer.index(b"\0", start, end)
        source_end = buffer.index(b"\0", service_end + 3, end)
        first = source_end + 3
        self._last = Surroundings(
            before=buffer[start:first],
            behind=buffer[first + len(destination) : text - 1],
            source=message.source.encode("latin-1"),
            has_header=bool(message.esm_class & _ESM_UDH),
            wants_receipt=bool(message.registered_delivery & 1),
        )
        return destination, self._last, text, text_end


def part_of(around: Surroundings, buffer: bytes, text: int, text_end: int, end: int) -> tuple[tuple[int, int, int], int]:
    """Reference, total and number of the part that a text is, as its header or the sar_ parameters say, and the octets that
    are text. A text in message_payload is one part, whatever its length; parameters that cannot be read say nothing."""
    if around.has_header and buffer[text : text + 3] == b"\5\0\3" and text_end - text >= 6:
        return (buffer[text + 3], buffer[text + 4], buffer[text + 5]), text_end - text - 6
    if text_end < end:
        try:
            tlvs = pdu.decode_tlvs(buffer[text_end:end])
        except pdu.PduError:
            return (0, 1, 1), text_end - text
        reference, total, number = [tlvs.get(tag, b"") for tag in _SAR]
        if len(reference) == 2 and len(total) == len(number) == 1:
            return (int.from_bytes(reference, "big"), total[0], number[0]), text_end - text
        return (0, 1, 1), text_end - text + len(tlvs.get(pdu.TLV_MESSAGE_PAYLOAD, b""))
    return (0, 1, 1), text_end - text
