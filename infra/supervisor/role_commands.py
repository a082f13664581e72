"""The command lines by which roles and the forkserver are started.

In: rows of roles. Out: arguments, the program first.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from infra.supervisor.data_folder import own_identity
from infra.supervisor.roles import RoleRow


def role_command(row: RoleRow) -> Sequence[str]:
    """How a role is started, as a child of this process."""
    return (sys.executable, "-P", "-m", "infra.supervisor.run_role", row.name, "--parent", str(own_identity()[0]))


def forkserver_command(rows: Sequence[RoleRow]) -> Sequence[str]:
    """How a process is started that any of these roles can be forked from."""
    names = ",".join(row.name for row in rows)
    return (
        sys.executable,
        "-P",
        "-m",
        "infra.supervisor.run_role",
        names,
        "--parent",
        str(own_identity()[0]),
        "--forkserver",
    )
