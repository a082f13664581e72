"""A script without rules takes submits together: what leaves, what is logged and counted is as by a script that asks
its rules about each."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from connectors.carriers.contract import Submit
from connectors.carriers.smpp import pdu
from connectors.carriers.smpp.submit import encode_submit
from connectors.simulator.connection import Connection
from connectors.simulator.log import Entry, SubmitLog, read_log
from connectors.simulator.script import Script
from connectors.simulator.server import SimulatorServer
from tests.support.carriers import submits
from tests.support.smpp_wire import Wire
from tests.support.waiting import until

BROKEN = pdu.encode(pdu.SUBMIT_SM, 99, b"\0\0\0no address")
NO_RULE_APPLIES = {"error_suffixes": {"x": 8}}


def wire_of(messages: list[Submit]) -> Iterator[bytes]:
    numbered = ((message, part) for message in messages for part in range(message.parts))
    for sequence, (message, part) in enumerate(numbered, 10):
        yield encode_submit(message, part, sequence)


def a_mixture() -> list[bytes]:
    one, other = submits(5), submits(4, parts=3, first=5)
    named = [msgspec.structs.replace(message, sender='A,"é"', destination="+49é") for message in submits(2, first=9)]
    inquiry = pdu.encode(pdu.ENQUIRE_LINK, 9)
    return [*wire_of(one), inquiry, *wire_of([*other, *one, *named]), *wire_of(one)]


class Watch(Wire):
    """`logged`: how many lines the log had at each write."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.logged: list[int] = []
        self._path = path

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.logged.append(len(read_log(self._path)))
        super().write(data)


async def played(path: Path, script: Script, stream: bytes) -> tuple[bytes, list[Entry], object]:
    """What left, what the log holds, the counters."""
    with SubmitLog(path) as log:
        server = SimulatorServer(script, log, clock=lambda: 1_772_345_678.9)
        connection, wire = Connection(server, 3), Watch(path)
        wire.protocol = connection
        connection.connection_made(wire)
        connection.data_received(pdu.encode_bind(pdu.Bind(system_id="s", password="p"), 1))
        connection.data_received(stream)
        logged = read_log(path)
        await until(lambda: not len(server.answers) and not len(server.receipts))
        connection.flush()
        assert wire.logged == [len(logged)] * len(wire.logged), "in the log before the answers leave"
        return b"".join(wire.writes), logged, msgspec.structs.asdict(server.counters)


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"id_form": "hex-dec"},
        {"receipt_form": "both"},
        {"receipt_window": 3},
        {"receipts_on": "any"},
        {"answer_delay_seconds": 0.001},
        {"receipt_delay_seconds": 0.001},
    ],
)
async def test_together_is_as_one_by_one(tmp_path: Path, fields: dict[str, object], broken: bool) -> None:
    stream = b"".join([*a_mixture(), BROKEN if broken else b"", *a_mixture()])
    plain = msgspec.convert(fields | {"first_id": 7000}, Script)
    asking = msgspec.convert(fields | {"first_id": 7000} | NO_RULE_APPLIES, Script)
    assert plain.plain and not asking.plain
    together = await played(tmp_path / "a", plain, stream)
    assert together == await played(tmp_path / "b", asking, stream)
    assert len(together[1]) == (29 if broken else 58)
