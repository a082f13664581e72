"""One supervised role: `python -m infra.supervisor.run_role NAME --parent PID [--settings-on-stdin]`, or the process that
others are forked from: `python -m infra.supervisor.run_role NAME,NAME,... --parent PID --forkserver`.

In: the role's name, the supervisor's pid, settings from the environment alone, or as one JSON object of variables on stdin:
then everything is imported while they are waited for. Out: the role's exit code. It ends with its parent, however that
ends. Bad settings exit 2 with every fault on stderr. A forkserver has imported what any of these roles needs; what it is
told and tells stands in forkserver_process.py.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from infra.kernels import loader as kernels
from infra.runtime.role import end_with_parent, serve_role
from infra.settings.load import load_settings
from infra.settings.model import Settings, SettingsError
from infra.supervisor.roles import RoleRow, find_role


def main(arguments: list[str]) -> int:
    """`arguments`: NAME --parent PID [--settings-on-stdin | --forkserver]."""
    name, _, parent, *rest = arguments
    end_with_parent(int(parent))
    kernels.begin()
    if rest == ["--forkserver"]:
        return _be_forkserver(name.split(","))
    row = find_role(name)
    os.nice(row.nice)
    if not rest:
        return _begin(row, None)
    row.load()
    given = sys.stdin.read()
    return _begin(row, json.loads(given)) if given else 0


def _be_forkserver(names: Sequence[str]) -> int:
    from infra.supervisor.forkserver_process import serve as serve_orders

    for row in map(find_role, names):
        row.load()
    with open(0, "rb", buffering=0, closefd=False) as orders:
        return serve_orders(_live, orders)


def _live(name: str) -> int:
    row = find_role(name)
    os.nice(row.nice)
    return _begin(row, None)


def _begin(row: RoleRow, variables: dict[str, str] | None) -> int:
    try:
        settings = load_settings(default_file=None, environment=variables).settings
    except SettingsError as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    return serve(row, settings, f"{row.name}-0")


def serve(row: RoleRow, settings: Settings, instance: str) -> int:
    """Run this role until a signal asks it to stop."""
    return serve_role(row.load(), settings=settings, name=row.name, pool=row.pool, instance=instance, nice=row.nice)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
