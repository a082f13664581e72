"""Singles on their way into Kafka: a record says whose trace it goes on in, where that is one."""

from __future__ import annotations

import asyncio
from typing import cast

import msgspec

from gateway.ingest import IN_FLIGHT, Ingest
from infra.kafka.outbox import Headers, Outbox, Report
from infra.telemetry.metrics import Metrics
from schemas.records.codec import decode_as
from schemas.records.examples import examples
from schemas.records.slice import Slice
from schemas.records.wire import Envelope
from tests.support.gateway_offline import ListedOutbox
from tests.support.waiting import until

TRACES = [f"00-{n:032x}-{n:016x}-01" for n in range(1, 4)]


def single() -> Slice:
    envelope = next(record for record in examples() if isinstance(record, Envelope))
    return msgspec.structs.replace(envelope.slices[0], campaign=None, size=1)


async def send(outbox: ListedOutbox, traces: list[str]) -> list[tuple[int, bytes | None]]:
    """Slices and `traceparent` of each record."""
    ingest = Ingest(cast(Outbox, outbox), Metrics())
    await asyncio.gather(*(ingest.put_single(single(), trace) for trace in traces))
    return [
        (len(decode_as(value, Envelope).slices), headers.get("traceparent"))
        for (_, _, value), headers in zip(outbox.sent, outbox.headers, strict=True)
    ]


async def test_a_record_of_one_caller_goes_on_in_its_trace() -> None:
    assert await send(ListedOutbox(), TRACES[:1]) == [(1, TRACES[0].encode())]


async def test_a_record_of_several_callers_is_in_nobodys_trace() -> None:
    outbox = ListedOutbox()
    assert await send(outbox, TRACES) == [(3, None)]
    assert outbox.headers == [{"x-from": b"gateway"}]


class SlowOutbox(ListedOutbox):
    """Acknowledges when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[Report] = []

    def post(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, _partition: int, report: Report
    ) -> None:
        self.headers.append(dict(headers))
        self.reports.append(report)


async def test_who_waited_for_an_acknowledgement_is_not_in_the_trace_that_it_was_for() -> None:
    outbox = SlowOutbox()
    ingest = Ingest(cast(Outbox, outbox), Metrics())
    sending = []
    for number in range(IN_FLIGHT + 1):
        sending.append(asyncio.create_task(ingest.put_single(single(), f"trace-{number}")))
        await until(lambda: ingest.waiting == len(sending))
        await asyncio.sleep(0)
    outbox.reports[0](None, 0, 0)
    assert [headers["traceparent"] for headers in outbox.headers] == [
        f"trace-{number}".encode() for number in range(IN_FLIGHT + 1)
    ]
    for report in outbox.reports[1:]:
        report(None, 0, 0)
    await asyncio.gather(*sending)
