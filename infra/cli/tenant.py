"""`sluice tenant create|list|set`.

In: names and limits. Out: tenants with their balances; `create` also the first API key, shown this once.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from infra.cli import retry_options
from infra.cli.amounts import amount
from infra.cli.options import Config, Data, Output, admin_store
from infra.cli.output import show_one, show_rows
from infra.runtime.refusal import Refusal

LONGEST_NAME = 100
COLUMNS = ("id", "name", "lanes", "balance", "reserved", "keys")
app = typer.Typer(no_args_is_help=True, help="Tenants.")


class Short(StrEnum):
    """What happens to messages that the balance does not cover, or that a cap does not allow."""

    HOLD = "hold"
    REJECT = "reject"


MessagesADay = Annotated[str | None, typer.Option(help="Most messages a day of UTC, all lanes together; 'none' ends it.")]
MessagesAMonth = Annotated[str | None, typer.Option(help="The same a month of UTC.")]
SpendADay = Annotated[str | None, typer.Option(help="Most money a day of UTC, e.g. 50.00; 'none' ends it.")]
SpendAMonth = Annotated[str | None, typer.Option(help="The same a month of UTC.")]
CapReached = Annotated[
    Short | None, typer.Option(help="What is above a cap waits for the next day or month, or is rejected; hold at first.")
]
QuietHours = Annotated[
    list[str] | None,
    typer.Option(
        help="A lane and hours at which it does not send, e.g. 'marketing 21:00-08:00'; 'marketing none' ends them."
    ),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name, unique.")],
    balance: Annotated[str, typer.Option(help="First balance, e.g. 100.0000.")] = "0",
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Make a tenant with one API key."""
    if not (name.strip() and name.isprintable() and len(name) <= LONGEST_NAME):
        raise Refusal(
            f"{name[:LONGEST_NAME]!r} is no name for a tenant", f"1 to {LONGEST_NAME} characters that can be printed"
        )
    first = amount(balance)
    with admin_store(data, config) as store:
        tenant, key = store.create_tenant(name, first)
    show_one({"id": tenant, "api_key": key}, output)


@app.command("list")
def list_(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show all tenants."""
    with admin_store(data, config) as store:
        show_rows(store.tenants(), output, COLUMNS)


@app.command("set")
def set_(
    tenant: Annotated[str, typer.Argument(help="Name or id.")],
    lanes: Annotated[str | None, typer.Option(help="e.g. otp,transactional")] = None,
    senders: Annotated[str | None, typer.Option(help="Allowed senders, e.g. Shop,+4915112345678; '*' = any.")] = None,
    balance_short: Annotated[Short | None, typer.Option(help="When the balance is used up.")] = None,
    charge_uncertain: Annotated[bool | None, typer.Option(help="Whether messages that stay uncertain are paid.")] = None,
    quiet_hours: QuietHours = None,
    request_rate: Annotated[float | None, typer.Option(min=0, max=100_000, help="Requests a second; 0 = no limit.")] = None,
    request_burst: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="At once; default: those of a second.")
    ] = None,
    messages_per_day: MessagesADay = None,
    messages_per_month: MessagesAMonth = None,
    spend_per_day: SpendADay = None,
    spend_per_month: SpendAMonth = None,
    cap_reached: CapReached = None,
    weight: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Its share of a carrier beside others that wait; 1 at first.")
    ] = None,
    retry_attempts: retry_options.Attempts = None,
    retry_ladder: retry_options.Ladder = None,
    retry_max_age: retry_options.MaxAge = None,
    retry_on: retry_options.RetryOn = None,
    retry_never: retry_options.Never = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Change what a tenant may do, in force within a second or two; without options show it, with its caps and their use."""
    if senders != "*":
        _check_senders(_parts(senders) or [])
    wanted, hours = _lanes(lanes), _quiet_hours(quiet_hours or [])
    caps = _caps(
        messages_per_day=messages_per_day,
        messages_per_month=messages_per_month,
        spend_per_day=spend_per_day,
        spend_per_month=spend_per_month,
    )
    retry = retry_options.read_retry(retry_attempts, retry_ladder, retry_max_age, retry_on, retry_never)
    with admin_store(data, config) as store:
        show_one(
            store.set_tenant(
                tenant,
                lanes=wanted,
                senders=None if senders == "*" else _parts(senders),
                any_sender=senders == "*",
                balance_short=balance_short and balance_short.value,
                charge_uncertain=charge_uncertain,
                quiet_hours=hours,
                request_rate=request_rate,
                request_burst=request_burst,
                caps=caps if cap_reached is None else caps | {"reached": cap_reached.value},
                weight=weight,
                retry=retry,
            ),
            output,
        )


def _lanes(text: str | None) -> list[str] | None:
    from schemas.values.lanes import Lane

    wanted = _parts(text)
    if wanted and not set(wanted) <= set(Lane):
        raise Refusal(f"--lanes {text!r} names an unknown lane", f"lanes are {', '.join(Lane)}")
    return wanted


def _caps(**texts: str | None) -> dict[str, int | None]:
    """What is named: None ends that cap."""
    out: dict[str, int | None] = {}
    for name, text in texts.items():
        if text == "none":
            out[name] = None
        elif text is not None:
            option = f"--{name.replace('_', '-')}"
            out[name] = amount(text, option=option) if name.startswith("spend") else _count(text, option)
    return out


def _count(text: str, option: str) -> int:
    from schemas.rules.caps import MOST_MESSAGES

    if not text.isascii() or not text.isdigit() or int(text) > MOST_MESSAGES:
        raise Refusal(f"{option} {text!r} is no number of messages", f"a whole number up to {MOST_MESSAGES}, or none")
    return int(text)


def _quiet_hours(texts: list[str]) -> dict[str, list[dict[str, object]]]:
    """By lane; the lanes that are named get exactly what is said of them."""
    import msgspec

    from infra.cli.hours import read_hours
    from schemas.values.lanes import Lane

    out: dict[str, list[dict[str, object]]] = {}
    for text in texts:
        lane, _, hours = text.strip().partition(" ")
        if lane not in (Lane.TRANSACTIONAL, Lane.MARKETING):
            raise Refusal(
                f"--quiet-hours {text!r}: {lane!r} has no quiet hours",
                "they are for transactional and marketing; a code never waits",
            )
        if hours.strip() == "none":
            out[lane] = []
        else:
            out.setdefault(lane, []).append(msgspec.to_builtins(read_hours(hours)))
    return out


def _check_senders(senders: list[str]) -> None:
    from schemas.values.sender import SenderError, parse_sender

    for sender in senders:
        try:
            parse_sender(sender)
        except SenderError as fault:
            raise Refusal(f"--senders {sender!r} is no sender", fault.detail) from fault


def _parts(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
