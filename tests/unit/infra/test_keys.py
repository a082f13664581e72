"""API keys and secrets at rest: what fits, what does not, what never opens elsewhere."""

from __future__ import annotations

import pytest

from infra.security.api_keys import check, key_id, new_key
from infra.security.keyring import Keyring
from infra.security.secrets import SecretError, open_secret, seal_secret


def test_a_key_fits_its_hash_alone() -> None:
    text, identity, hashed = new_key()
    assert text.startswith(f"sk_{identity}_")
    assert key_id(text) == identity
    assert check(text, hashed)
    assert not check(text[:-1] + ("0" if text[-1] != "0" else "1"), hashed)
    assert new_key()[0] != text


@pytest.mark.parametrize("text", ["", "sk_", "sk_abc_def", "Bearer x", "sk_0123456789abcdef_" + "g" * 64])
def test_malformed_text_is_no_key(text: str) -> None:
    assert key_id(text) is None


def test_a_secret_opens_in_its_place_alone() -> None:
    ring = Keyring("k1", {"k1": bytes(32), "k2": b"2" * 32})
    key, sealed = seal_secret(ring, "hunter2", "carrier|a")
    assert b"hunter2" not in sealed
    assert open_secret(ring, key, sealed, "carrier|a") == "hunter2"
    for identity, content, context in (
        (key, sealed, "carrier|b"),
        ("k2", sealed, "carrier|a"),
        ("k9", sealed, "carrier|a"),
        (key, sealed[:-1], "carrier|a"),
        (key, b"", "carrier|a"),
    ):
        with pytest.raises(SecretError):
            open_secret(ring, identity, content, context)
