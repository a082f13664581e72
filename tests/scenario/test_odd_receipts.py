"""The whole way with receipts as carriers write them: each message ends delivered, what nobody can read is kept and seen.

In: one campaign over an SMSC on a raw socket, a receipt of another oddity for each number, and two that mean nothing before
each. Out: all delivered, every PDU answered with status 0, the unreadable ones among the dead letters byte for byte, their
number in the log, clean codes and plausible times in the public events.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from connectors.carriers.smpp import pdu
from schemas.records.wire import DeliveryReceipt
from tests.support.ledger import recipients
from tests.support.odd_smsc import odd_smsc, route_to
from tests.support.running import Running, campaign_when, until
from tests.support.topic_reader import read_topic, records_of

pytestmark = pytest.mark.stack

TEXT = b"id:%b sub:001 dlvrd:001 submit date:2603041729 done date:%b stat:%b err:%b text:Hi"
NOISE = (b"no fields at all", b"id:%b stat:HALFWAY err:000")


def tlv(tag: int, value: bytes) -> bytes:
    return pdu.encode_tlv(tag, value)


def body(handset: bytes, text: bytes, *, coding: int = 0, behind: bytes = b"", step: int = 0, swapped: bool = True) -> bytes:
    first, second = (handset, b"Shop") if swapped else (b"Shop", handset)
    return b"\0\1\1%b\0\5\0%b\0\4\0\0\0\0\0\0%c\0%c%b%b" % (first, second, coding, len(text) + step, text, behind)


def text(id_: bytes, done: bytes = b"2603041730", state: bytes = b"DELIVRD", code: bytes = b"021") -> bytes:
    return TEXT % (id_, done, state, code)


ODDITIES: tuple[Callable[[bytes, bytes], bytes], ...] = (
    lambda id_, to: body(to, text(id_)),
    lambda id_, to: body(to, text(id_, code=b"021\0")),
    lambda id_, to: body(to, text(id_, state=b"DELIVRD\0")),
    lambda id_, to: body(to, text(id_), behind=b"\0"),
    lambda id_, to: body(to, text(id_), step=1),
    lambda id_, to: body(to, text(id_), step=-1),
    lambda id_, to: body(to, text(id_), coding=8),
    lambda id_, to: body(to, b"id:%b stat:DELIVRD err:021".replace(b"%b", id_).decode().encode("utf-16-be"), coding=8),
    lambda id_, to: body(to, b"", behind=tlv(pdu.TLV_MESSAGE_PAYLOAD, text(id_))),
    lambda id_, to: body(to, text(id_).replace(b"stat:", b"state:").replace(b" dlvrd:001", b"")),
    lambda id_, to: body(to, b"text:Hi " + text(id_)),
    lambda id_, to: body(to, text(b"0"), behind=tlv(pdu.TLV_RECEIPTED_MESSAGE_ID, id_ + b"\0")),
    lambda id_, to: body(to, text(id_), behind=tlv(pdu.TLV_RECEIPTED_MESSAGE_ID, b"0\0")),
    lambda id_, to: body(to, text(id_), behind=tlv(pdu.TLV_MESSAGE_STATE, b"\0")),
    lambda id_, to: body(to, text(id_), behind=tlv(pdu.TLV_MESSAGE_STATE, b"\0\0\0\2") + b"\x04\x24\0\x50cut"),
    lambda id_, to: body(to, text(id_, done=b"0001010000")),
    lambda id_, to: body(to, text(id_, done=b"7001010000")),
    lambda id_, to: body(to, text(id_, done=b"20700101000000")),
    lambda id_, to: body(to, text(id_), swapped=False),
    lambda id_, to: body(to[2:], text(id_)),
    lambda id_, to: body(b"0" + to[2:], text(id_.lower())),
)


def test_every_odd_receipt_ends_in_delivered(stack: Running) -> None:
    numbers = [f"+336123456{n:02}" for n in range(len(ODDITIES))]

    def receipts(id_: bytes, handset: bytes) -> list[tuple[int, bytes]]:
        oddity = ODDITIES[int(handset[-2:])]
        noise = [(pdu.DELIVER_SM, body(handset, one % id_ if b"%b" in one else one)) for one in NOISE]
        as_data = b"\0\1\1%b\0\5\0Shop\0\4\0\0" % handset + tlv(pdu.TLV_MESSAGE_PAYLOAD, text(id_))
        good = (pdu.DATA_SM, as_data) if int(handset[-2:]) == 0 else (pdu.DELIVER_SM, oddity(id_, handset))
        return [*noise, good]

    with odd_smsc(receipts, lambda number: b"MSG-%04X,7" % (number + 0xA0)) as smsc:
        route_to(smsc, stack)
        campaign = stack.api.post(
            "/v1/campaigns", {"name": "Odd", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
        ).id
        campaign_when(stack.api, campaign, lambda seen: seen["counts"]["delivered"] == len(numbers), 60)
        until(lambda: len(smsc.answers) == smsc.sent, 20, "an answer to every PDU")
        assert {status for _, status in smsc.answers} == {0}

    letters = [one for one in read_topic(stack.line["kafka"], "dead-letter") if one.key == b"odd"]
    assert len(letters) == 2 * len(numbers)
    assert {one.headers["x-error-class"] for one in letters} == {"UnreadableReceipt"}
    assert sum(b"no fields at all" in one.value for one in letters) == sum(b"HALFWAY" in one.value for one in letters)
    check_events(stack, campaign)
    until(lambda: said(stack, "receipts_unreadable"), 20, "the counters in the log")
    assert said(stack, "receipt_unreadable")
    assert metric(stack, "receipts_unreadable") >= 2 * len(numbers)
    assert stack.verify()["violations"] == []


def metric(stack: Running, kind: str) -> float:
    """What the pools of dispatch have counted of this at the odd carrier."""
    total = 0.0
    for pool in ("otp", "bulk"):
        announced = json.loads((Path(stack.line["data_dir"]) / "run" / f"dispatch-{pool}.json").read_text())
        with urlopen(announced["metrics"], timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        begin = f'sluice_carrier_notices_total{{carrier="odd",kind="{kind}"}} '
        total += sum(float(line.removeprefix(begin)) for line in lines if line.startswith(begin))
    return total


def check_events(stack: Running, campaign: str) -> None:
    """Clean codes; our times in order, the carrier's as they were."""
    events = [
        one
        for one in records_of(stack.line["kafka"], "delivery-receipts", DeliveryReceipt)
        if one.campaign_id == campaign and one.status == "delivered"
    ]
    accepted = {row["id"]: row for row in stack.api.messages(campaign)}
    assert set(accepted) == {one.message_id for one in events}
    assert {one.carrier_code for one in events} == {"021"}
    assert all(one.occurred_at <= one.recorded_at < one.occurred_at + 120_000 for one in events)
    assert {0, 3_155_760_000_000} <= {one.carrier_at for one in events}


def said(stack: Running, action: str) -> list[dict[str, Any]]:
    """Lines of dispatch's logs with this action."""
    lines = [
        line
        for path in (Path(stack.line["data_dir"]) / "logs").glob("dispatch-*.log")
        for line in path.read_text(encoding="utf-8").splitlines()
        if f'"{action}"' in line
    ]
    return [row for row in map(json.loads, lines) if row.get("action") == action]
