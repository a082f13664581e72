"""Sealing: the personal columns of a slice as one AES-256-GCM block; keyed hashes of destinations, references, requests.

In: `Columns` and the (tenant, campaign, chunk) they belong to. Out: key id and bytes = 12 bytes nonce + ciphertext.
The data key is HKDF(master key, tenant, month); the associated data are tenant, campaign and chunk, so that a block
moved to another chunk does not open. Every subset of a chunk seals under the same associated data. `UnsealError` when
a block was changed, belongs elsewhere, or its key is gone.
"""

from __future__ import annotations

import os
import struct
import time
from array import array
from functools import lru_cache
from hashlib import blake2b

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.security.keyring import Keyring, KeyringError
from schemas.records.slice import Columns, Slice
from schemas.values.positions import pick_indexes, ranks_within

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Columns).decode


class UnsealError(ValueError):
    """A sealed block does not open."""


class Sealer:
    """Seals and opens columns with the keys of one keyring. Safe to share between threads."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._aead = lru_cache(maxsize=4096)(self._make_aead)
        self._hash_cipher = Cipher(algorithms.AES(keyring.fixed("to-hash")), modes.ECB())
        self._ref_key = keyring.fixed("ref-hash")
        self._request_key = keyring.fixed("request-hash")

    def seal(self, columns: Columns, *, tenant: str, campaign: str | None, chunk: str) -> tuple[str, bytes]:
        """(key id, sealed bytes) of these columns."""
        key_id = f"{self._keyring.current}/{time.strftime('%Y-%m', time.gmtime())}"
        nonce = os.urandom(12)
        sealed = self._aead(tenant, key_id).encrypt(nonce, _pack(columns), _context(tenant, campaign, chunk))
        return key_id, nonce + sealed

    def unseal(self, sealed: bytes, *, key_id: str, tenant: str, campaign: str | None, chunk: str) -> Columns:
        """The columns in this block. Raises UnsealError."""
        try:
            plain = self._aead(tenant, key_id).decrypt(sealed[:12], sealed[12:], _context(tenant, campaign, chunk))
            return _unpack(plain)
        except (InvalidTag, KeyringError, msgspec.DecodeError, ValueError) as fault:
            raise UnsealError(f"the columns of {chunk} do not open: {type(fault).__name__} {fault}") from fault

    def open(self, slice_: Slice) -> Columns:
        """The columns of a slice; one entry per position. Raises UnsealError, also when the lengths disagree."""
        columns = self.unseal(
            slice_.sealed, key_id=slice_.key_id, tenant=slice_.tenant, campaign=slice_.campaign, chunk=slice_.chunk
        )
        count = slice_.count
        lists = [*columns.variables.values(), *([columns.refs] if columns.refs is not None else [])]
        if len(columns.to) != 8 * count or any(len(column) != count for column in lists):
            raise UnsealError(f"the columns of {slice_.chunk} have another length than its positions")
        return columns

    def reseal(self, slice_: Slice, columns: Columns) -> Slice:
        """The slice with these columns sealed into it."""
        key_id, sealed = self.seal(columns, tenant=slice_.tenant, campaign=slice_.campaign, chunk=slice_.chunk)
        return msgspec.structs.replace(slice_, key_id=key_id, sealed=sealed)

    def narrow(self, slice_: Slice, positions: int) -> Slice:
        """The slice of these positions alone (a subset), its columns cut and sealed anew. Raises UnsealError."""
        if positions == slice_.positions:
            return slice_
        if positions & ~slice_.positions or not positions:
            raise ValueError(f"not positions of this slice of {slice_.chunk}")
        ranks = ranks_within(slice_.positions, positions)
        narrowed = msgspec.structs.replace(
            slice_,
            positions=positions,
            indexes=pick_indexes(slice_.indexes, ranks),
            segments=bytes(slice_.segments[i] for i in ranks) if slice_.segments else b"",
        )
        return self.reseal(narrowed, pick(self.open(slice_), ranks))

    def hash_destinations(self, to: bytes) -> bytes:
        """8 bytes for each packed uint64 destination: a keyed pseudonym (AES as a pseudo-random permutation)."""
        blocks = array("Q", bytes(2 * len(to)))
        blocks[::2] = array("Q", to)
        return array("Q", self._hash_cipher.encryptor().update(blocks.tobytes()))[::2].tobytes()

    def hash_ref(self, ref: str) -> int:
        """A keyed hash of a client reference as a signed 64-bit number, for look-ups."""
        digest = blake2b(ref.encode(), key=self._ref_key, digest_size=8).digest()
        return int(struct.unpack("<q", digest)[0])

    def hash_request(self, request: bytes) -> bytes:
        """16 bytes that stand for these bytes. Keyed: a plain digest of a code and a number is found out by trying all."""
        return blake2b(request, key=self._request_key, digest_size=16).digest()

    def _make_aead(self, tenant: str, key_id: str) -> AESGCM:
        master, _, month = key_id.partition("/")
        return AESGCM(self._keyring.derive(master, f"seal|{tenant}|{month}"))


def pick(columns: Columns, ranks: list[int]) -> Columns:
    """The entries of these columns at these ranks."""
    to = array("Q", columns.to)
    return Columns(
        to=array("Q", [to[i] for i in ranks]).tobytes(),
        variables={name: [column[i] for i in ranks] for name, column in columns.variables.items()},
        refs=None if columns.refs is None else [columns.refs[i] for i in ranks],
    )


def _context(tenant: str, campaign: str | None, chunk: str) -> bytes:
    return f"{tenant}|{campaign or ''}|{chunk}".encode()
