"""The process behind `sluice services up`: `python -m infra.supervisor.services_holder DATA`.

In: a data folder, settings from the environment. Out: services that live as long as this process, their addresses in
`DATA/run/services.json`. One that dies is started again. SIGTERM stops them.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from infra.runtime.console import tell
from infra.services.errors import ServiceError
from infra.services.stack import start_services
from infra.settings.kafka import ACCESS
from infra.settings.load import load_settings
from infra.supervisor.data_folder import DataFolder, own_identity
from infra.supervisor.log_bounds import keep_bounded
from infra.supervisor.seeding import secret
from infra.supervisor.supervisor import Supervisor


async def hold(folder: DataFolder) -> int:
    """Start, note, watch until SIGTERM or SIGINT."""
    if not folder.lock("services"):
        tell(f"the services of {folder.path} are held by another process")
        return 1
    settings = load_settings(default_file=None).settings
    try:
        stack = start_services(
            folder.path,
            kafka=settings.kafka.bootstrap,
            postgres=secret(settings.postgres.url) or None,
            redis=secret(settings.redis.url) or None,
            cache=settings.cache_dir,
        )
    except ServiceError as fault:
        tell(str(fault))
        return 1
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    identity = own_identity()
    folder.write(
        folder.stack_file,
        {
            **folder.read(folder.stack_file),
            "kafka": stack.kafka,
            "postgres": stack.postgres,
            "redis": stack.redis,
            "data_dir": str(folder.path),
            ACCESS: settings.kafka.access,
        },
    )
    folder.write(
        folder.services_file,
        {"holder": identity, "pid": identity[0], "kafka": stack.kafka, "postgres": stack.postgres, "redis": stack.redis},
    )
    watch = Supervisor(folder, {}, tell)
    watch.watch_services(stack.started)
    own_log = asyncio.create_task(keep_bounded(lambda: [folder.logs / "services.log"], tell))
    await stop.wait()
    own_log.cancel()
    await watch.end()
    folder.services_file.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(hold(DataFolder(Path(sys.argv[1])))))
