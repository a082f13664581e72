"""What the command line refuses: a sentence, and what to do next.

In: the sentence and the step. Out: `Refusal`, which `cli.py` prints on stderr and turns into exit code 1.
"""

from __future__ import annotations


class Refusal(Exception):
    """Nothing was done, or it failed; `problem` says what, `next_step` what helps."""

    def __init__(self, problem: str, next_step: str = "") -> None:
        super().__init__(f"{problem}: {next_step}" if next_step else problem)
        self.problem = problem
        self.next_step = next_step
