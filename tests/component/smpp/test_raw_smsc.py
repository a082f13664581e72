"""The sender over real connections to an SMSC on a raw socket: broken connections, answers too late, the SMSC's unbind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from connectors.carriers.contract import CarrierCallbacks
from connectors.carriers.smpp.carrier import Backoff, SmppCarrier
from infra.settings.carriers import SmppSettings
from schemas.records.wire import Settled
from schemas.values.lanes import Lane
from tests.support.dispatch.harness import SenderHarness
from tests.support.raw_smsc import ALERT, SUBMIT, UNBIND, UNBIND_RESP, Peer, RawSmsc
from tests.support.waiting import until

Talk = Callable[[Peer, int], None]


class Call:
    """A harness whose sender sends over a real connection."""

    def __init__(self, harness: SenderHarness, smsc: RawSmsc) -> None:
        self.harness = harness
        self.smsc = smsc

    def said(self) -> list[str]:
        """What the log says of position 0, in order."""
        return [v.outcome for record in self.harness.log.of(Settled) for v in record.verdicts if v.positions & 1]

    def ids(self) -> str:
        """Those of the newest answer."""
        return str(self.harness.log.of(Settled)[-1].ids)


@pytest.fixture
async def dial() -> AsyncIterator[Callable[..., object]]:
    async with AsyncExitStack() as stack:

        async def make(lane: Lane, on_submit: Talk, *, patience: float = 10.0) -> Call:
            smsc = RawSmsc(on_submit)
            await smsc.start()
            stack.push_async_callback(smsc.stop)
            harness = SenderHarness(lane)
            config = SmppSettings(host="127.0.0.1", port=smsc.port, system_id="s", response_timeout_seconds=patience)
            carrier = SmppCarrier(
                config,
                CarrierCallbacks(
                    on_receipts=harness.sender.matcher.match,
                    on_room=harness.sender.wake,
                    on_unreadable=harness.sender.matcher.dead_letter_unreadable,
                ),
                window=10,
                binds=1,
                random=lambda: 0.0,
                backoff=Backoff(first=0.02, longest=0.1),
            )
            harness.sender.use_connection(carrier, 10, whole=False)
            await carrier.open()
            stack.push_async_callback(carrier.close)
            await until(lambda: carrier.connected)
            return Call(harness, smsc)

        yield make


async def test_an_otp_goes_once_more_over_the_next_connection(dial: Callable[..., object]) -> None:
    call: Call = await dial(
        Lane.OTP,
        lambda peer, sequence: (  # type: ignore[misc]
            peer.cut() if peer.number == 1 else peer.take(sequence, b"b")
        ),
    )
    call.harness.add(1)
    await until(lambda: len(call.said()) == 2)
    assert call.said() == ["unanswered", "sent"] and call.ids() == "b"
    assert [len(peer.of(SUBMIT)) for peer in call.smsc.peers] == [1, 1]


async def test_marketing_does_not(dial: Callable[..., object]) -> None:
    call: Call = await dial(Lane.MARKETING, lambda peer, sequence: peer.cut())  # type: ignore[misc]
    call.harness.add(1)
    await until(lambda: call.said() and len(call.smsc.peers) == 2)
    assert call.said() == ["uncertain"] and call.smsc.submits() == 1


async def test_an_answer_behind_the_time_out_is_learned(dial: Callable[..., object]) -> None:
    waiting: list[tuple[Peer, int]] = []
    call: Call = await dial(Lane.MARKETING, lambda *one: waiting.append(one), patience=0.1)  # type: ignore[misc]
    call.harness.add(1)
    await until(call.said)
    assert call.said() == ["uncertain"]
    peer, sequence = waiting[0]
    peer.take(sequence, b"late1")
    await until(lambda: len(call.said()) == 2)
    assert call.said()[-1] == "sent" and call.ids() == "late1"


async def test_answers_behind_the_smscs_unbind_count_and_the_rest_goes_over_the_next(dial: Callable[..., object]) -> None:
    def talk(peer: Peer, sequence: int) -> None:
        if peer.number > 1:
            peer.take(sequence, b"n%d" % sequence)
        elif len(peer.of(SUBMIT)) == 2:
            peer.put(UNBIND, 7)
            for _, _, open_, _ in peer.of(SUBMIT):
                peer.take(open_, b"o%d" % open_)

    call: Call = await dial(Lane.MARKETING, talk)  # type: ignore[misc]
    call.harness.add(2)
    await until(lambda: len(call.harness.settled()) == 2)
    assert {outcome for outcome, _ in call.harness.settled().values()} == {"sent"}
    call.harness.add(1, chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    await until(lambda: call.smsc.submits() == 3)
    first, second = call.smsc.peers
    assert len(first.of(SUBMIT)) == 2 and len(second.of(SUBMIT)) == 1
    assert first.of(UNBIND_RESP) == [(UNBIND_RESP, 0, 7, b"")]


async def test_an_alert_notification_gets_no_answer_and_an_unknown_request_one_nack(dial: Callable[..., object]) -> None:
    def talk(peer: Peer, sequence: int) -> None:
        peer.put(ALERT, 71, b"\1\1" + b"49151\0" + b"\1\1" + b"1\0")
        peer.put(0x00010200, 72)
        peer.take(sequence, b"a")

    call: Call = await dial(Lane.MARKETING, talk)  # type: ignore[misc]
    call.harness.add(1)
    peer = call.smsc.peers[0]
    await until(lambda: call.said() and peer.of(0x80000000))
    peer.put(0x15, 73)
    await until(lambda: peer.of(0x80000015))
    assert [one[:3] for one in peer.seen if one[0] & 0x80000000] == [(0x80000000, 3, 72), (0x80000015, 0, 73)]
