"""`sluice bench --scenario kill`: how long after `kill -9` of a role the product works again, as a user sees it.

In: a stack that works, how many rounds, which roles. Out: a row a role: median and longest milliseconds from the kill until
it works again, and on the way there: until the new process was started and until it had joined; the load average of the
last minute tells how busy the machine was. Twenty codes and twenty marketing messages a second go on all the time. Every
wait has a limit, and no round begins after two minutes. Wrong: messages do not flow before a kill: `Refusal`. A role that
does not come back in time is a figure: None.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from infra.bench.recovery import LANES, RECOVERIES, KillRun, Recovery, first_arrival, joined, shown_again
from infra.bench.steady import Arrivals, SteadyStream
from infra.runtime.console import tell
from infra.runtime.refusal import Refusal
from infra.supervisor.data_folder import role_rows
from infra.supervisor.launch import Launched

RATE = 20.0
FLOWING_SECONDS = 20.0
COMEBACK_SECONDS = 15.0
LAST_BEGIN_SECONDS = 120.0
QUIET_SECONDS = 0.5


class Round(NamedTuple):
    """Milliseconds after the kill; None: not within the limit."""

    started: float | None
    joined: float | None
    works: float | None


def choose(roles: Sequence[str]) -> list[Recovery]:
    """The rows of these roles, of all when none is named. Raises Refusal for one that is not measured."""
    unknown = [role for role in roles if role not in {one.role for one in RECOVERIES}]
    if unknown:
        raise Refusal(f"no role to kill: {', '.join(unknown)}", f"one of: {', '.join(one.role for one in RECOVERIES)}")
    return [one for one in RECOVERIES if not roles or one.role in roles]


async def kill(stack: Launched, rounds: int, roles: Sequence[str]) -> dict[str, Any]:
    """Kill each role `rounds` times, one after the other."""
    log = stack.settings.simulator.log
    if log is None:
        raise Refusal("the simulator keeps no log", "leave simulator.log alone")
    begun, found = time.monotonic(), {one.role: list[Round]() for one in choose(roles)}
    async with SteadyStream(stack.settings.gateway.url or "", stack.credentials.api_key, lanes=LANES, rate=RATE) as stream:
        run = KillRun(stack, stream, Arrivals(log))
        await _forkserver(stack)
        for number in range(1, rounds + 1):
            for one in choose(roles):
                if time.monotonic() - begun < LAST_BEGIN_SECONDS:
                    found[one.role].append(await _round(run, one))
                    tell(f"round {number}: {one.role} {found[one.role][-1]}")
    return {
        "scenario": "kill",
        "load_average": round(os.getloadavg()[0], 2),
        "accepted": len(stream.accepted),
        "unanswered": stream.unanswered,
        "roles": [_row(one, found[one.role]) for one in choose(roles)],
    }


async def _forkserver(stack: Launched) -> None:
    """Return once roles can be forked: what is measured is a stack that has run for a while."""
    until = time.monotonic() + FLOWING_SECONDS
    while not stack.supervisor.forkserver.waits and time.monotonic() < until:  # noqa: ASYNC110  nothing tells, it is asked
        await asyncio.sleep(0.05)


async def _round(run: KillRun, one: Recovery) -> Round:
    await _all_flows(run)
    if one.prepare is not None:
        await one.prepare(run)
    victim = _shown(run, one.role)["pid"]
    killed = time.time()
    os.kill(victim, signal.SIGKILL)
    works, ready = await asyncio.gather(_within(one.works(run, killed)), _within(joined(run, one.role, killed)))
    started = run.stack.folder.read(run.stack.folder.roles_file)
    at = next(role["started_at"] for role in started["roles"] if role["name"] == one.role)
    return Round(*(None if moment is None else round(1000 * (moment - killed), 1) for moment in (at, ready, works)))


async def _all_flows(run: KillRun) -> None:
    """Return when every role runs and messages of both lanes arrive and are shown as sent."""
    try:
        async with asyncio.timeout(FLOWING_SECONDS):
            while any(role["state"] != "running" for role in _ps(run)):  # noqa: ASYNC110  a file tells, which is asked
                await asyncio.sleep(0.05)
            await asyncio.sleep(QUIET_SECONDS)
            now = time.time()
            await asyncio.gather(*(first_arrival(run, now, lane) for lane in LANES), shown_again(run, now))
    except TimeoutError:
        raise Refusal(f"messages did not flow within {FLOWING_SECONDS:.0f} s", "see DATA/logs") from None


async def _within(work: Any) -> float | None:
    try:
        async with asyncio.timeout(COMEBACK_SECONDS):
            return float(await work)
    except TimeoutError:
        return None


def _ps(run: KillRun) -> list[dict[str, Any]]:
    folder = run.stack.folder
    return role_rows(folder.read(folder.roles_file), time.time())


def _shown(run: KillRun, role: str) -> dict[str, Any]:
    return next(row for row in _ps(run) if row["name"] == role)


def _row(one: Recovery, rounds: Sequence[Round]) -> dict[str, Any]:
    works = [each.works for each in rounds]
    return {
        "role": one.role,
        "rounds": len(rounds),
        "median_ms": _median(works),
        "max_ms": None if None in works else max((each for each in works if each is not None), default=None),
        "started_ms": _median([each.started for each in rounds]),
        "joined_ms": _median([each.joined for each in rounds]),
        "works_again": one.meaning,
    }


def _median(values: Sequence[float | None]) -> float | None:
    """A round that did not come back counts as longest."""
    if not values:
        return None
    middle = statistics.median_high(float("inf") if value is None else value for value in values)
    return None if middle == float("inf") else round(middle, 1)
