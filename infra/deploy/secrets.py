"""The secrets of a stack in containers, made once: passwords, keys, the keyring.

In: two folders (volumes), one for PostgreSQL and one for our roles, and the uid that reads the second. Out: files that
the containers are pointed to by `..._FILE`; those that exist are left as they are. Wrong: a folder that is not writable.
Run as root by the one-shot container `secrets`: `python -m infra.deploy.secrets POSTGRES_FOLDER SLUICE_FOLDER UID`.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from infra.security.keyring import create_keyring

DATABASE_HOST = "postgres"
DATABASE = "sluice"
# PostgreSQL's container reads the file as its own user, whose uid differs between images; the volume is mounted nowhere
# else.
FOR_POSTGRES = 0o444
FOR_ROLES = 0o400


def make_secrets(for_postgres: Path, for_roles: Path) -> list[Path]:
    """Make what is missing; the files of the roles."""
    password = _once(for_postgres / "password", secrets.token_urlsafe(24), FOR_POSTGRES)
    url = f"postgresql://postgres:{password}@{DATABASE_HOST}:5432/{DATABASE}"
    files = [for_roles / name for name in ("postgres_url", "admin_key", "keyring.json")]
    _once(files[0], url, FOR_ROLES)
    _once(files[1], f"admin_{secrets.token_hex(32)}", FOR_ROLES)
    create_keyring(files[2])
    return files


def _once(file: Path, content: str, mode: int) -> str:
    """The content of the file, which gets `content` if it is new."""
    if not file.exists():
        fresh = file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as out:
            out.write(content)
        fresh.chmod(mode)
        fresh.replace(file)
    return file.read_text(encoding="utf-8")


def main(arguments: list[str]) -> int:
    """`POSTGRES_FOLDER SLUICE_FOLDER UID`."""
    for_roles = Path(arguments[1])
    for file in make_secrets(Path(arguments[0]), for_roles):
        os.chown(file, int(arguments[2]), -1)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
