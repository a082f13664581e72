"""Room at a carrier: how much may be on its way there, and who was first to choose the carrier of a send.

In: asks for room in segments, what dispatch holds, carriers chosen for positions. Out: what is granted, in order. The
room of (carrier, lane) is half a second of its rate, at least 1 segment, none at rate 0; senders and networks with rates of
their own (`bucket`) have rooms of the same kind beside it. Dispatch renews each second, even when it holds nothing: an entry
that nobody renews ends after ten seconds, but only while dispatch is seen. Without Redis every call raises `RedisDown`;
intake then holds, the releaser waits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.redis.assignments import Assignments
from infra.redis.carrier_health import CarrierHealthBoard
from infra.redis.client import Argument, Call, Redis, load_script
from infra.redis.profile_shares import ProfileShares
from schemas.values.lanes import Lane

ROOM_SECONDS = 0.5
LIFE_MS = 10_000
WAITING_MS = 1_000
AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityRequest:
    """(chunk, send) asks for `cost` segments at a carrier of this rate.

    `least`: segments of its first message; an empty room grants that much even when it is smaller. `further`: for more than
    what it has there already, nothing if less than `least` is free, and then nothing to those behind it. `bucket`: of a
    sender or network, whose `rate` it is then; "" = the carrier's own room.
    """

    carrier: str
    lane: str
    chunk: str
    send: int
    cost: int
    rate: float
    least: int = 1
    further: bool = False
    bucket: str = ""


Waiting = Mapping[tuple[str, int], int]
"""(chunk, send) with what of it waits, in segments; 0 = nothing any more."""


class CarrierCapacity:
    """The capacity of all carriers; `health`: how they are doing; `shares`: what profiles use of
    them. `now_ms` arguments are for tests; Redis's own clock counts
    otherwise."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._assignments = Assignments(redis)
        self.health = CarrierHealthBoard(redis)
        self.shares = ProfileShares(redis)

    async def ask(self, requests: Sequence[CapacityRequest], now_ms: int | None = None) -> list[int]:
        """Segments granted to each request, 0 to `cost`; a repeat of (chunk, send) gets at least what it had."""
        groups: dict[tuple[str, str, float, str], list[int]] = {}
        for n, request in enumerate(requests):
            groups.setdefault((request.carrier, request.lane, request.rate, request.bucket), []).append(n)
        answers = await self._redis.run_all(
            [
                _ask_call((carrier, lane, rate), [requests[n] for n in members], now_ms, bucket)
                for (carrier, lane, rate, bucket), members in groups.items()
            ]
        )
        granted = [0] * len(requests)
        for members, answer in zip(groups.values(), answers, strict=True):
            for n, grant in zip(members, answer[1:], strict=True):
                granted[n] = int(grant)
        return granted

    async def free(self, carrier: str, lane: str, rate: float, now_ms: int | None = None) -> int:
        """Segments that could be granted now."""
        return int((await self._redis.run_all([_ask_call((carrier, lane, rate), [], now_ms)]))[0][0])

    async def look_at(self, places: Sequence[tuple[str, str, float]], unsaid: Collection[tuple[str, str]] = ()) -> list[int]:
        """Work waits at these (carrier, lane, rate): said to intake for a second, but for those (carrier, lane) that are to
        stay `unsaid`; and the segments that are free at each."""
        said = [_set_waiting(carrier, lane) for carrier, lane, _ in places if (carrier, lane) not in unsaid]
        if said:
            await self._redis.commands(said)
        return await self.free_at(places)

    async def free_at(self, places: Sequence[tuple[str, str, float]]) -> list[int]:
        """The segments that are free at each (carrier, lane, rate)."""
        return [int(answer[0]) for answer in await self._in_turns([_ask_call(place, [], None) for place in places])]

    async def renew(
        self, carrier: str, lane: str, entries: Mapping[tuple[str, int], int], now_ms: int | None = None
    ) -> None:
        """Dispatch holds these (chunk, send) with these costs; called with none, it only says that it lives."""
        await self._redis.run_all([_renew_call(carrier, lane, entries, now_ms)])

    async def renew_all(self, held: Sequence[tuple[str, str, Mapping[tuple[str, int], int]]]) -> None:
        """The same of many (carrier, lane), together."""
        await self._in_turns([_renew_call(*one, None) for one in held])

    async def renew_narrow(self, carrier: str, held: Mapping[tuple[Lane, str], Waiting], now_ms: int | None = None) -> None:
        """What waits of these (lane, bucket). Said behind what waits in all, which says that dispatch lives."""
        calls = []
        for (lane, bucket), entries in held.items():
            left = {key: cost for key, cost in entries.items() if cost}
            gone = [_entry(*key) for key, cost in entries.items() if not cost]
            if left:
                calls.append(_renew_call(carrier, lane, left, now_ms, bucket))
            if gone:
                script = load_script(__package__, "capacity_remove")
                calls.append(Call(script=script, keys=_keys(carrier, lane, bucket), args=gone))
        await self._in_turns(calls)

    async def give_back(self, carrier: str, lane: str, unused: Sequence[tuple[str, str, int, int]]) -> None:
        """Of (bucket, chunk, send) so many segments were granted and are not used."""
        by_bucket: dict[str, list[Argument]] = {}
        for bucket, chunk, send, over in unused:
            by_bucket.setdefault(bucket, []).extend((_entry(chunk, send), over))
        script = load_script(__package__, "capacity_return")
        await self._redis.run_all(
            [Call(script=script, keys=_keys(carrier, lane, bucket), args=args) for bucket, args in by_bucket.items()]
        )

    async def remove(self, carrier: str, lane: str, keys: Iterable[tuple[str, int]]) -> None:
        """These (chunk, send) have been started or returned."""
        entries = [_entry(chunk, send) for chunk, send in keys]
        if entries:
            await self._redis.run(load_script(__package__, "capacity_remove"), _keys(carrier, lane), entries)

    async def are_there(self, carrier: str, lane: str, keys: Sequence[tuple[str, int]]) -> list[bool]:
        """For each (chunk, send): whether any of it is on its way to this carrier or waits there. All are while dispatch has
        not been seen since Redis was emptied: nobody knows then what waits."""
        costs, _, seen = _keys(carrier, lane)
        entries = [_entry(chunk, send) for chunk, send in keys]
        found, known = await self._redis.commands([("HMGET", costs, *entries), ("EXISTS", seen)])
        return [not known or cost is not None for cost in found]

    async def assign(self, many: Sequence[tuple[str, int, Mapping[str, int]]]) -> list[dict[str, int]]:
        """For each (chunk, send, carrier wanted for positions): the carriers written first, by whomever."""
        return await self._assignments.assign(many)

    async def read_assigned(self, sends: Sequence[tuple[str, int]]) -> list[dict[str, int]]:
        """For each (chunk, send) the positions that have a carrier, by carrier; assigns nothing."""
        return await self._assignments.read(sends)

    async def set_waiting(self, carrier: str, lane: str) -> None:
        """Work waits for this carrier and lane; forgotten after a second."""
        await self._redis.command(*_set_waiting(carrier, lane))

    async def are_waiting(self, places: Sequence[tuple[str, str]]) -> list[bool]:
        """For each (carrier, lane): whether somebody said so within a second."""
        return [bool(answer) for answer in await self._redis.commands([("EXISTS", _waiting(*place)) for place in places])]

    async def _in_turns(self, calls: Sequence[Call]) -> list[Any]:
        """Some at a time, so that others get their answers in between."""
        answers: list[Any] = []
        for begin in range(0, len(calls), AT_ONCE):
            answers += await self._redis.run_all(calls[begin : begin + AT_ONCE])
        return answers


def room_of(rate: float) -> int:
    """Segments that may be on their way to a carrier of this rate; none while it is stopped."""
    return max(1, int(rate * ROOM_SECONDS)) if rate > 0 else 0


def _ask_call(place: tuple[str, str, float], asks: Sequence[CapacityRequest], now_ms: int | None, bucket: str = "") -> Call:
    carrier, lane, rate = place
    args: list[Argument] = ["" if now_ms is None else now_ms, room_of(rate), LIFE_MS]
    for ask in asks:
        args += (_entry(ask.chunk, ask.send), ask.cost, ask.least, int(ask.further))
    return Call(script=load_script(__package__, "capacity"), keys=_keys(carrier, lane, bucket), args=args)


def _renew_call(carrier: str, lane: str, entries: Waiting, now_ms: int | None, bucket: str = "") -> Call:
    args: list[Argument] = ["" if now_ms is None else now_ms, LIFE_MS]
    for (chunk, send), cost in entries.items():
        args += (_entry(chunk, send), cost)
    return Call(script=load_script(__package__, "capacity_renew"), keys=_keys(carrier, lane, bucket), args=args)


def _keys(carrier: str, lane: str, bucket: str = "") -> list[str]:
    """That dispatch lives is said once for the carrier: nobody knows of a bucket of which nothing has come."""
    place = f"room:{{{carrier}:{lane}}}"
    own = f"{place}:{bucket}" if bucket else place
    return [f"{own}:costs", f"{own}:ends", f"{place}:seen"]


def _entry(chunk: str, send: int) -> str:
    return f"{chunk}|{send}"


def _set_waiting(carrier: str, lane: str) -> tuple[Argument, ...]:
    return "SET", _waiting(carrier, lane), 1, "PX", WAITING_MS


def _waiting(carrier: str, lane: str) -> str:
    return f"waiting:{carrier}:{lane}"
