"""`sluice profile list|show|set|remove`.

In: a name and what its campaigns have in common. Out: profiles as they stand. Changes are in force within a second or two:
quiet hours, share and tries also for what waits already, lane and validity for what is accepted from then on.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from infra.cli import retry_options
from infra.cli.options import Config, Data, Output, admin_store
from infra.cli.output import show_one, show_rows
from infra.runtime.refusal import Refusal

UNSAID = object()
"""Of an option that was not given."""
app = typer.Typer(no_args_is_help=True, help="Campaign profiles.")
Name = Annotated[str, typer.Argument(help="a..z, 0..9 and '-'.")]
Lane = Annotated[str | None, typer.Option(help="Of what names none: transactional or marketing; 'none' ends it.")]
Share = Annotated[
    str | None,
    typer.Option(help="Of a carrier's rate, e.g. 0.3: all that goes under the profile uses no more; 'none' ends it."),
]
Validity = Annotated[str | None, typer.Option(help="Where a request says nothing, e.g. 3600; 'none' ends it.")]
QuietHours = Annotated[
    list[str] | None, typer.Option(help="Hours at which nothing goes, beside the tenant's: '21:00-08:00'; 'none' ends them.")
]
Tenants = Annotated[str | None, typer.Option(help="Who may use it, by name, with commas between; '*' = everybody.")]


@app.command("list")
def list_(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show all profiles."""
    with admin_store(data, config) as store:
        show_rows([_shown(profile) for profile in store.profiles.all()], output)


@app.command()
def show(name: Name, data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show one profile."""
    with admin_store(data, config) as store:
        show_one(_shown(store.profiles.profile(name)), output)


@app.command("set")
def set_(
    name: Name,
    lane: Lane = None,
    share: Share = None,
    validity_seconds: Validity = None,
    quiet_hours: QuietHours = None,
    retry_attempts: retry_options.Attempts = None,
    retry_ladder: retry_options.Ladder = None,
    retry_max_age: retry_options.MaxAge = None,
    retry_on: retry_options.RetryOn = None,
    retry_never: retry_options.Never = None,
    tenants: Tenants = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Make a profile, or change what is given of it."""
    from schemas.values.profile import Profile

    given: dict[str, Any] = {
        "lane": _word(lane),
        "share": _number("--share", share, float),
        "validity_seconds": _number("--validity-seconds", validity_seconds, int),
        "quiet_hours": _hours(quiet_hours),
        "tenants": _tenants(tenants),
    }
    retry = retry_options.read_retry(retry_attempts, retry_ladder, retry_max_age, retry_on, retry_never)
    _changed(Profile(name=name), given, retry)  # what can never be is refused before anything is asked
    with admin_store(data, config) as store:
        profile = _changed(store.profiles.find(name) or Profile(name=name), given, retry)
        show_one(_shown(store.profiles.set(profile)), output)


@app.command()
def remove(name: Name, data: Data = None, config: Config = None) -> None:
    """Remove a profile: what was sent under it goes on by the settings of its tenant, new requests are refused."""
    with admin_store(data, config) as store:
        store.profiles.remove(name)


def _changed(profile: Any, given: dict[str, Any], retry: dict[str, object]) -> Any:
    import msgspec

    from schemas.values.profile import profile_fault
    from schemas.values.retry_strategy import RetryStrategy, said_by

    said = {name: value for name, value in (said_by(profile.retry) | retry).items() if value is not None}
    fields = {name: value for name, value in given.items() if value is not UNSAID}
    changed = msgspec.structs.replace(profile, **fields, retry=msgspec.convert(said, RetryStrategy))
    fault = profile_fault(changed)
    if fault is not None:
        raise Refusal(f"the profile {profile.name!r}: {fault}", "see `sluice profile set --help`")
    return changed


def _word(text: str | None) -> Any:
    return UNSAID if text is None else None if text.strip() == "none" else text.strip()


def _number(option: str, text: str | None, kind: type[int] | type[float]) -> Any:
    word = _word(text)
    if not isinstance(word, str):
        return word
    try:
        return kind(word)
    except ValueError:
        raise Refusal(
            f"{option} {text!r} is no number", f"write e.g. {'0.3' if kind is float else '3600'}, or none"
        ) from None


def _hours(texts: list[str] | None) -> Any:
    from infra.cli.hours import read_hours

    return UNSAID if texts is None else tuple(read_hours(text) for text in texts if text.strip() != "none")


def _tenants(text: str | None) -> Any:
    if text is None:
        return UNSAID
    return None if text.strip() == "*" else tuple(part.strip() for part in text.split(",") if part.strip())


def _shown(profile: Any) -> dict[str, Any]:
    import msgspec

    from schemas.rules.written_hours import in_words
    from schemas.values.retry_strategy import said_by

    return {
        **msgspec.structs.asdict(profile),
        "quiet_hours": [in_words(window) for window in profile.quiet_hours],
        "retry": said_by(profile.retry),
    }
