"""Campaign profiles of the file, as they are seeded into PostgreSQL.

In: the tables `[profiles.NAME]`. Out: frozen settings, and the profile that the product keeps of them. Wrong: pydantic's
`ValidationError`; what a fault means is said by the rules that the command line asks, too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from infra.settings.section import Section
from schemas.rules.written_hours import parse_hours
from schemas.values.profile import LONGEST_VALIDITY, MOST_WINDOWS, Profile
from schemas.values.retry_strategy import RetryStrategy, strategy_fault

PROFILE_NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"
ProfileName = Annotated[str, Field(pattern=PROFILE_NAME)]


def _hours(text: str) -> str:
    parse_hours(text)
    return text


class RetrySettings(Section):
    """How what a carrier refused for the moment is tried again; what is left out the tenant says, then the installation."""

    attempts: int | None = Field(default=None, description="tries in all; 5 where nobody says")
    ladder: list[str] | None = Field(
        default=None, description="where the first, the second refusal and so on wait: of 10s, 1m, 10m, 1h; all four"
    )
    max_age_seconds: int | None = Field(default=None, description="nothing is tried later than that after its first refusal")
    retry_on: list[str] | None = Field(
        default=None, description="only these are tried again: throttled, carrier_transient, or carriers' codes"
    )
    never: list[str] | None = Field(default=None, description="these are not tried again: as of retry_on")

    @model_validator(mode="after")
    def _can_work(self) -> RetrySettings:
        fault = strategy_fault(self.strategy)
        if fault is not None:
            raise ValueError(fault)
        return self

    @property
    def strategy(self) -> RetryStrategy:
        """The same as the product keeps it."""
        return RetryStrategy(**self.model_dump())


class ProfileSettings(Section):
    """A campaign profile as seeded from the file: what all that names it has in common."""

    lane: Literal["transactional", "marketing"] | None = Field(
        default=None, description="of campaigns and messages that name none"
    )
    share: float | None = Field(
        default=None, gt=0, le=1, description="of a carrier's rate: all that goes under it uses no more; codes aside"
    )
    validity_seconds: int | None = Field(
        default=None, ge=1, le=LONGEST_VALIDITY, description="where a request says nothing; 86400"
    )
    quiet_hours: list[Annotated[str, AfterValidator(_hours)]] = Field(
        default_factory=list,
        max_length=MOST_WINDOWS,
        description='beside the tenant\'s: ["21:00-08:00 mon-fri Europe/Berlin"]',
    )
    tenants: list[str] | None = Field(default=None, description="who may use it, by name; all where it is left out")
    retry: RetrySettings = RetrySettings()

    def profile(self, name: str) -> Profile:
        """The same as the product keeps it."""
        return Profile(
            name=name,
            lane=self.lane,
            share=self.share,
            validity_seconds=self.validity_seconds,
            quiet_hours=tuple(parse_hours(text) for text in self.quiet_hours),
            retry=self.retry.strategy,
            tenants=None if self.tenants is None else tuple(self.tenants),
        )
