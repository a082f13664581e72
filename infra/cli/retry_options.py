"""The options of `tenant set` and `profile set` that say how messages are tried again.

In: their texts. Out: by field what is set, None where `none` leaves it to the next one who has a say. Wrong: `Refusal` that
names the option.
"""

from __future__ import annotations

from typing import Annotated

import typer

from infra.runtime.refusal import Refusal

Attempts = Annotated[
    str | None, typer.Option("--retry-attempts", help="Tries in all of what a carrier refused for the moment, e.g. 3.")
]
Ladder = Annotated[
    str | None,
    typer.Option("--retry-ladder", help="Where the first, the second refusal and so on wait: of 10s,1m,10m,1h."),
]
MaxAge = Annotated[
    str | None, typer.Option("--retry-max-age", help="Seconds after the first refusal; nothing is tried later.")
]
RetryOn = Annotated[
    str | None,
    typer.Option("--retry-on", help="Only these are tried again: throttled, carrier_transient, or carriers' codes."),
]
Never = Annotated[str | None, typer.Option("--retry-never", help="These are not tried again: as of --retry-on.")]
_OPTIONS = {
    "attempts": "--retry-attempts",
    "ladder": "--retry-ladder",
    "max_age_seconds": "--retry-max-age",
    "retry_on": "--retry-on",
    "never": "--retry-never",
}


def read_retry(
    attempts: str | None, ladder: str | None, max_age: str | None, retry_on: str | None, never: str | None
) -> dict[str, object]:
    """What is given, by field of `RetryStrategy`; 'none' makes it None."""
    import msgspec

    from schemas.values.retry_strategy import RetryStrategy, strategy_fault

    texts = {
        "attempts": attempts,
        "ladder": ladder,
        "max_age_seconds": max_age,
        "retry_on": retry_on,
        "never": never,
    }
    given = {name: _value(name, text) for name, text in texts.items() if text is not None}
    fault = strategy_fault(
        msgspec.convert({name: value for name, value in given.items() if value is not None}, RetryStrategy)
    )
    if fault is not None:
        name, _, how = fault.partition(": ")
        raise Refusal(f"{_OPTIONS[name]} {texts[name]!r}: {how}", f"or {_OPTIONS[name]} none")
    return given


def _value(name: str, text: str) -> object:
    if text.strip() == "none":
        return None
    if name in ("attempts", "max_age_seconds"):
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise Refusal(f"{_OPTIONS[name]} {text!r} is no whole number", "write e.g. 3, or none")
        return int(text)
    return [part.strip() for part in text.split(",") if part.strip()]
