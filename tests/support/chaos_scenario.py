"""A campaign and single messages under way while something is killed, and what must be true when all has come to rest.

In: a stack, how many recipients. Out: `ChaosScenario`: how far the carrier has got, and the comparison with its own
log, number by number: marketing never twice; otp and transactional twice only where the log of calls shows a second
start; nothing accepted that the carrier never saw, unless its state says so.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from schemas.records.wire import Started
from schemas.values.positions import places
from tests.support.gateway_client import UNREACHABLE, GatewayClient
from tests.support.ledger import adds_up, by_status, settled, takings, twice
from tests.support.processes import kill
from tests.support.rough_carrier import SubmitsSeen
from tests.support.running import ROLE_NAMES, Running, campaign_when, until
from tests.support.singles import Singles, sending, wait_for_all
from tests.support.topic_reader import decoded_topic

PART = 5000
URGENT = ("otp", "transactional")


@dataclass(slots=True, kw_only=True)
class ChaosScenario:
    """Made by `chaos_scenario`."""

    stack: Running
    campaign: str
    numbers: list[str]
    singles: list[Singles]
    carrier: SubmitsSeen
    before: int

    def gone_out(self) -> int:
        """Messages that the carrier has seen so far, about."""
        return self.carrier.count() - self.before

    def wait_until_gone_out(self, count: int, seconds: float = 60) -> None:
        """Return when the carrier has seen so many."""
        until(lambda: self.gone_out() >= count, seconds, f"{count} submits (after {self.gone_out()})")

    def kill_at_random(self, kills: int, seed: int, seconds: float) -> None:
        """Kill so many roles, one after another, spread over the campaign; a seed draws the same ones in every run."""
        victims = random.Random(seed).choices(sorted(ROLE_NAMES - {"simulator"}), k=kills)
        for number, name in enumerate(victims, 1):
            self.wait_until_gone_out(number * len(self.numbers) // (kills + 2), seconds)
            until(lambda name=name: self.stack.role(name)["state"] == "running", 40, name)  # type: ignore[misc]
            kill(self.stack.role_process(name))

    def comes_to_rest(self, seconds: float) -> None:
        """Every message has ended; those that stay uncertain were never seen by the carrier."""
        wait_for_all(self.singles, seconds)
        last: dict[str, int] = {}

        def at_rest() -> bool:
            try:
                last.update(self.stack.api.campaign(self.campaign)["counts"])
            except (*UNREACHABLE, AssertionError):
                return False
            assert adds_up(last) and last["accepted"] == len(self.numbers), last
            return settled(last, but=("uncertain",)) and not self._wrongly_uncertain(last)

        try:
            until(at_rest, seconds)
        except AssertionError as fault:
            raise AssertionError(f"the campaign did not come to rest within {seconds} s: {last}") from fault
        for one in self.singles:
            until(lambda one=one: self._singles_end(one), seconds, one.lane)  # type: ignore[misc]

    def judge(self) -> list[str]:
        """What does not agree with the carrier's log."""
        entries = self.carrier.entries()
        rows = self.stack.api.messages(self.campaign)
        listed = by_status(rows)
        taken = takings(entries, self.numbers)
        faults = [
            f"{number}: marketing, and the carrier took it {taken[number]} times" for number in twice(entries, self.numbers)
        ]
        faults += [
            f"{number} is delivered, and the carrier never took it"
            for number in listed.get("delivered", [])
            if not taken[number]
        ]
        if sorted(row["to"] for row in rows) != sorted(self.numbers):
            faults.append("the list does not hold each accepted number exactly once")
        if set(listed) - {"delivered", "uncertain"}:
            faults.append(f"states that nothing here explains: { {name: len(them) for name, them in listed.items()} }")
        for one in self.singles:
            faults += self._judge_singles(one)
        return faults

    def _judge_singles(self, one: Singles) -> list[str]:
        taken = takings(self.carrier.entries(), one.numbers)
        faults = [
            f"{number} ({one.lane}): accepted, and the carrier never took it"
            for number, times in taken.items()
            if not times and self._state(one, number) != "uncertain"
        ]
        repeated = {number: times for number, times in taken.items() if times > 1}
        if repeated:
            starts = self._starts(one.lane)
            faults += [
                f"{number} ({one.lane}): taken {times} times, started {starts[one.accepted[number]]} times"
                for number, times in repeated.items()
                if times > 2 or starts[one.accepted[number]] < times
            ]
        return faults

    def _starts(self, lane: str) -> Counter[str]:
        """How often each chunk of the lane was started; a single message is a chunk of its own."""
        return Counter(
            record.chunk
            for record in decoded_topic(self.stack.line["kafka"], f"attempts-{lane}")
            if isinstance(record, Started) and places(record.positions) == [0]
        )

    def _state(self, one: Singles, number: str) -> str:
        return str(self.stack.api.message(one.accepted[number])["status"])

    def _singles_end(self, one: Singles) -> bool:
        try:
            return all(self._state(one, number) in ("delivered", "uncertain") for number in one.numbers)
        except (*UNREACHABLE, AssertionError):
            return False

    def _wrongly_uncertain(self, counts: dict[str, int]) -> bool:
        """Whether a message is uncertain although the carrier took it: its receipt is still to settle that."""
        if not counts["uncertain"]:
            return False
        rows = self.stack.api.messages(self.campaign, status="uncertain")
        return any(takings(self.carrier.entries(), [row["to"] for row in rows]).values())


@contextmanager
def chaos_scenario(stack: Running, size: int, singles: int = 60, *, outside: bool = False) -> Iterator[ChaosScenario]:
    """A started campaign of `size` recipients, with singles in both urgent lanes going on beside it. `outside`: by the
    carrier that lives outside the stack, else by the stack's own simulator."""
    fresh, carrier = (stack.british, stack.rough.seen) if outside else (stack.german, stack.seen)
    numbers, before = fresh(size), carrier.count()
    campaign = start_campaign(stack, numbers)
    with ExitStack() as opened:
        running = [opened.enter_context(sending(stack.api, lane, fresh(singles))) for lane in URGENT]
        yield ChaosScenario(stack=stack, campaign=campaign, numbers=numbers, singles=running, carrier=carrier, before=before)


def start_campaign(stack: Running, numbers: Sequence[str], api: GatewayClient | None = None) -> str:
    """A draft, its parts, its start. `api`: with the key of another tenant."""
    api = api or stack.api
    campaign = api.post("/v1/campaigns", {"name": "ChaosScenario", "from": "Shop", "body": "Hello", "open": True}).id
    for part, first in enumerate(range(0, len(numbers), PART)):
        lines = "".join(json.dumps({"to": number}) + "\n" for number in numbers[first : first + PART])
        answer = api.upload(campaign, lines.encode(), part)
        assert (answer.status, answer.body["rejected_count"]) == (202, 0), answer.body
    assert api.post(f"/v1/campaigns/{campaign}/start").status == 202
    return campaign


def passed(stack: Running, numbers: list[str]) -> int:
    """How many messages to these the stack's own carrier has seen."""
    return sum(takings(stack.entries(), numbers).values())


def unlike_once(stack: Running, campaign: str, numbers: list[str]) -> list[str]:
    """The campaign ends; what then speaks against that the carrier had every recipient once, but for those of whom nobody
    knows whether it has them."""
    last = campaign_when(stack.api, campaign, lambda seen: settled(seen["counts"], but=("uncertain",)), 90)
    taken, states = takings(stack.entries(), numbers), {row["to"]: row["status"] for row in stack.api.messages(campaign)}
    return [
        *([] if adds_up(last["counts"]) else [f"counts: {last['counts']}"]),
        *(f"{number}: {times} times" for number, times in taken.items() if times > 1),
        *(f"{number}: never, {states[number]}" for number in numbers if not taken[number] and states[number] != "uncertain"),
        *(str(violation) for violation in stack.verify(60)["violations"]),
    ]
