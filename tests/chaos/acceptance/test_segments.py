"""Alphabets and segments against another vendor's calculator, over every character and some thousand texts.

The vendor (npm `sms-segments-calculator`) differs from us in one rule alone: it keeps what a reader sees as one character
(a flag, a family of emoji, a letter with combining accents) in one segment; ours keeps escape pairs and surrogate pairs
together and nothing else, as handsets put segments together before they show them. It may therefore count more
segments than we do for such texts, never fewer.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from schemas.values.text import GSM7_BASIC, GSM7_EXTENSION, PART, SINGLE, Alphabet, alphabet_of, count_segments, split
from tests.support.npm import installed

pytestmark = pytest.mark.slow
NAMES: dict[str, Alphabet] = {"GSM-7": "gsm7", "UCS-2": "ucs2"}
BASIC = GSM7_BASIC.replace("\x1b", "")
WIDE_GSM7 = "".join(GSM7_EXTENSION)
NARROW_UCS2 = "абвгдЖЩЯéñ漢字かな→ŁőÇç\n "
WIDE_UCS2 = "😀🎉🚀💶𝄞"
CLUSTERS = ("🇩🇪", "👨‍👩‍👧", "👍🏽", "e\u0301", "❤️", "ไม้")


def theirs(texts: Sequence[str]) -> list[tuple[Alphabet, int]]:
    """Alphabet and number of segments as the vendor counts."""
    command = [
        "node",
        str(Path(__file__).with_name("segments.js")),
        str(installed("npm-segments", "sms-segments-calculator@1.3.0")),
    ]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, timeout=60, check=True)
    return [(NAMES[name], count) for name, count in json.loads(done.stdout)]


def by_rule(text: str) -> int:
    """Segments by the documented rule, counted character by character: fill a segment, never tear a pair."""
    alphabet = alphabet_of(text)
    per_unit = 1 if alphabet == "gsm7" else 2
    sizes = [per_unit * (2 if (char in GSM7_EXTENSION and alphabet == "gsm7") or char > "\uffff" else 1) for char in text]
    if sum(sizes) <= SINGLE[alphabet]:
        return 1
    count, room = 1, PART[alphabet]
    for size in sizes:
        if size > room:
            count, room = count + 1, PART[alphabet]
        room -= size
    return count


def near_the_edges(random: Random, narrow: str, wide: str, single: int, part: int) -> list[str]:
    """Texts about as long as one, two, ... segments hold, with two-unit characters where one segment ends."""
    texts = []
    for segments in (1, 2, 3, 4, 7):
        edge = single if segments == 1 else part * segments
        for length in range(edge - 4, edge + 5):
            for _ in range(25):
                chars = random.choices(narrow, k=length)
                for end in range(part, length, part):
                    for place in random.sample(range(end - 3, min(end + 2, length)), random.randint(0, 2)):
                        chars[place] = random.choice(wide)
                texts.append("".join(chars))
    return texts


def test_the_alphabet_of_every_character_is_the_same() -> None:
    characters = [chr(code) for code in range(0x10000) if not 0xD800 <= code <= 0xDFFF]
    assert [(a, chr(code)) for code, (a, _) in zip(map(ord, characters), theirs(characters), strict=True)] == [
        (alphabet_of(char), char) for char in characters
    ]


@pytest.mark.parametrize(
    ("narrow", "wide", "alphabet", "single", "part"),
    [
        (BASIC, WIDE_GSM7, "gsm7", 160, 153),
        ("ÄÖÜäöüß\n\rx", WIDE_GSM7, "gsm7", 160, 153),
        (NARROW_UCS2, WIDE_UCS2, "ucs2", 70, 67),
    ],
)
def test_segments_are_the_same_at_every_edge(narrow: str, wide: str, alphabet: str, single: int, part: int) -> None:
    texts = near_the_edges(Random(alphabet + narrow), narrow, wide, single, part)
    found = [count_segments(text) for text in texts]
    assert [(ours, text) for ours, text, other in zip(found, texts, theirs(texts), strict=True) if ours != other] == []
    assert [count for _, count in found] == [by_rule(text) for text in texts] == [len(split(t).parts) for t in texts]
    assert len(texts) == 1125 and len({count for _, count in found}) >= 6


def test_segments_of_mixed_texts_are_the_same() -> None:
    random = Random("mixed")
    tables = (BASIC, BASIC + WIDE_GSM7, BASIC + WIDE_GSM7 + "я", NARROW_UCS2 + WIDE_UCS2 + BASIC + WIDE_GSM7, WIDE_GSM7)
    texts = ["".join(random.choices(random.choice(tables), k=random.randint(0, 700))) for _ in range(3000)]
    found = [count_segments(text) for text in texts]
    assert [(ours, text) for ours, text, other in zip(found, texts, theirs(texts), strict=True) if ours != other] == []
    assert {alphabet for alphabet, _ in found} == {"gsm7", "ucs2"}


def test_what_is_seen_as_one_character_may_be_cut_by_us_alone() -> None:
    random = Random("clusters")
    texts = ["".join(random.choices((*CLUSTERS, "я"), k=random.randint(1, 150))) for _ in range(1000)]
    ours, others = [count_segments(text)[1] for text in texts], [count for _, count in theirs(texts)]
    assert ours == [by_rule(text) for text in texts]
    assert all(other >= own for own, other in zip(ours, others, strict=True))
    assert 0 < sum(other > own for own, other in zip(ours, others, strict=True)) < len(texts) / 2
