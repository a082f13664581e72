"""What "it works again" means for each role, as a user sees it.

In: a `KillRun`: the stack, the steady stream, the carrier's log. Out: for each role a way to prepare the kill and one to
tell when the first thing after it went well, in epoch seconds. None of them returns before that; whoever calls sets the
limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from infra.bench.steady import Arrivals, SteadyStream
from infra.runtime.refusal import Refusal
from infra.runtime.role import ready_file
from infra.supervisor.launch import Launched

LOOK_SECONDS = 0.01
HELD_SECONDS = 1.0
OTP, BULK = "otp", "marketing"
LANES = (OTP, BULK)
GONE_OUT = ("sent", "delivered")


@dataclass(slots=True)
class KillRun:
    """`draft`: a campaign that waits for its start, and its only destination."""

    stack: Launched
    stream: SteadyStream
    arrivals: Arrivals
    draft: tuple[str, str] = ("", "")


class Recovery(NamedTuple):
    """`works(scene, killed)`: when it worked again; `killed` in epoch seconds."""

    role: str
    meaning: str
    works: Callable[[KillRun, float], Awaitable[float]]
    prepare: Callable[[KillRun], Awaitable[None]] | None = None


async def accepted_again(scene: KillRun, killed: float) -> float:
    """The first 202 of a call made after the kill."""
    return await _until(scene, lambda: min((one.answered for one in scene.stream.since(killed)), default=None))


async def first_arrival(scene: KillRun, since: float, lane: str) -> float:
    """When the first message of this lane, called for after `since`, came to the carrier."""

    def look() -> float | None:
        seen = scene.arrivals.look()
        return min((seen[one.to] for one in scene.stream.since(since, lane) if one.to in seen), default=None)

    return await _until(scene, look)


async def shown_again(scene: KillRun, killed: float) -> float:
    """When GET first showed that a message accepted after the kill has gone out: the first one of each lane is asked for."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    while True:
        firsts = {one.lane: one.id for one in reversed(scene.stream.since(killed))}
        for message in firsts.values():
            state = await scene.stream.call("GET", f"/v1/messages/{message}")
            if state is not None and state["status"] in GONE_OUT:
                return killed + clock() - begun
        scene.stream.check()
        await asyncio.sleep(LOOK_SECONDS)


async def make_draft(scene: KillRun) -> None:
    """A campaign of one that waits in the waiting room."""
    to = scene.stream.number()
    made = await scene.stream.call(
        "POST",
        "/v1/campaigns",
        {"name": "bench", "from": "Sluice", "body": "Hello", "lane": BULK, "open": True, "recipients": [{"to": to}]},
    )
    if made is None:
        raise Refusal("the gateway did not take a campaign", "see DATA/logs/gateway.log")
    scene.draft = made["id"], to[1:]
    # Nothing outside says that its chunk has come to the waiting room; at this load that takes a fraction of this.
    await asyncio.sleep(HELD_SECONDS)


async def draft_leaves(scene: KillRun, killed: float) -> float:
    """When the draft, started right after the kill, came to the carrier."""
    campaign, to = scene.draft
    if await scene.stream.call("POST", f"/v1/campaigns/{campaign}/start") is None:
        raise Refusal("the gateway did not start the campaign", "see DATA/logs/gateway.log")
    return await _until(scene, lambda: scene.arrivals.look().get(to))


async def delay_joined(scene: KillRun, killed: float) -> float:
    """When the new process had joined; what it lets go waits ten seconds anyway."""
    return await joined(scene, "delay", killed)


async def joined(scene: KillRun, role: str, killed: float) -> float:
    """When a process of this role that is younger than the kill said that it works."""
    mark = ready_file(scene.stack.folder.path, role)

    def look() -> float | None:
        at: Any = scene.stack.folder.read(mark).get("ready_at", 0.0)
        return float(at) if at > killed else None

    return await _until(scene, look)


async def _until(scene: KillRun, look: Callable[[], float | None]) -> float:
    while True:
        found = look()
        if found is not None:
            return found
        scene.stream.check()
        await asyncio.sleep(LOOK_SECONDS)


def _arrives(lane: str) -> Callable[[KillRun, float], Awaitable[float]]:
    return lambda scene, killed: first_arrival(scene, killed, lane)


ARRIVES = "a message accepted after the kill is at the carrier"
RECOVERIES = (
    Recovery("gateway", "a message is accepted", accepted_again),
    Recovery("streams-otp", f"{ARRIVES} (otp)", _arrives(OTP)),
    Recovery("streams-bulk", f"{ARRIVES} (marketing)", _arrives(BULK)),
    Recovery("dispatch-otp", f"{ARRIVES} (otp)", _arrives(OTP)),
    Recovery("dispatch-bulk", f"{ARRIVES} (marketing)", _arrives(BULK)),
    Recovery("sinks", "GET shows a message accepted after the kill as sent", shown_again),
    Recovery("releaser", "a draft started after the kill is at the carrier", draft_leaves, make_draft),
    Recovery("delay", "the new process has joined", delay_joined),
)
