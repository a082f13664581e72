"""Ids: the same every time, told apart, sortable where promised, and partitions as Kafka's clients see them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.ids import (
    ALPHABET,
    CampaignId,
    ChunkId,
    IdError,
    MessageId,
    ParsedMessage,
    TenantId,
    campaign_id,
    campaign_message_id,
    chunk_id,
    concat_reference,
    derived_id,
    encode_128,
    fresh_id,
    message_id_at,
    murmur2,
    parse_campaign_id,
    parse_message_id,
    partition_of,
    shared_chunk_id,
    single_message_id,
)

TENANT = TenantId("6f1c7ad2-5a0e-4b5c-9f0d-0d6d2a8f9b11")
ROOTS = st.integers(0, 2**128 - 1).map(encode_128)
SMALL = st.integers(0, 2**31 - 1)


@given(st.integers(0, 2**128 - 1))
def test_26_characters_hold_128_bits(value: int) -> None:
    text, back = encode_128(value), 0
    for letter in text:
        back = back * 32 + ALPHABET.index(letter)
    assert (len(text), back) == (26, value)


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_fresh_ids_sort_by_time(one: int, other: int, noise: bytes) -> None:
    assert (fresh_id(one, noise) < fresh_id(other, noise)) is (one < other)


def test_a_fresh_id_needs_ten_random_bytes() -> None:
    with pytest.raises(IdError):
        fresh_id(0, b"short")


def test_derived_ids_never_change() -> None:
    assert derived_id(TENANT, "order-1") == "6BJSC60JWSMYKJHTHKH7J33Y4V"
    assert derived_id(TENANT, "order-2") != derived_id(TENANT, "order-1")
    assert derived_id(TenantId("other"), "order-1") != derived_id(TENANT, "order-1")
    assert len(derived_id(TENANT, "\udcff")) == 26


@given(ROOTS, SMALL, SMALL)
def test_a_campaigns_message_tells_where_it_stands(root: str, part: int, index: int) -> None:
    campaign = campaign_id(root)
    message = campaign_message_id(campaign, part, index)
    parsed = parse_message_id(message)
    assert (parsed.campaign, parsed.part, parsed.index) == (campaign, part, index)
    assert len(message) <= 64


@given(ROOTS)
def test_a_single_message_is_its_own_chunk(root: str) -> None:
    message = single_message_id(root)
    assert parse_message_id(message) == ParsedMessage(campaign=None, chunk=ChunkId(message), part=0, index=0)
    assert message_id_at(None, message, 0, 0) == message


@given(ROOTS, SMALL)
def test_singles_that_share_a_chunk_tell_which_and_where(root: str, index: int) -> None:
    chunk = shared_chunk_id(root)
    message = message_id_at(None, chunk, 0, index)
    assert message == f"msg_{root}-{index}" and len(message) <= 64
    assert parse_message_id(message) == ParsedMessage(campaign=None, chunk=chunk, part=0, index=index)


def test_the_forms_are_those_of_the_interface() -> None:
    root = "0" * 26
    assert campaign_id(root) == parse_campaign_id("cmp_" + root) == CampaignId("cmp_" + root)
    assert campaign_message_id(campaign_id(root), 3, 7) == f"msg_{root}_3_7"
    assert chunk_id(campaign_id(root), 3, 7) == f"chk_{root}_3_7"
    assert single_message_id(root) == f"msg_{root}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "msg_",
        "msg_" + "0" * 25,
        "msg_" + "0" * 27,
        "msg_" + "8" + "0" * 25,
        "msg_" + "U" * 26,
        "msg_" + "a" * 26,
        "cmp_" + "0" * 26,
        f"msg_{'0' * 26}_1",
        f"msg_{'0' * 26}_01_1",
        f"msg_{'0' * 26}_1_1\n",
        f"msg_{'0' * 26}_1_-1",
        f"msg_{'0' * 26}_1_4294967296",
        f"msg_{'0' * 26}_١_1",
        f"msg_{'0' * 26}-",
        f"msg_{'0' * 26}-01",
        f"msg_{'0' * 26}--1",
        f"msg_{'0' * 26}-4294967296",
        f"msg_{'0' * 26}-1_1",
    ],
)
def test_other_text_is_no_message_id(text: str) -> None:
    with pytest.raises(IdError):
        parse_message_id(text)
    with pytest.raises(IdError):
        parse_campaign_id(text if not text.startswith("cmp") else text + "0")


def test_concat_references_use_the_whole_range() -> None:
    seen = {concat_reference(MessageId(f"msg_{'0' * 26}_0_{index}")) for index in range(4000)}
    assert seen == set(range(256))


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_kafka(key: bytes, hashed: int) -> None:
    """The vectors of org.apache.kafka.common.utils.UtilsTest.testMurmur2."""
    assert murmur2(key) == hashed % 2**32


@given(st.binary(max_size=80), st.integers(1, 1000))
def test_partitions_are_those_of_another_client(key: bytes, partitions: int) -> None:
    from aiokafka.partitioner import murmur2 as reference  # type: ignore[import-untyped,unused-ignore]

    assert partition_of(key, partitions) == (int(reference(key)) & 0x7FFFFFFF) % partitions


def test_a_topic_has_partitions() -> None:
    with pytest.raises(ValueError, match="partition"):
        partition_of(b"", 0)
