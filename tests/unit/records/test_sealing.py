"""Sealing and the keyring: a block opens where it belongs and nowhere else; a bad key file is told."""

from __future__ import annotations

import base64
import json
import os
import stat
import threading
from array import array
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.security.keyring import Keyring, KeyringError, create_keyring, load_keyring
from infra.security.sealing import Sealer, UnsealError, pick
from schemas.records.examples import CAMPAIGN, CHUNK, TENANT, slice_of
from schemas.records.slice import Columns, Slice, check_slice
from schemas.values.positions import places, positions_of

KEYS = {"k1": bytes(range(32)), "k2": bytes(range(32, 64))}
SEALER = Sealer(Keyring("k1", KEYS))
NUMBERS = [4915112345670 + i for i in range(3)]
COLUMNS = Columns(to=array("Q", NUMBERS).tobytes(), variables={"name": ["Ann", None, "Zoë"]}, refs=["a", None, "c"])


def sealed_slice() -> Slice:
    return SEALER.reseal(slice_of(), COLUMNS)


def open_as(sealed: bytes, **change: Any) -> Columns:
    where: dict[str, Any] = {
        "key_id": sealed_slice().key_id,
        "tenant": TENANT,
        "campaign": CAMPAIGN,
        "chunk": CHUNK,
        **change,
    }
    return SEALER.unseal(sealed, **where)


def test_what_was_sealed_opens() -> None:
    slice_ = sealed_slice()
    assert SEALER.open(slice_) == COLUMNS
    assert b"Ann" not in slice_.sealed
    assert array("Q", NUMBERS[:1]).tobytes() not in slice_.sealed


def test_two_seals_of_the_same_columns_differ() -> None:
    assert sealed_slice().sealed != sealed_slice().sealed


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "6f0f3f4e-9d0c-4c53-8a35-5b7f6a1f2c12"},
        {"campaign": None},
        {"chunk": CHUNK + "1"},
        {"key_id": "k2/2026-11"},
        {"key_id": "k1/1999-01"},
        {"key_id": "k9/2026-11"},
        {"key_id": ""},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_block_does_not_open_elsewhere(change: dict[str, Any]) -> None:
    with pytest.raises(UnsealError):
        open_as(sealed_slice().sealed, **change)


@given(st.data())
def test_a_changed_or_cut_block_does_not_open(data: st.DataObject) -> None:
    sealed = sealed_slice().sealed
    at = data.draw(st.integers(0, len(sealed) - 1))
    changed = sealed[:at] + bytes([sealed[at] ^ data.draw(st.integers(1, 255))]) + sealed[at + 1 :]
    for broken in (changed, sealed[:at]):
        with pytest.raises(UnsealError):
            open_as(broken)


@pytest.mark.parametrize(
    "columns",
    [
        Columns(to=bytes(16)),
        Columns(to=bytes(24), variables={"name": ["a"]}),
        Columns(to=bytes(24), refs=[None]),
    ],
    ids=["to", "variables", "refs"],
)
def test_columns_of_another_length_do_not_open(columns: Columns) -> None:
    with pytest.raises(UnsealError, match="length"):
        SEALER.open(SEALER.reseal(slice_of(), columns))


@given(st.sets(st.integers(0, 2), min_size=1))
def test_a_narrowed_slice_has_exactly_its_own_columns(kept: set[int]) -> None:
    ranks = sorted(kept)
    narrow = SEALER.narrow(sealed_slice(), positions_of(ranks))
    check_slice(narrow)
    assert SEALER.open(narrow) == pick(COLUMNS, ranks)
    assert list(array("I", narrow.indexes)) == ranks == places(narrow.positions)


def test_narrowing_twice_is_narrowing_once() -> None:
    twice = SEALER.narrow(SEALER.narrow(sealed_slice(), 0b110), 0b100)
    assert SEALER.open(twice) == pick(COLUMNS, [2])
    assert list(array("I", twice.indexes)) == [2]


@pytest.mark.parametrize("positions", [0, 0b1000, 0b1001])
def test_narrowing_to_what_is_not_there_is_refused(positions: int) -> None:
    with pytest.raises(ValueError, match="not positions"):
        SEALER.narrow(sealed_slice(), positions)


def test_hashes_are_the_same_for_the_same_number_and_key_alone() -> None:
    hashes = SEALER.hash_destinations(COLUMNS.to)
    assert len(hashes) == 24
    assert len({hashes[i : i + 8] for i in (0, 8, 16)}) == 3
    assert SEALER.hash_destinations(COLUMNS.to[8:16]) == hashes[8:16]
    assert Sealer(Keyring("k2", {"k2": KEYS["k2"]})).hash_destinations(COLUMNS.to) != hashes
    assert SEALER.hash_destinations(b"") == b""


def test_hashes_and_old_blocks_survive_a_change_of_the_current_key() -> None:
    rotated = Sealer(Keyring("k2", KEYS))
    assert rotated.hash_destinations(COLUMNS.to) == SEALER.hash_destinations(COLUMNS.to)
    assert rotated.hash_ref("order-17") == SEALER.hash_ref("order-17")
    assert rotated.open(sealed_slice()) == COLUMNS
    assert rotated.reseal(slice_of(), COLUMNS).key_id.startswith("k2/")


def test_a_reference_hash_fits_a_bigint() -> None:
    assert -(2**63) <= SEALER.hash_ref("order-17") < 2**63
    assert SEALER.hash_ref("order-17") != SEALER.hash_ref("order-18")


def test_a_fresh_keyring_is_for_its_owner_alone_and_opens_its_blocks_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    create_keyring(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sealed = Sealer(load_keyring(path)).reseal(slice_of(), COLUMNS)
    assert Sealer(load_keyring(path)).open(sealed) == COLUMNS
    assert os.listdir(tmp_path) == ["keyring.json"]


def test_an_existing_keyring_stays(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    create_keyring(path)
    before = path.read_bytes()
    create_keyring(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["keyring.json"]


def test_of_many_that_make_it_at_once_one_wins_for_all(tmp_path: Path) -> None:
    path, seen = tmp_path / "keyring.json", list[bytes]()
    together = threading.Barrier(8)

    def make() -> None:
        together.wait()
        create_keyring(path)
        seen.append(path.read_bytes())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("not json", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read"),
        (json.dumps({"current": "k1", "keys": {"k1": "%%%"}}), "cannot be read"),
        (json.dumps({"current": "k1", "keys": {"k1": base64.b64encode(b"short").decode()}}), "32 bytes"),
        (json.dumps({"current": "k2", "keys": {"k1": base64.b64encode(bytes(32)).decode()}}), "current"),
        (json.dumps({"current": ["k1"], "keys": {"k1": base64.b64encode(bytes(32)).decode()}}), "current"),
    ],
)
def test_a_bad_keyring_is_told(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "keyring.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyringError, match=told):
        load_keyring(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_keyring_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keyring.json"
    create_keyring(path)
    path.chmod(mode)
    with pytest.raises(KeyringError, match="chmod 600"):
        load_keyring(path)


def test_a_missing_keyring_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="no keyring"):
        load_keyring(tmp_path / "keyring.json")


def test_an_unknown_key_id_is_told() -> None:
    with pytest.raises(KeyringError, match="'k9' is not in the keyring"):
        Keyring("k1", KEYS).derive("k9", "seal")


def test_every_purpose_has_its_own_key() -> None:
    keyring = Keyring("k1", KEYS)
    assert len({keyring.derive("k1", "a"), keyring.derive("k1", "b"), keyring.derive("k2", "a")}) == 3


def test_records_are_values() -> None:
    with pytest.raises(AttributeError):
        setattr(sealed_slice(), "send", 2)  # noqa: B010  # why: the point is that it cannot be set
    assert msgspec.structs.replace(sealed_slice(), send=2).send == 2


def test_requests_are_hashed_with_a_key_of_their_own() -> None:
    assert SEALER.hash_request(b"x") == Sealer(Keyring("k2", KEYS)).hash_request(b"x"), "the first key of the file decides"
    assert SEALER.hash_request(b"x") != Sealer(Keyring("k1", {"k1": bytes(32)})).hash_request(b"x")
    assert len(SEALER.hash_request(b"")) == 16
