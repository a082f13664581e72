"""Both ends of our SMPP against implementations of others: a Python client on the simulator, a Node server for the
carrier."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import smpplib.client
import smpplib.consts
import smpplib.gsm
from pydantic import SecretStr

from connectors.carriers.contract import Accepted, Acknowledge, CarrierCallbacks, NotSent, Receipt, Result, Submit, Throttled
from connectors.carriers.smpp.carrier import SmppCarrier
from connectors.simulator.log import SubmitLog, read_log
from connectors.simulator.script import Script
from connectors.simulator.server import SimulatorServer
from infra.settings.carriers import LongMessages, SmppSettings
from schemas.values.ids import concat_reference
from tests.support.carriers import id_of, never_unreadable
from tests.support.waiting import until

HERE = Path(__file__).parent
NPM = HERE.parents[2] / ".cache" / "npm-smpp"


class ForeignClient:
    """What smpplib's blocking client sent and got; `run` belongs into a thread."""

    def __init__(self, port: int, password: str = "secret") -> None:
        self.answers: list[tuple[int, str]] = []
        self.receipts: list[str] = []
        self._password = password
        self._client = smpplib.client.Client("127.0.0.1", port, allow_unknown_opt_params=True)
        self._client.set_message_sent_handler(self._answered)
        self._client.set_message_received_handler(self._received)
        self._client.set_error_pdu_handler(lambda pdu: None)  # an error goes on to the handler of answers

    def run(self, texts: list[str], answers: int, receipts: int) -> None:
        self._client.connect()
        try:
            self._client.bind_transceiver(system_id="sluice", password=self._password)
            self._talk(texts, answers, receipts)
        finally:
            self._client.disconnect()

    def _talk(self, texts: list[str], answers: int, receipts: int) -> None:
        client = self._client
        for number, text in enumerate(texts):
            parts, coding, esm_class = smpplib.gsm.make_parts(text)
            for part in parts:
                client.send_message(
                    source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
                    source_addr="Sluice",
                    dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
                    destination_addr=f"49151{number:08}",
                    short_message=part,
                    data_coding=coding,
                    esm_class=esm_class,
                    registered_delivery=True,
                )
        while len(self.answers) < answers or len(self.receipts) < receipts:
            client.read_once(auto_send_enquire_link=False)
        client.unbind()

    def _answered(self, pdu: Any) -> None:
        self.answers.append((pdu.status, (pdu.message_id or b"").decode() if pdu.status == 0 else ""))

    def _received(self, pdu: Any) -> int:
        self.receipts.append((pdu.receipted_message_id or b"").decode().rstrip("\0"))
        return 0


async def test_a_foreign_client_is_served_by_the_simulator(tmp_path: Path) -> None:
    script = Script(system_id="sluice", password="secret", receipt_form="both", throttle_every=6)
    with SubmitLog(tmp_path / "log.csv") as log:
        server = SimulatorServer(script, log)
        await server.start("127.0.0.1", 0)
        client = ForeignClient(server.port)
        texts = ["short", "Grüße €", "Привет", "long " * 60, "долго " * 30]
        await asyncio.wait_for(asyncio.to_thread(client.run, texts, 8, 7), 60)
        await server.stop()
    entries = read_log(tmp_path / "log.csv")
    assert [(entry.total, entry.sequence) for entry in entries] == [
        (1, 1), (1, 1), (1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3),
    ]  # fmt: skip
    assert [(entry.status, entry.id) for entry in entries] == client.answers
    assert [status for status, _ in client.answers].count(smpplib.consts.SMPP_ESME_RTHROTTLED) == 1
    assert sorted(client.receipts) == sorted(entry.id for entry in entries if entry.id)
    assert server.counters.receipts_confirmed == 7


async def test_a_foreign_client_with_a_wrong_password_is_refused() -> None:
    server = SimulatorServer(Script(system_id="sluice", password="secret"), SubmitLog(None))
    await server.start("127.0.0.1", 0)
    with pytest.raises(smpplib.exceptions.PDUError, match="Invalid Password"):
        await asyncio.wait_for(asyncio.to_thread(ForeignClient(server.port, "wrong").run, [], 0, 0), 60)
    await server.stop()
    assert server.counters.binds_refused == 1


class ForeignServer:
    """The Node server: its port and the lines it told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[dict[str, Any]] = []
        self._process = process
        self._reader = asyncio.create_task(self._read())

    async def port(self) -> int:
        await until(lambda: self.lines)
        return int(self.lines[0]["port"])

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if kind in line]

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), 30)
        await self._reader

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(json.loads(line))


@pytest.fixture
async def foreign_server() -> AsyncIterator[ForeignServer]:
    if not (NPM / "node_modules" / "smpp").is_dir():
        NPM.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--prefix", str(NPM), "--no-audit", "--no-fund", "smpp@0.5.1"]
        await asyncio.to_thread(subprocess.run, install, check=True, capture_output=True, timeout=90)
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / "foreign_smpp_server.js"),
        str(NPM / "node_modules"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    server = ForeignServer(process)
    yield server
    await server.stop()


@pytest.mark.slow
async def test_the_carrier_sends_through_a_foreign_server(foreign_server: ForeignServer) -> None:
    results: list[Result] = []
    receipts: list[Receipt] = []

    def on_receipts(came: list[Receipt], acknowledge: Acknowledge) -> None:
        receipts.extend(came)
        acknowledge()

    carrier = SmppCarrier(
        SmppSettings(host="127.0.0.1", port=await foreign_server.port(), system_id="sluice", password=SecretStr("secret")),
        CarrierCallbacks(on_receipts=on_receipts, on_room=lambda: None, on_unreadable=never_unreadable),
        window=10,
        binds=1,
        random=lambda: 0.5,
    )
    await carrier.open()
    await until(lambda: carrier.room() == 10)
    first_of_two = "x" * 153
    messages = [
        _message(0, "@ €"),
        _message(1, "Привет", sender="+4930123"),
        _message(2, first_of_two + "and the end", sender="72345"),
        _message(3, "throttled"),
    ]
    for message in messages:
        carrier.send([message], results.extend)
        await until(lambda ref=message.ref: results and results[-1].ref == ref)  # type: ignore[misc]
    await until(lambda: len(receipts) == 4 and len(foreign_server.told("confirmed")) == 4)
    await carrier.close()

    assert [type(result) for result in results] == [Accepted, Accepted, Accepted, Throttled]
    submits = foreign_server.told("submit")
    reference = concat_reference(messages[2].message_id)
    assert [line["text"] for line in submits] == ["@ €", "Привет", first_of_two, "and the end"]
    assert [line["from_type"] for line in submits] == [[5, 0], [1, 1], [3, 0], [3, 0]]
    assert [line["from"] for line in submits] == ["Sluice", "4930123", "72345", "72345"]
    assert [line["udh"] for line in submits] == [[], [], [f"0003{reference:02x}0201"], [f"0003{reference:02x}0202"]]
    assert {(line["to"], *line["to_type"], line["registered"]) for line in submits} == {("4915112345678", 1, 1, 1)}
    assert all(line["validity"] for line in submits)
    ids = [carrier.stored_id(one) for result in results if isinstance(result, Accepted) for one in result.ids]
    assert ids == [line["submit"] for line in submits]
    for receipt in receipts:
        assert set(carrier.lookup_ids(receipt.carrier_message_id)) & set(ids)
        assert receipt.destination == "4915112345678"
    assert [receipt.state for receipt in receipts] == ["DELIVRD", "UNDELIV", "DELIVRD", "UNDELIV"]
    assert {line["status"] for line in foreign_server.told("confirmed")} == {0}
    assert foreign_server.told("error") == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["sar", "payload"])
async def test_separate_binds_and_long_messages_in_other_ways(foreign_server: ForeignServer, how: LongMessages) -> None:
    results: list[Result] = []
    receipts: list[Receipt] = []

    def on_receipts(came: list[Receipt], acknowledge: Acknowledge) -> None:
        receipts.extend(came)
        acknowledge()

    settings = SmppSettings(
        host="127.0.0.1",
        port=await foreign_server.port(),
        system_id="sluice",
        password=SecretStr("secret"),
        bind="separate",
        long_messages=how,
    )
    carrier = SmppCarrier(
        settings,
        CarrierCallbacks(on_receipts=on_receipts, on_room=lambda: None, on_unreadable=never_unreadable),
        window=10,
        binds=3,
        random=lambda: 0.5,
    )
    await carrier.open()
    await until(lambda: carrier.room() == 20 and len(foreign_server.told("bind")) == 3)
    assert sorted(line["kind"] for line in foreign_server.told("bind")) == ["bind_receiver", *["bind_transmitter"] * 2]
    text = "x" * 153 + "and the end"
    carrier.send([_message(1, text)], results.extend)
    await until(lambda: results)
    segments = 2 if how == "sar" else 1
    await until(lambda: len(receipts) == segments and len(foreign_server.told("confirmed")) == segments)
    await carrier.close()

    assert [type(result) for result in results] == [Accepted]
    submits = foreign_server.told("submit")
    assert "".join(line["text"] for line in submits) == text and {line["esm"] for line in submits} == {0}
    assert [line["whole"] for line in submits] == [how == "payload"] * segments
    if how == "sar":
        reference = concat_reference(_message(1, text).message_id)
        assert [line["sar"] for line in submits] == [[reference, 2, 1], [reference, 2, 2]]
    assert foreign_server.told("error") == []


@pytest.mark.slow
async def test_a_receiver_gets_receipts_and_sends_nothing(foreign_server: ForeignServer) -> None:
    settings = SmppSettings(
        host="127.0.0.1",
        port=await foreign_server.port(),
        system_id="sluice",
        password=SecretStr("secret"),
        bind="receiver",
    )
    callbacks = CarrierCallbacks(
        on_receipts=lambda came, acknowledge: None, on_room=lambda: None, on_unreadable=never_unreadable
    )
    carrier = SmppCarrier(settings, callbacks, window=10, binds=2, random=lambda: 0.5)
    await carrier.open()
    await until(lambda: len(foreign_server.told("bind")) == 2 and carrier.connected)
    results: list[Result] = []
    carrier.send([_message(1, "Hi")], results.extend)
    await until(lambda: results)
    await carrier.close()
    assert {line["kind"] for line in foreign_server.told("bind")} == {"bind_receiver"} and carrier.room() == 0
    assert [type(result) for result in results] == [NotSent] and foreign_server.told("submit") == []


def _message(ref: int, text: str, *, sender: str = "Sluice") -> Submit:
    return Submit(ref=ref, id_of=id_of, sender=sender, destination="4915112345678", text=text, validity_seconds=3600)
