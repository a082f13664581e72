"""API keys: `sk_<id>_<secret>`, shown once, kept as a hash.

In: nothing, or a key as a client sent it. Out: a new key, the id in a key, whether a key fits a hash. The secret has
256 random bits, so a plain SHA-256 is as good as a slow hash and costs a microsecond. Malformed text is simply no key.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha256

_KEY = re.compile(r"sk_([0-9a-z]{16})_([0-9a-f]{64})")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_key() -> tuple[str, str, bytes]:
    """(the key's text, its id, its hash)."""
    identity = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    text = f"sk_{identity}_{secrets.token_hex(32)}"
    return text, identity, hash_key(text)


def hash_key(text: str) -> bytes:
    """What is stored of a key: 32 bytes."""
    return sha256(text.encode()).digest()


def key_id(text: str) -> str | None:
    """The id in the key's text; None when it is no key."""
    match = _KEY.fullmatch(text)
    return None if match is None else match[1]


def check(text: str, expected: bytes) -> bool:
    """Whether this key has this hash, in constant time."""
    return hmac.compare_digest(hash_key(text), expected)
