"""Pictures of figures: `python -m infra.bench.pictures FOLDER FILE.json ...`.

In: what `sluice bench -o json` printed, one file each. Out: SVG files in the folder: what costs CPU by process, rates beside
those of a peer, waits of a mixed load, of a small campaign behind a large one, ratios to another version. Wrong: a file that
is none of these ends the program with its name.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

WIDTH, LABELS, ROW, TOP = 720, 190, 24, 44
ROOM = WIDTH - LABELS - 90
OURS, THEIRS = "#2563eb", "#94a3b8"
RATES = (("accepted_per_second", "accepted"), ("carrier_per_second", "at the carrier"))
COMPARED = ("per_second", "accepted_per_second", "carrier_per_second", "cpu_us_per_message", "answer_ms.p99", "cores")
STYLE = "text{font:13px system-ui,sans-serif;fill:#334155}.title{font-size:15px;font-weight:600}"


class Bar(NamedTuple):
    """One line of a picture."""

    label: str
    value: float
    colour: str = OURS


def pictures(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name of the file, SVG) of one run. Raises KeyError when it is none."""
    scenario = figures["scenario"] + ("-keyed" if figures.get("keyed") else "")
    if "compared" in figures:
        rows = [row for row in figures["compared"] if row["figure"] in COMPARED and row["ratio"] is not None]
        bars = [Bar(row["figure"].replace("_", " "), row["ratio"]) for row in rows]
        yield f"{scenario}-compare.svg", drawn(f"{scenario}: this version / {figures['other']}", bars)
        return
    if scenario == "mixed":
        bars = [Bar(f"{words}, {share}", row[share] or 0) for words, row in _waits(figures) for share in ("p50", "p99")]
        yield "mixed-waits.svg", drawn("mixed: milliseconds", bars)
    if scenario == "fairness":
        waits = [(f"{row['rate']:g} a second", row) for row in figures["small"]]
        bars = [Bar(f"{rate}, {how}", row[f"{how}_seconds"]) for rate, row in waits for how in ("alone", "behind")]
        yield "fairness-small.svg", drawn("a campaign of a hundred: seconds, alone and behind another tenant's", bars)
        return
    if "cores_by_process" in figures:
        yield f"{scenario}-cpu.svg", drawn(f"{scenario}: CPU, share of a core", _falling(figures["cores_by_process"]))
        return
    bars = _falling(figures["cpu_us_by_process"])
    peer = figures.get("peer")
    if peer is not None:
        bars += [bar._replace(colour=THEIRS) for bar in _falling(peer["cpu_us_by_process"])]
        rates = [Bar(f"{words}, {who}", row[name], colour) for name, words in RATES for who, row, colour in _both(figures)]
        yield f"{scenario}-rate.svg", drawn(f"{scenario}: messages a second", rates)
    one = "receipt" if scenario == "receipts" else "message"
    yield f"{scenario}-cpu.svg", drawn(f"{scenario}: CPU, microseconds a {one}", bars)


def drawn(title: str, bars: Sequence[Bar]) -> str:
    """Bars below each other, each with its value."""
    most = max((bar.value for bar in bars), default=0) or 1
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{TOP + ROW * len(bars) + 10}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<text class="title" x="10" y="24">{escape(title)}</text>',
    ]
    for place, bar in enumerate(bars):
        top, long = TOP + ROW * place, round(bar.value / most * ROOM, 1)
        lines += [
            f'<text x="{LABELS - 8}" y="{top + 14}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect x="{LABELS}" y="{top}" width="{long}" height="{ROW - 6}" rx="2" fill="{bar.colour}"/>',
            f'<text x="{LABELS + long + 6}" y="{top + 14}">{_value(bar.value)}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _value(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _falling(by_process: Mapping[str, float]) -> list[Bar]:
    """The largest first; what costs nothing is left out."""
    return [Bar(name, value) for name, value in sorted(by_process.items(), key=lambda one: -one[1]) if value]


def _both(figures: Mapping[str, Any]) -> tuple[tuple[str, Mapping[str, Any], str], ...]:
    return (("sluice", figures, OURS), (figures["peer"]["peer"], figures["peer"], THEIRS))


def _waits(figures: Mapping[str, Any]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """What callers and handsets wait for; a campaign takes seconds and has no place beside them."""
    return (
        ("code answered", figures["codes"]["answer_ms"]),
        ("code at the carrier", figures["codes"]["accept_to_submit_ms"]),
        ("single answered", figures["single"]["answer_ms"]),
        ("single at the carrier", figures["single"]["accept_to_submit_ms"]),
    )


def main(arguments: Sequence[str]) -> int:
    """Draw every file."""
    if len(arguments) < 2:
        sys.stderr.write("usage: python -m infra.bench.pictures FOLDER FILE.json ...\n")
        return 2
    folder, *files = map(Path, arguments)
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        try:
            made = dict(pictures(json.loads(file.read_text(encoding="utf-8"))))
        except (OSError, ValueError, KeyError, TypeError) as fault:
            sys.stderr.write(f"{file}: no figures of `sluice bench -o json`: {fault!r}\n")
            return 1
        for name, picture in made.items():
            (folder / name).write_text(picture, encoding="utf-8")
            sys.stdout.write(f"{folder / name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
