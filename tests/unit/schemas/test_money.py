"""Money: text and ten-thousandths are the same amount, and nothing else is taken."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.money import MAX_AMOUNT, UNITS, MoneyError, format_amount, parse_amount


@given(st.integers(-MAX_AMOUNT, MAX_AMOUNT))
def test_what_is_written_reads_back(amount: int) -> None:
    assert parse_amount(format_amount(amount), signed=True) == amount
    assert Decimal(format_amount(amount)) * UNITS == amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0.0700", 700),
        ("0", 0),
        ("12", 120_000),
        ("1.5", 15_000),
        ("0007.0001", 70_001),
        ("100000000000.0000", MAX_AMOUNT),
    ],
)
def test_fewer_places_are_filled_up(text: str, amount: int) -> None:
    assert parse_amount(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "+1",
        "-1",
        "1.",
        ".5",
        "1.00000",
        "1e3",
        "1,5",
        "1_0",
        "٣",
        "NaN",
        "0x1",
        "1" * 16,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MoneyError) as refused:
        parse_amount(text)
    assert refused.value.code == "bad_amount"


@pytest.mark.parametrize("text", ["100000000000.0001", "999999999999999"])
def test_the_bound_holds(text: str) -> None:
    with pytest.raises(MoneyError) as refused:
        parse_amount(text)
    assert refused.value.code == "amount_out_of_range"


def test_an_amount_out_of_range_is_not_written() -> None:
    with pytest.raises(MoneyError):
        format_amount(-MAX_AMOUNT - 1)


def test_negative_amounts_keep_their_sign() -> None:
    assert format_amount(-1) == "-0.0001"
    assert parse_amount("-0.0001", signed=True) == -1
