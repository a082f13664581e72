"""A checked message on its way into a chunk, and who waits for it.

Enters: a message, what its key derives to. Leaves: `answer_once`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.http.problem import Problem
from gateway.messages.singles import Checked
from schemas.values.ids import MessageId


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """`answer` is called once, on the loop, with the message's id or with why not, and whether an earlier request under the
    same key made it. `root`: the 26 characters that the key derives to, '' without one; `digest` of the request. `at`: when
    it was put into the queue, in the loop's seconds."""

    checked: Checked
    traceparent: str
    answer: Callable[[MessageId | Problem, bool], None]
    root: str
    digest: bytes
    at: float = 0.0
    answered: bool = False

    def answer_once(self, outcome: MessageId | Problem, *, replayed: bool = False) -> None:
        """Answer, unless that was done."""
        if not self.answered:
            self.answered = True
            self.answer(outcome, replayed)
