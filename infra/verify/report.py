"""What `sluice verify` has to say, as a record, as JSON and as text.

In: sums and violations. Out: `VerifyReport`. Nothing can go wrong here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

SHOWN_IDS = 20
KINDS = ("LOST", "DUP_EFFECT", "DUP_BILL", "PHANTOM", "STUCK", "REGRESS", "LEAK", "OVERRATE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken promise: `ids` are the first messages (or tenants, carriers) that show it."""

    kind: str
    ids: Sequence[str]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """`accepted`: messages; `states`: how many are in which; `in_flight`: on their way between processes.

    `behind`: consumers that had not reached the ends seen at the start when the wait was over; with one of these, LOST,
    STUCK and LEAK by message are not judged, since the records that settle them may stand there.
    """

    accepted: int
    states: Mapping[str, int]
    in_flight: int
    violations: Sequence[Violation]
    behind: Sequence[str]

    @property
    def ok(self) -> bool:
        """Whether no promise is broken."""
        return not self.violations

    def to_json(self) -> dict[str, object]:
        """As `-o json` prints it."""
        return {
            "ok": self.ok,
            "accepted": self.accepted,
            "states": dict(self.states),
            "in_flight": self.in_flight,
            "violations": [{"kind": v.kind, "ids": list(v.ids), "message": v.message} for v in self.violations],
            "behind": list(self.behind),
        }


@dataclass(slots=True)
class Findings:
    """Gathers violations: one for each kind and sentence, with a count and the first ids."""

    _found: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def report(self, kind: str, sentence: str, ids: Iterable[str]) -> None:
        """Note these ids under this kind and sentence."""
        key = (kind, sentence)
        kept = self._found.setdefault(key, [])
        for id_ in ids:
            self._counts[key] = self._counts.get(key, 0) + 1
            if len(kept) < SHOWN_IDS:
                kept.append(id_)

    def violations(self) -> list[Violation]:
        """All that was found, in the order of the kinds."""
        ordered = sorted(self._found, key=lambda key: (KINDS.index(key[0]), key[1]))
        return [
            Violation(
                kind=kind,
                ids=tuple(self._found[(kind, sentence)]),
                message=f"{self._counts.get((kind, sentence), 0)} x {sentence}",
            )
            for kind, sentence in ordered
            if self._found[(kind, sentence)]
        ]


def render_table(report: VerifyReport) -> str:
    """For people."""
    lines = [f"accepted   {report.accepted}", f"in flight  {report.in_flight}"]
    lines += [f"{status:<10} {count}" for status, count in report.states.items() if count]
    lines += [f"behind: {place}" for place in report.behind]
    for v in report.violations:
        more = "" if len(v.ids) < SHOWN_IDS else ", ..."
        lines.append(f"{v.kind}: {v.message}: {', '.join(v.ids)}{more}")
    if report.violations:
        lines.append(f"{len(report.violations)} violations")
    else:
        lines.append(
            "the ledger adds up"
            if not report.behind
            else "no violation so far; with consumers behind, not everything could be judged"
        )
    return "\n".join(lines)
