"""The metrics of a role that serves nothing else, for Prometheus to read.

In: metrics. Out: an address on this machine alone, on a port that was free, served by a thread until the process ends. A
machine without any loopback address raises OSError.
"""

from __future__ import annotations

from prometheus_client import start_http_server

from infra.telemetry.metrics import Metrics


def serve_metrics(metrics: Metrics) -> str:
    """The address to read."""
    for host, shown in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
        try:
            server, _ = start_http_server(0, host, registry=metrics.registry)
        except OSError:
            if host == "::1":
                raise
            continue
        return f"http://{shown}:{server.server_port}/metrics"
    raise AssertionError("unreachable")
