"""One supervised role: `python -m infra.ops.run_role NAME --parent PID [--settings-on-stdin]`.

In: the role's name, the supervisor's pid, settings from the environment alone, or as one JSON object of variables on stdin:
then everything is imported while they are waited for. Out: the role's exit code. It ends with its parent, however that
ends. Bad settings exit 2 with every fault on stderr.
"""

from __future__ import annotations

import json
import os
import sys

from infra.ops.roles import RoleRow, find_role, load_run
from infra.role import end_with_parent, serve_role
from infra.settings import Settings, SettingsError
from infra.settings_load import load_settings


def main(arguments: list[str]) -> int:
    """`arguments`: NAME --parent PID [--settings-on-stdin]."""
    name, _, parent, *rest = arguments
    end_with_parent(int(parent))
    row = find_role(name)
    os.nice(row.nice)
    variables = None
    if rest:
        load_run(row)
        given = sys.stdin.read()
        if not given:
            return 0
        variables = json.loads(given)
    try:
        settings = load_settings(default_file=None, environment=variables).settings
    except SettingsError as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    return serve(row, settings, f"{row.name}-0")


def serve(row: RoleRow, settings: Settings, instance: str) -> int:
    """Run this role until a signal asks it to stop."""
    return serve_role(load_run(row), settings=settings, name=row.name, pool=row.pool, instance=instance)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
