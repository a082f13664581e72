"""Which tests stay together when several workers share a run: those that share a stack or what a file or folder has made.

In: the ids of tests. Out: the place of each; a place is run by one worker. Ids stay as they are, so that `--last-failed`
finds them again without workers.
"""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadScopeScheduling

WHOLE = ("tests/scenario/", "tests/component/verify/")
"""Folders whose tests share one stack."""


class SharedPlaces(LoadScopeScheduling):  # type: ignore[misc]  # why: xdist has no types
    """Places in the order of collection: the long ones stand first there."""

    def __init__(self, config: Any, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in WHOLE if nodeid.startswith(folder)), nodeid.partition("::")[0])
