"""Secrets at rest (a carrier's password): AES-256-GCM under a key derived from the keyring.

In: text and its context, e.g. `carrier|acme-de`. Out: key id and bytes = 12 bytes nonce + ciphertext; the text again.
The context is authenticated: a secret moved to another carrier does not open. `SecretError` when it does not open.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.security.keyring import Keyring, KeyringError

PURPOSE = "secrets"


class SecretError(ValueError):
    """A stored secret does not open: it was changed, belongs elsewhere, or its key is gone."""


def seal_secret(keyring: Keyring, text: str, context: str) -> tuple[str, bytes]:
    """(key id, sealed bytes)."""
    nonce = os.urandom(12)
    sealed = AESGCM(keyring.derive(keyring.current, PURPOSE)).encrypt(nonce, text.encode(), context.encode())
    return keyring.current, nonce + sealed


def open_secret(keyring: Keyring, key_id: str, sealed: bytes, context: str) -> str:
    """The text. Raises SecretError."""
    try:
        key = keyring.derive(key_id, PURPOSE)
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], context.encode()).decode()
    except (InvalidTag, KeyringError, ValueError) as fault:
        raise SecretError(f"the secret of {context} does not open: {type(fault).__name__} {fault}") from fault
