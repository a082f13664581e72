"""What is no key costs the same time, whatever is wrong with it, and does not cost PostgreSQL each time."""

from __future__ import annotations

import asyncio

import pytest

from gateway.auth import accounts as module
from gateway.auth.accounts import MAX_REFUSED, Account, Accounts
from infra.postgres.pool import Pool, open_pool
from infra.security.api_keys import hash_key, key_id, new_key
from infra.telemetry.metrics import Metrics
from tests.support.gateway_offline import NOWHERE


class CountedAccounts(Accounts):
    """Counts its readings, and finds the accounts in `there`."""

    def __init__(self, pool: Pool, metrics: Metrics) -> None:
        super().__init__(pool, metrics)
        self.readings = 0
        self.up = True
        self.there: dict[str, Account] = {}

    async def refresh(self) -> None:
        self.readings += 1
        if not self.up:
            return
        self._by_key = dict(self.there)
        await asyncio.sleep(0)


def account_for(text: str) -> Account:
    return Account(tenant="t", key=key_id(text) or "", hash=hash_key(text), lanes=frozenset(), senders=None, available=0)


@pytest.fixture
async def accounts(monkeypatch: pytest.MonkeyPatch) -> CountedAccounts:
    monkeypatch.setattr(module, "MISS_SECONDS", 0.0)
    return CountedAccounts(await open_pool(f"postgresql://{NOWHERE}/none", role="app", size=1, wait_seconds=0.05), Metrics())


async def test_an_unknown_id_and_a_wrong_secret_take_the_same_way(accounts: CountedAccounts) -> None:
    key = new_key()[0]
    known = account_for(key)
    accounts.there = {known.key: known}
    assert await accounts.account(key) == known
    assert accounts.readings == 1
    assert await accounts.account(key) == known and accounts.readings == 1
    wrong = key[:-64] + "0" * 64
    for number, text in enumerate([wrong, new_key()[0], f"{wrong[:-1]}1", new_key()[0]], 2):
        assert await accounts.account(text) is None
        assert accounts.readings == number
        assert await accounts.account(text) is None
        assert accounts.readings == number
    accounts.there = {}
    await accounts.refresh()
    assert await accounts.account(key) is None


async def test_a_text_that_was_refused_opens_what_is_made_later(accounts: CountedAccounts) -> None:
    key = new_key()[0]
    assert await accounts.account(key) is None
    accounts.there = {(known := account_for(key)).key: known}
    await accounts.refresh()
    assert await accounts.account(key) == known


async def test_nothing_is_refused_for_good_while_postgresql_is_away(accounts: CountedAccounts) -> None:
    key = new_key()[0]
    accounts.there = {(known := account_for(key)).key: known}
    accounts.up = False
    assert await accounts.account(key) is None
    accounts.up = True
    assert await accounts.account(key) == known


async def test_what_was_refused_is_remembered_within_bounds(
    accounts: CountedAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_REFUSED <= 100_000
    monkeypatch.setattr(module, "MAX_REFUSED", 2)
    first, *others = [new_key()[0] for _ in range(3)]
    for text in (first, *others):
        await accounts.account(text)
    readings = accounts.readings
    await accounts.account(others[1])
    assert accounts.readings == readings
    await accounts.account(first)
    assert accounts.readings == readings + 1
