"""What a message is sent under: the request before its profile, that before the call's default; and who may use which."""

from __future__ import annotations

import pytest
from msgspec import UNSET, UnsetType

from gateway.auth.accounts import Account
from gateway.campaigns.types import CampaignRequest
from gateway.http.fields import LaneName
from gateway.http.problem import Problem
from gateway.messages.types import MessageRequest
from gateway.profiles import Terms, terms_of
from schemas.values.profile import Profile

ACCOUNT = Account(tenant="t", key="k", hash=b"", lanes=frozenset({"marketing"}), senders=None, available=0)
PROFILES = {
    "night": Profile(name="night", lane="marketing", validity_seconds=600),
    "plain": Profile(name="plain"),
    "theirs": Profile(name="theirs", tenants=("another",)),
    "ours": Profile(name="ours", tenants=("another", "t")),
}


def asked(
    profile: str | None = None, lane: LaneName | UnsetType = UNSET, validity_seconds: float | UnsetType = UNSET
) -> MessageRequest:
    return MessageRequest(
        to="",
        sender="",
        body="",
        profile=profile,
        lane=lane,
        validity_seconds=validity_seconds,
    )


def test_a_request_says_more_than_its_profile_and_that_more_than_the_call() -> None:
    def terms(request: MessageRequest) -> Terms:
        return terms_of(PROFILES, ACCOUNT, request, "transactional")

    assert terms(asked()) == ("transactional", 86_400, None)
    assert terms(asked("night")) == ("marketing", 600, "night")
    assert terms(asked("plain")) == ("transactional", 86_400, "plain")
    assert terms(asked("night", "otp", 60.0)) == ("otp", 60, "night")
    assert terms(asked("ours")) == ("transactional", 86_400, "ours")


def test_a_campaigns_lane_is_its_own_default() -> None:
    request = CampaignRequest(name="", sender="", body="", profile="plain")
    assert terms_of(PROFILES, ACCOUNT, request, "marketing") == ("marketing", 86_400, "plain")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nigth", "there is no profile 'nigth'; did you mean 'night'? known: night, plain, ours"),
        ("xyz", "there is no profile 'xyz'; known: night, plain, ours"),
        ("theirs", "there is no profile 'theirs'; known: night, plain, ours"),
    ],
)
def test_a_profile_that_is_not_there_or_not_ones_own_is_refused_alike(name: str, says: str) -> None:
    with pytest.raises(Problem) as refused:
        terms_of(PROFILES, ACCOUNT, asked(name), "transactional")
    [fault] = refused.value.errors
    assert (refused.value.status, fault.pointer, fault.code, fault.detail) == (422, "/profile", "unknown_profile", says)


def test_where_there_are_none_the_refusal_says_so() -> None:
    with pytest.raises(Problem) as refused:
        terms_of({}, ACCOUNT, asked("night"), "transactional")
    assert refused.value.errors[0].detail == "there is no profile 'night'; there are none"
