"""Topics, tables and first rows of a stack in containers, before its roles start.

In: settings from the environment and from `/config/sluice.toml` if it is there, and the keyring they name. Out: every
topic, the newest tables, the default tenant, carriers and routes, whatever of it was missing. Printed: the tenant's key,
the only time it is made.
Wrong: a service that does not answer or bad settings: exit 1, and the container is started again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from infra.settings.load import load_settings
from infra.settings.model import SettingsError
from infra.supervisor.data_folder import DataFolder
from infra.supervisor.seeding import prepare_credentials, prepare_database, prepare_topics

CONFIG = Path("/config/sluice.toml")


def main() -> int:
    """Safe to repeat: it makes only what is missing."""
    try:
        settings = load_settings(default_file=CONFIG).settings
    except SettingsError as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    folder = DataFolder(settings.data_dir)
    folder.create()
    credentials = prepare_credentials(folder, settings)
    prepare_topics(settings)
    for sentence in prepare_database(settings, credentials):
        sys.stderr.write(f"{sentence}\n")
    sys.stderr.write(f"Ready. The key of the tenant 'default': {credentials.api_key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
