"""The keyring: master keys in a local file (0600), from which every working key is derived.

In: a path. Out: data keys per tenant and month (sealing), the key of destination hashes, the key of API-key hashes.
The file is JSON `{"current": id, "keys": {id: base64 of 32 bytes}}`; old keys stay so that old records stay readable.
Goes wrong when the file is missing, readable by others, or names a key that it does not hold: `KeyringError`.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


class KeyringError(RuntimeError):
    """The keyring cannot be used; the message says what to do."""


class Keyring:
    """Master keys by id. Working keys are HKDF-SHA256 of the master key; see RFC 5869."""

    def __init__(self, current: str, keys: dict[str, bytes]) -> None:
        if current not in keys:
            raise KeyringError(f"the keyring's current key {current!r} is not among its keys")
        self.current = current
        self._keys = keys
        self.derive = lru_cache(maxsize=4096)(self._derive)

    def _derive(self, key_id: str, purpose: str) -> bytes:
        """32 bytes for this purpose, e.g. `seal|<tenant>|2026-11`. Raises KeyringError for an unknown key id."""
        master = self._keys.get(key_id)
        if master is None:
            raise KeyringError(f"key {key_id!r} is not in the keyring: add the key that sealed this record")
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(master)

    def fixed(self, purpose: str) -> bytes:
        """32 bytes that stay the same when the current key changes: derived from the first key of the file."""
        return self.derive(next(iter(self._keys)), purpose)


def load_keyring(path: Path) -> Keyring:
    """The keyring in this file."""
    try:
        with path.open(encoding="utf-8") as source:
            # Trap: the rights of the open file, not of the path, which may lead to another file by now.
            mode = os.fstat(source.fileno()).st_mode & 0o077
            content = json.load(source)
        keys = {name: base64.b64decode(text, validate=True) for name, text in content["keys"].items()}
        current = str(content["current"])
    except FileNotFoundError as fault:
        raise KeyringError(f"no keyring at {path}: `sluice up` makes one, or set SLUICE_KEYRING") from fault
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise KeyringError(f"the keyring {path} cannot be read: {fault}") from fault
    if mode:
        raise KeyringError(f"the keyring {path} is open to others: chmod 600 {path}")
    short = [name for name, key in keys.items() if len(key) != KEY_BYTES]
    if short:
        raise KeyringError(f"the keyring {path} holds keys that are not {KEY_BYTES} bytes long: {', '.join(short)}")
    return Keyring(current, keys)


def create_keyring(path: Path) -> None:
    """Make a keyring with one fresh key, readable by its owner alone; an existing file is left as it is."""
    text = json.dumps({"current": "k1", "keys": {"k1": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}})
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        # Trap: a link, not a rename: of two that make a keyring at once, the second must not replace the first's.
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """A keyring that a power cut takes away takes all sealed records with it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
