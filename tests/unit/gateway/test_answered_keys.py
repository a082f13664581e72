"""Keys answered within the last minute: found for a minute, gone after two, never more than the bound."""

from __future__ import annotations

import pytest

from gateway.idempotency import answered_keys
from gateway.idempotency.answered_keys import KEPT_SECONDS, AnsweredKeys


class Clock:
    """Time that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_is_known_for_a_minute_and_forgotten_after_two() -> None:
    clock = Clock()
    keys = AnsweredKeys(clock)
    clock.now = KEPT_SECONDS - 1
    keys.keep("tenant", "key", b"one")
    clock.now += KEPT_SECONDS - 1
    assert keys.digest_of("tenant", "key") == b"one"
    assert keys.digest_of("other", "key") is None and keys.digest_of("tenant", "other") is None
    clock.now += KEPT_SECONDS + 2
    assert keys.digest_of("tenant", "key") is None


def test_after_a_long_rest_nothing_old_is_left() -> None:
    clock = Clock()
    keys = AnsweredKeys(clock)
    keys.keep("tenant", "key", b"one")
    clock.now = 2 * KEPT_SECONDS
    assert keys.digest_of("tenant", "key") is None


def test_the_first_request_counts() -> None:
    keys = AnsweredKeys()
    keys.keep("tenant", "key", b"one")
    keys.keep("tenant", "key", b"two")
    assert keys.digest_of("tenant", "key") == b"one"


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answered_keys, "MAX_KEYS", 10)
    keys = AnsweredKeys(Clock())
    for number in range(100):
        keys.keep("tenant", str(number), b"one")
    known = [number for number in range(100) if keys.digest_of("tenant", str(number))]
    assert 5 <= len(known) <= 10 and known == list(range(known[0], 100))
