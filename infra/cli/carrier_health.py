"""How a carrier is doing, for the command line: what dispatch has told of its breaker in each lane.

In: a carrier's id. Out: by lane the breaker's state, since when, the last fault, and the share of its rate that it gets;
only lanes of which something was told
in the last seconds. With Redis away, or not known, nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.cli.options import find_settings


def health_of(carrier: str, data: Path | None, config: Path | None) -> dict[str, dict[str, Any]]:
    """By lane."""
    import asyncio

    from schemas.values.lanes import Lane

    url = find_settings(data, config).redis.url
    if url is None:
        return {}
    told = asyncio.run(_read(url.get_secret_value(), [(carrier, str(lane)) for lane in Lane]))
    return {
        str(lane): {
            "state": str(one.state),
            "since": datetime.fromtimestamp(one.since // 1000, UTC).isoformat().replace("+00:00", "Z"),
            "fault": one.fault,
            "share": one.share,
        }
        for lane, one in zip(Lane, told, strict=False)
        if one is not None
    }


async def _read(url: str, places: list[tuple[str, str]]) -> list[Any]:
    from infra.redis.carrier_health import CarrierHealthBoard
    from infra.redis.client import RedisDown, connect

    redis = connect(url)
    try:
        return list(await CarrierHealthBoard(redis).read(places))
    except RedisDown:
        return []
    finally:
        await redis.close()
