"""The role `streams` as a process: kafka, postgres, redis, data folder, pool, instance."""

from __future__ import annotations

import sys
from pathlib import Path

from infra.runtime.role import serve_role
from infra.settings.model import KafkaSettings, PostgresSettings, RedisSettings, Settings
from streams.role import run


def main(kafka: str, postgres: str, redis: str, folder: str, pool: str) -> int:
    """The exit code of the role."""
    settings = Settings.model_validate(
        {
            "data_dir": Path(folder),
            "kafka": KafkaSettings(bootstrap=kafka),
            "postgres": PostgresSettings.model_validate({"url": postgres}),
            "redis": RedisSettings.model_validate({"url": redis}),
        }
    )
    return serve_role(
        run, settings=settings, name=f"streams-{pool}", pool="otp" if pool == "otp" else "bulk", instance=f"streams-{pool}-0"
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
