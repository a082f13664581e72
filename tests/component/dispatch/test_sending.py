"""The way of messages through dispatch when nothing ends: log, carrier, receipts, commits."""

from __future__ import annotations

from array import array
from collections import Counter

import pytest

from connectors.simulator.script import Script
from schemas.records.wire import CarrierReceipts, Owner, Returned, Settled, Started
from schemas.values.lanes import Lane
from schemas.values.positions import everyone
from tests.support.dispatch.env import DispatchEnv, MakeEnv
from tests.support.dispatch.topics import TENANT, now
from tests.support.waiting import until

pytestmark = pytest.mark.stack


def settled_positions(env: DispatchEnv, number: int = 0) -> int:
    """Positions of a chunk that the log shows as settled."""
    total = 0
    for record in env.of(Settled):
        if record.chunk == f"chk_{env.root}_0_{number}":
            total |= sum(verdict.positions for verdict in record.verdicts if verdict.outcome != "not_submitted")
    return total


def received(env: DispatchEnv) -> int:
    """Receipts with a chunk."""
    return sum(record.count for record in env.receipts() if record.chunk is not None)


async def test_a_chunk_goes_out_once_and_everything_is_written_down(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open()
    env.put(env.slice(120, refs=[f"r{p}" if p % 2 else None for p in range(120)]))
    await env.start()
    await until(lambda: settled_positions(env) == everyone(120))
    await until(lambda: received(env) == 120)
    await until(lambda: env.committed()[0] == env.dispatch_end())
    assert set(env.times_taken().values()) == {1} and len(env.times_taken()) == 120

    log = env.calls()
    assert isinstance(log[0][1], Owner)
    epoch = log[0][0]
    begun = 0
    for _, record in log[1:]:
        assert isinstance(record, Started | Settled) and record.epoch == epoch
        if isinstance(record, Started):
            assert begun & record.positions == 0
            begun |= record.positions
        else:
            assert record.positions & ~begun == 0
            assert [v.outcome for v in record.verdicts] == ["sent"]
            assert len(record.ids.split("\n")) == len(record.to_hashes) // 8 == record.positions.bit_count()
            expected = [f"r{p}" if p % 2 else None for p in range(120) if record.positions >> p & 1]
            assert (record.sealed_refs is not None) == any(expected)
            if record.sealed_refs is not None:
                refs = env.sealer.unseal(
                    record.sealed_refs, key_id=record.key_id, tenant=TENANT, campaign=env.campaign, chunk=record.chunk
                ).refs
                assert refs == expected
    assert begun == everyone(120)
    seen = [p for record in env.receipts() for p in array("H", record.places)]
    assert sorted(seen) == list(range(120))
    assert int(env.committed()[1]) > epoch


async def test_a_repeated_slice_adds_nothing(make_env: MakeEnv) -> None:
    env = make_env(Lane.TRANSACTIONAL)
    await env.open()
    whole = env.slice(20)
    half = env.sealer.narrow(whole, everyone(10))
    await env.start()
    env.put(half, whole, whole)
    await until(lambda: env.committed()[0] == env.dispatch_end())
    assert settled_positions(env) == everyone(20)
    await env.stop()
    env.put(whole)
    await env.start()
    await until(lambda: env.committed()[0] == env.dispatch_end())
    assert set(env.times_taken().values()) == {1} and len(env.times_taken()) == 20


async def test_every_kind_of_refusal_has_its_outcome(make_env: MakeEnv) -> None:
    env = make_env(Lane.TRANSACTIONAL)
    await env.open(Script(error_suffixes={"003": 0x0B, "004": 0x08, "005": 0xFF}))
    await env.start()
    env.put(env.slice(8, body="hi {{name}}", variables={"name": [None if p == 6 else "x" for p in range(8)]}))
    await until(lambda: settled_positions(env) == everyone(8))
    outcomes = {}
    rest = None
    for record in env.of(Settled):
        rest = record.rest or rest
        for verdict in record.verdicts:
            for p in range(8):
                if verdict.positions >> p & 1:
                    outcomes[p] = (verdict.outcome, verdict.reason, verdict.code)
    assert outcomes[0] == ("sent", "none", None)
    assert outcomes[3] == ("failed", "carrier_permanent", "ESME_RINVDSTADR")
    assert outcomes[4] == ("transient", "carrier_transient", "ESME_RSYSERR")
    assert outcomes[5] == ("failed", "carrier_unknown_error", "ESME_RUNKNOWNERR")
    assert outcomes[6] == ("failed", "missing_variable", None)
    assert rest is not None and rest.positions == 0b11 << 4
    assert list(array("Q", env.sealer.open(rest).to)) == [4915100000004, 4915100000005]


async def test_throttled_messages_go_again_and_count_nothing(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(Script(throttle_every=20))
    await env.start()
    env.put(*(env.slice(200, number) for number in range(6)))
    await until(lambda: len(env.times_taken()) == 1200)
    await until(lambda: all(settled_positions(env, number) == everyone(200) for number in range(6)))
    assert set(env.times_taken().values()) == {1}
    outcomes = Counter((v.outcome, v.reason) for record in env.of(Settled) for v in record.verdicts)
    assert set(outcomes) == {("sent", "none"), ("not_submitted", "throttled")}
    assert not any(record.rest for record in env.of(Settled)), "nothing is tried again by anybody else"


async def test_segments_share_a_reference_and_go_in_order(make_env: MakeEnv) -> None:
    env = make_env(Lane.TRANSACTIONAL)
    await env.open()
    await env.start()
    env.put(env.slice(3, body="x" * 400, segments=bytes([3]) * 3))
    await until(lambda: settled_positions(env) == everyone(3))
    by_destination: dict[str, list[tuple[int, int, int]]] = {}
    for entry in env.submits():
        by_destination.setdefault(entry.destination, []).append((entry.reference, entry.total, entry.sequence))
    assert len(by_destination) == 3
    for parts in by_destination.values():
        assert [part[1:] for part in parts] == [(3, 1), (3, 2), (3, 3)]
        assert len({part[0] for part in parts}) == 1
    ids = [line.split(",") for record in env.of(Settled) for line in record.ids.split("\n")]
    assert [len(set(parts)) for parts in ids] == [3, 3, 3]
    await until(lambda: received(env) == 9)


async def test_refused_midway_is_partial(make_env: MakeEnv) -> None:
    env = make_env(Lane.TRANSACTIONAL)
    await env.open(Script(error_every=2))
    await env.start()
    env.put(env.slice(1, body="x" * 400, segments=bytes([3])))
    await until(lambda: settled_positions(env) == 1)
    [record] = env.of(Settled)
    assert [(v.outcome, v.reason, v.code) for v in record.verdicts] == [("partial", "partial", "ESME_RSYSERR")]
    assert record.ids and "," not in record.ids and len(record.to_hashes) == 8


async def test_an_answer_that_stays_out_makes_one_message_uncertain(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(Script(lose_answer_every=7), patience=5)
    await env.start()
    env.put(env.slice(20))
    await until(lambda: settled_positions(env) == everyone(20))
    verdicts = [(v.outcome, v.reason, v.positions.bit_count()) for record in env.of(Settled) for v in record.verdicts]
    uncertain = sum(count for outcome, reason, count in verdicts if (outcome, reason) == ("uncertain", "answer_timeout"))
    assert uncertain == 2
    assert set(env.times_taken().values()) == {1}


async def test_canceled_and_expired_go_back_without_a_call(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open()
    env.command("canceled", 2)
    await env.start()
    single = env.slice(1, 7, campaign=None, chunk=f"msg_{env.root}", expires_at=now() - 1)
    env.put(env.slice(30), single)
    await until(lambda: len(env.of(Returned)) == 2)
    returned = {record.rest.chunk: (record.reason, record.rest.positions) for record in env.of(Returned)}
    assert returned == {f"chk_{env.root}_0_0": ("canceled", everyone(30)), f"msg_{env.root}": ("validity_ended", 1)}
    assert env.submits() == [] and env.of(Started) == []
    await until(lambda: env.committed()[0] == env.dispatch_end())


async def test_a_carrier_that_is_down_is_waited_for(make_env: MakeEnv) -> None:
    env = make_env(Lane.TRANSACTIONAL)
    await env.open()
    await env.server.stop()
    await env.start()
    env.put(env.slice(5, expires_at=now() + 1500))
    await until(lambda: len(env.of(Returned)) == 1)
    assert env.of(Returned)[0].reason == "validity_ended"
    assert env.of(Started) == []


async def test_poison_is_buried_and_the_rest_goes_on(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open()
    await env.start()
    foreign = env.slice(4, 1, chunk=f"chk_{env.root}_0_1")
    moved = env.slice(4, 2)
    bad = type(moved)(**{name: getattr(moved, name) for name in moved.__struct_fields__} | {"sealed": foreign.sealed})
    env.put_raw(b"no envelope")
    env.put(bad, env.slice(4, 3))
    await until(lambda: settled_positions(env, 3) == everyone(4) and settled_positions(env, 2) == everyone(4))
    [record] = [record for record in env.of(Settled) if record.chunk.endswith("_2")]
    assert [(v.outcome, v.reason) for v in record.verdicts] == [("failed", "poison")]
    await until(lambda: env.committed()[0] == env.dispatch_end())
    assert len(env.times_taken()) == 4


async def test_early_and_unknown_receipts(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(Script(receipt_early_every=2, receipt_unknown_every=5))
    await env.start()
    env.put(env.slice(20))
    await until(lambda: received(env) == 20)

    def unknown() -> list[CarrierReceipts]:
        return [record for record in env.receipts() if record.chunk is None]

    await until(lambda: sum(record.count for record in unknown()) == 4)
    await until(lambda: env.server.counters.receipts_confirmed == 24)
    answered = {entry.id for entry in env.submits()}
    assert not answered & {form for record in unknown() for line in record.ids.split("\n") for form in line.split(",")}


async def test_settings_change_while_it_runs(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(window=4)
    await env.start()
    env.put(env.slice(40))
    await until(lambda: settled_positions(env) == everyone(40))
    assert env.server.counters.peak_window <= 4
    env.server.change(Script(answer_delay_seconds=0.2))
    env.put(env.slice(100, 1))
    await until(lambda: len(env.times_taken()) > 50)
    env.database("UPDATE carriers SET window_size = 30, binds = 3")
    await until(lambda: env.server.counters.binds == 2)
    env.put(env.slice(100, 2))  # what was there may have gone while the change was on its way
    await until(lambda: settled_positions(env, 1) == settled_positions(env, 2) == everyone(100))
    assert 4 < env.server.counters.peak_window <= 30
    assert len(env.server.connections) == 2 and env.server.counters.binds == 2, "nobody had to come anew"
    assert {v.outcome for record in env.of(Settled) for v in record.verdicts} == {"sent"}
    assert set(env.times_taken().values()) == {1}


async def test_a_carrier_moves_to_another_account_while_messages_go_out(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(Script(answer_delay_seconds=0.1), rate=400)
    await env.start()
    env.put(*(env.slice(100, number) for number in range(3)))
    for number, name in enumerate(("t", "u"), 3):
        before = env.server.counters.binds
        env.database("UPDATE carriers SET settings = settings || %s::jsonb", f'{{"system_id": "{name}"}}')
        await until(lambda before=before: env.server.counters.binds > before)  # type: ignore[misc]
        taken = len(env.times_taken())
        env.put(env.slice(100, number))  # what was there may have gone while the change was on its way
        await until(lambda taken=taken: len(env.times_taken()) > taken + 20)  # type: ignore[misc]
    await until(lambda: all(settled_positions(env, number) == everyone(100) for number in range(5)))
    assert set(env.times_taken().values()) == {1} and len(env.times_taken()) == 500
    assert {v.outcome for record in env.of(Settled) for v in record.verdicts} <= {"sent", "not_submitted"}
    await until(lambda: len(env.server.connections) == 1)
    assert env.server.counters.binds == 3
    await until(lambda: received(env) == 500)
