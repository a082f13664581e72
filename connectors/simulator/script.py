"""What the simulated carrier does, as data.

A number called `..._every` means: each Nth submit, counted over the whole simulator from 1; 0 = never, 1 = always.
Counters, no chance: the same input gives the same behaviour. Bad values raise msgspec.ValidationError or ValueError;
unknown names too.
"""

from typing import Literal

import msgspec

from schemas.values.command_status import ESME_RSYSERR


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Defaults: a carrier that takes everything at once and delivers it."""

    system_id: str | None = None  # None = any name is let in
    password: str | None = None
    most_binds: int = 0  # connections of a system_id at a time, ESME_RALYBND beyond; 0 = any number

    answer_delay_seconds: float = 0.0
    lose_answer_every: int = 0  # taken, logged, receipt sent; only the answer stays out
    throttle_every: int = 0  # ESME_RTHROTTLED
    error_every: int = 0
    error_status: int = ESME_RSYSERR
    error_suffixes: dict[str, int] = {}  # destination's end -> command_status
    rate: float = 0.0  # segments a second, throttled beyond; 0 = no limit
    disconnect_after: int = 0  # submits on one connection; the last is neither taken nor answered
    disconnect_every_seconds: float = 0.0

    receipt_delay_seconds: float = 0.0
    receipts_on: Literal["submitter", "any"] = "submitter"  # the connection of the submit, or any of its system_id in turn
    receipt_form: Literal["text", "tlv", "both"] = "text"
    id_form: Literal["dec", "hex", "hex-dec", "dec-hex"] = "dec"  # in the answer - in the receipt
    first_id: int = 0  # 0 = from the clock, so that a restart does not issue the same ids again
    receipt_never_every: int = 0
    receipt_early_every: int = 0  # before the answer to the submit
    receipt_late_every: int = 0
    receipt_late_seconds: float = 5.0
    receipt_twice_every: int = 0
    receipt_unknown_every: int = 0  # one more, for an id that was never issued
    states: dict[str, int] = {}  # DELIVRD unless one of these is due: state -> every

    hold: bool = False  # receipts are kept until a control call releases them, shuffled; beyond `receipt_queue` they go out
    receipt_window: int = 1000  # deliver_sm unanswered per connection
    receipt_queue: int = 1_000_000  # receipts kept per system_id, the oldest goes first

    def __post_init__(self) -> None:
        numbers = {name: getattr(self, name) for name in self.__struct_fields__}
        numbers |= {f"states.{state}": every for state, every in self.states.items()}
        faults = [name for name, value in numbers.items() if isinstance(value, int | float) and value < 0]
        if self.receipt_window < 1:
            faults.append("receipt_window")
        if faults:
            raise ValueError(f"out of range: {', '.join(faults)}")

    @property
    def plain(self) -> bool:
        """Whether no rule about single submits can apply."""
        return not (
            self.throttle_every or self.error_every or self.error_suffixes or self.rate or self.lose_answer_every
            or self.receipt_never_every or self.receipt_early_every or self.receipt_late_every
            or self.receipt_twice_every or self.receipt_unknown_every or self.states
        )  # fmt: skip


def changed(script: Script, raw: bytes) -> Script:
    """The script with the fields of a JSON object replaced. Raises msgspec.DecodeError, ValidationError, ValueError."""
    fields = msgspec.json.decode(raw, type=dict[str, object])
    return msgspec.convert(msgspec.structs.asdict(script) | fields, Script)
