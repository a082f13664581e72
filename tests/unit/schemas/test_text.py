"""Text: alphabets, counts and segments, against another implementation's tables and against the rules themselves."""

import sys

import gsmcodecs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.text import (
    GSM7_BASIC,
    GSM7_EXTENSION,
    MAX_SEGMENTS,
    Alphabet,
    TextError,
    alphabet_of,
    count_segments,
    decode,
    encode,
    smart,
    split,
)

GSM_CHARACTERS = GSM7_BASIC.replace("\x1b", "") + "".join(GSM7_EXTENSION)
GSM_TEXT = st.text(GSM_CHARACTERS, max_size=700)
ESCAPED_TEXT = st.text("a€{", min_size=140, max_size=700)
UCS2_TEXT = st.builds(lambda text, at: text[:at] + "я" + text[at:], st.text("aя😀", max_size=400), st.integers(0, 400))
ANY_TEXT = st.one_of(GSM_TEXT, ESCAPED_TEXT, UCS2_TEXT, st.text(st.characters(exclude_categories=["Cs"])))
REFERENCE = gsmcodecs.makeCodec()


def test_the_tables_are_those_of_another_implementation() -> None:
    """Every code point there is: in the alphabet here exactly if there, with the same octets."""
    tables = gsmcodecs.GSMCHARMAPS[0]
    known = {chr(code) for table in ("locking", "singleShift") for code in tables[table]["encode"]}
    taken = {chr(code) for code in range(sys.maxunicode + 1) if alphabet_of(chr(code)) == "gsm7"}
    assert taken == known == set(GSM_CHARACTERS)
    assert all(encode(char, "gsm7") == REFERENCE.encode(char)[0] for char in known)
    assert len(GSM7_BASIC) == 128 and len(set(GSM7_BASIC)) == 128
    assert "\x1b" not in GSM_CHARACTERS and alphabet_of("\x1b") == "ucs2" and alphabet_of("\0") == "ucs2"


@given(GSM_TEXT)
def test_gsm_text_is_encoded_as_elsewhere_and_reads_back(text: str) -> None:
    assert alphabet_of(text) == "gsm7"
    assert encode(text, "gsm7") == REFERENCE.encode(text)[0]
    assert decode(encode(text, "gsm7"), "gsm7") == text


@given(ANY_TEXT)
def test_segments_hold_the_whole_text_and_nothing_is_torn(text: str) -> None:
    encoded = split(text)
    assert (encoded.alphabet, len(encoded.parts)) == count_segments(text)
    assert encoded.alphabet == alphabet_of(text)
    assert b"".join(encoded.parts) == encode(text, encoded.alphabet)
    assert "".join(decode(part, encoded.alphabet) for part in encoded.parts) == text


@given(ANY_TEXT)
def test_segments_are_as_few_and_as_full_as_the_rules_allow(text: str) -> None:
    encoded = split(text)
    single, part_size, pair = (160, 153, 1) if encoded.alphabet == "gsm7" else (140, 134, 2)
    whole = sum(map(len, encoded.parts))
    if whole <= single:
        assert len(encoded.parts) == 1
        return
    assert len(encoded.parts) > 1 and all(len(part) <= part_size for part in encoded.parts)
    for part, following in zip(encoded.parts, encoded.parts[1:], strict=False):
        torn_otherwise = following[0] == 0x1B if pair == 1 else 0xD8 <= following[0] <= 0xDB
        assert len(part) == part_size or (len(part) == part_size - pair and torn_otherwise)


@pytest.mark.parametrize(
    ("text", "alphabet", "segments"),
    [
        ("", "gsm7", 1),
        ("a" * 160, "gsm7", 1),
        ("a" * 161, "gsm7", 2),
        ("a" * 306, "gsm7", 2),
        ("a" * 307, "gsm7", 3),
        ("€" * 80, "gsm7", 1),
        ("€" * 80 + "a", "gsm7", 2),
        ("a" * 158 + "€", "gsm7", 1),
        ("a" * 159 + "€", "gsm7", 2),
        ("\f" * 81, "gsm7", 2),
        ("a" * 152 + "€" + "a" * 152, "gsm7", 3),
        ("a" * 151 + "€" + "a" * 153, "gsm7", 2),
        ("я" * 70, "ucs2", 1),
        ("я" * 71, "ucs2", 2),
        ("я" * 134, "ucs2", 2),
        ("я" * 135, "ucs2", 3),
        ("😀" * 35, "ucs2", 1),
        ("😀" * 36, "ucs2", 2),
        ("😀" * 66, "ucs2", 2),
        ("😀" * 67, "ucs2", 3),
        ("я" * 66 + "😀" + "я" * 66, "ucs2", 3),
        ("ç", "ucs2", 1),
        ("`", "ucs2", 1),
        ("é^{}[]~\\|€", "gsm7", 1),
        ("Ω", "gsm7", 1),
    ],
)
def test_examples(text: str, alphabet: str, segments: int) -> None:
    assert count_segments(text) == (alphabet, segments)


def test_exact_octets() -> None:
    assert split("@a€").parts == (b"\x00a\x1be",)
    assert split("я😀").parts == (b"\x04\x4f\xd8\x3d\xde\x00",)


@pytest.mark.parametrize("text", ["\ud800", "a\udc00b", "\ude00\ud83d"])
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    for attempt in (split, count_segments):
        with pytest.raises(TextError) as refused:
            attempt(text)
        assert refused.value.code == "bad_text"


def test_text_outside_the_asked_alphabet_is_refused() -> None:
    with pytest.raises(TextError) as refused:
        encode("я", "gsm7")
    assert refused.value.code == "bad_text"


@pytest.mark.parametrize(("char", "per_segment"), [("a", 153), ("я", 67), ("€", 76), ("😀", 33)])
def test_no_more_segments_than_a_header_can_count(char: str, per_segment: int) -> None:
    assert count_segments(char * per_segment * MAX_SEGMENTS)[1] == MAX_SEGMENTS == 255
    for attempt in (split, count_segments):
        with pytest.raises(TextError) as refused:
            attempt(char * (per_segment * MAX_SEGMENTS + 1))
        assert refused.value.code == "too_long"


def test_look_alikes_become_gsm() -> None:
    assert smart("“It’s” – 5\u00a0€…") == '"It\'s" - 5 €...'
    assert alphabet_of("“") == "ucs2" and alphabet_of(smart("“”‘’„—–…\u00a0\u202f•")) == "gsm7"


@given(GSM_TEXT)
def test_gsm_text_has_no_look_alikes(text: str) -> None:
    assert smart(text) == text


@pytest.mark.parametrize(
    ("data", "alphabet", "text"), [(b"\x1b", "gsm7", " "), (b"a\x1bab", "gsm7", "a b"), (b"\xd8\x3d", "ucs2", "\ufffd")]
)
def test_foreign_user_data_can_always_be_shown(data: bytes, alphabet: Alphabet, text: str) -> None:
    assert decode(data, alphabet) == text
