"""The twins in Cython do what their sources do: both forms of each, side by side. Where nothing is compiled from these
sources, a twin is its own source, and the test holds little."""

from __future__ import annotations

import struct
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.kernels.loader import Kernels
from infra.kernels.modules import TWINS, source_file

NUMBERS = st.integers(0, 2**64 - 1)
KEYS = st.lists(st.binary(max_size=70), max_size=40)
MAYBE = st.none() | st.text(st.characters(codec="utf-8"), max_size=1200)


def pair(name: str) -> tuple[Any, Any]:
    """The source and the compiled form, each loaded under a name of its own beside the one that everybody uses."""
    [module] = [twin for twin in TWINS if twin.endswith(name)]
    spec = Kernels(loaded=()).find_spec(module) or spec_from_file_location(module, source_file(module))
    own = spec_from_file_location(f"pure_{name}", source_file(module))
    forms = []
    for one in (own, spec):
        assert one is not None and one.loader is not None
        form = module_from_spec(one)
        one.loader.exec_module(form)
        forms.append(form)
    return forms[0], forms[1]


@pytest.mark.parametrize("twin", TWINS)
def test_a_twin_has_all_that_others_use(twin: str) -> None:
    pure, compiled = pair(twin.rpartition(".")[2])
    own = {name for name, value in vars(pure).items() if getattr(value, "__module__", None) == pure.__name__}
    assert {name for name in own if not name.startswith("_")} <= set(vars(compiled))


def outcome(call: Callable[[], object]) -> object:
    """What it gives, or the kind of its fault."""
    try:
        return call()
    except (ValueError, TypeError, OverflowError, KeyError) as fault:
        return type(fault)


@given(st.lists(st.lists(NUMBERS | st.integers(0, 40), max_size=40), max_size=20), NUMBERS)
def test_number_tables(blocks: list[list[int]], factor: int) -> None:
    tables = [form.NumberTable(factor | 1) for form in pair("number_table")]
    seen: set[int] = set()
    for block in blocks:
        expected = []
        for rank, number in enumerate(block):
            if number in seen:
                expected.append(rank)
            seen.add(number)
        assert [table.add(block) for table in tables] == [expected, expected]


def test_a_place_with_many_numbers() -> None:
    """The factor 1 leaves the upper bits as they are: all of these stand in one place, and begin alike."""
    numbers = [*range(3000), *range(1 << 40, 3 * (1 << 40), 1 << 30), *(256**power for power in range(6))]
    for form in pair("number_table"):
        table = form.NumberTable(1)
        assert table.add(numbers) == [len(numbers) - 6, len(numbers) - 5, len(numbers) - 1]
        assert table.add(numbers) == list(range(len(numbers)))


@pytest.mark.parametrize("wrong", [2**64, -1, "x", None])
def test_what_is_no_number_changes_nothing(wrong: object) -> None:
    for form in pair("number_table"):
        table = form.NumberTable(3)
        with pytest.raises((OverflowError, TypeError)):
            table.add([7, wrong])
        assert table.add([7]) == []


@given(KEYS, st.integers(-1, 70))
def test_partitions(keys: list[bytes], partitions: int) -> None:
    pure, compiled = pair("partitions")
    assert outcome(lambda: compiled.partitions_of(keys, partitions)) == outcome(lambda: pure.partitions_of(keys, partitions))


@given(st.lists(st.binary(max_size=300) | st.integers(0, 70_000).map(bytes), max_size=40), st.sampled_from([1, 130]))
def test_joined_records(bodies: list[bytes], times: int) -> None:
    pure, compiled = pair("joined_records")
    assert compiled.join_records(bodies * times) == pure.join_records(bodies * times)


@given(
    st.lists(
        st.tuples(st.binary(max_size=1100), MAYBE, MAYBE, st.tuples(*[st.binary(max_size=200)] * 3)), min_size=0, max_size=12
    ),
    st.sampled_from([0, 16]),
    st.binary(max_size=9),
    st.binary(max_size=90),
    st.integers(-1, 1),
)
def test_receipt_bodies(rows: list[Any], width: int, wire: bytes, owner: bytes, more: int) -> None:
    pure, compiled = pair("receipt_bodies")
    ids, refs, carrier_ids, pieces = ([row[column] for row in rows] for column in range(4))
    hashes = b"".join(struct.pack("<16s", b"%d" % rank) for rank in range(len(rows) + more))

    def bodies(form: Any, refs: list[str | None]) -> object:
        return outcome(
            lambda: form.join_bodies(ids, refs, carrier_ids, iter(pieces), hashes, width, wire, owner, b"/1048577")
        )

    assert bodies(compiled, refs) == bodies(pure, refs)
    assert bodies(compiled, [*refs, None]) == bodies(pure, [*refs, None])


PIECES = st.lists(st.sampled_from([b'"', b'","', b'{"to":"', b'"}', b'" "']), min_size=2, max_size=4)
GAPS = st.sampled_from([b"", b"a", b"+491", "Zo\u00eb".encode(), b"\xff", b"\\n", b"\x1f", b'"', b"x" * 300, b"\n"])


@given(PIECES, st.lists(st.lists(GAPS, min_size=3, max_size=3), min_size=1, max_size=6), st.sampled_from([b"", b"\n", b"x"]))
def test_uniform_lines(pieces: list[bytes], gaps: list[list[bytes]], more: bytes) -> None:
    pure, compiled = pair("uniform_lines")
    lines = b"\n".join(b"".join(chain(*zip(pieces[:-1], own, strict=False), pieces[-1:])) for own in gaps) + more
    assert compiled.columns_of(lines, tuple(pieces)) == pure.columns_of(lines, tuple(pieces))


DESTINATIONS = st.lists(
    st.sampled_from(["+49151", "+4915112345678", "+4915212345678", "+491511234567", "+1202", "0049", "+", "", "++1", "+1_0"])
    | st.from_regex(r"\+[0-9]{1,21}", fullmatch=True)
    | st.sampled_from(["+\u0664\u0669", "+49\u00e9", "+12 3", "+9999999999999999999", "+99999999999999999999"]),
    max_size=8,
)


@given(DESTINATIONS, st.integers(0, 21), st.integers(1, 9))
def test_plain_destinations(texts: list[str], lengths: int, width: int) -> None:
    pure, compiled = pair("plain_destinations")

    class Table(dict[str, str]):
        def __missing__(self, beginning: str) -> str:
            if beginning.startswith("+12"):
                raise KeyError(beginning)
            return f"{beginning} of {id(self)}"

    tables = [Table() for _ in range(lengths)]
    expected = outcome(lambda: pure.look_up(texts, tables, width))
    assert outcome(lambda: compiled.look_up(texts, tables, width)) == expected
