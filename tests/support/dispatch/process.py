"""The role dispatch as a process that a test may kill, or that kills itself at a chosen step.

In: one JSON object: addresses, pool, names, `crash_on`: how a destination begins whose
submit ends the process before it leaves.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from connectors.carriers.contract import Submit
from connectors.carriers.smpp import session
from connectors.dispatch.role import run
from infra.runtime.role import serve_role
from infra.settings.model import KafkaSettings, PostgresSettings, RedisSettings, Settings
from tests.support.toy_carrier import TOYS


def die_at(destination: str) -> None:
    """A submit to a destination that begins so ends the process before it leaves."""
    encode: Callable[[Sequence[Submit], int, str], list[bytes | None]] = vars(session)["encode_submits"]

    def deadly(submits: Sequence[Submit], first: int, long_messages: str) -> list[bytes | None]:
        if any(submit.destination.startswith(destination) for submit in submits):
            os.kill(os.getpid(), signal.SIGKILL)
        return encode(submits, first, long_messages)

    vars(session)["encode_submits"] = deadly


if __name__ == "__main__":
    words = json.loads(sys.argv[1])
    if words.get("crash_on"):
        die_at(words["crash_on"])
    settings = Settings(
        data_dir=Path(words["data_dir"]),
        kafka=KafkaSettings(bootstrap=words["kafka"]),
        postgres=PostgresSettings.model_validate({"url": words["postgres"]}),
        redis=RedisSettings.model_validate({"url": words["redis"]}),
    )
    role = partial(run, registry=TOYS)
    sys.exit(serve_role(role, settings=settings, name=words["name"], pool=words["pool"], instance=words["instance"]))
