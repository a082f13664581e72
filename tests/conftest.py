"""Fixtures for the whole suite: the three services, started by the first test that asks and shared by all.

In: nothing. Out: `services`, whose `kafka`, `postgres` and `redis` are addresses; `topics`, for tests that need those of the
product. A test that uses them is marked `stack` and keeps to topics, databases and keys of its own; `stack`, the whole
product as `sluice up` starts it. Wrong: a service that does not start fails the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from infra.kafka import topic_admin
from infra.services.stack import Stack
from infra.settings.environment import forget_others
from tests.support.running import stack as stack
from tests.support.service_stack import running_services

FOLDERS = ("scenario", "chaos", "component", "architecture", "unit")
QUICK, THOROUGH = 30, 300
"""Examples of a property: in the fast suite, and with `--hypothesis-profile thorough`, as .ci/run calls the slow one."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Examples have no limit of time of their own: on a machine that stands still for a second they say nothing of us.
    PostgreSQL's variables in the environment are not for our servers. Tracebacks in logs are plain: unless told otherwise
    structlog draws a box with every local value, which takes a second for a failure that a test provokes."""
    forget_others()
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])
    for name, count in (("quick", QUICK), ("thorough", THOROUGH)):
        settings.register_profile(name, max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile(config.getoption("--hypothesis-profile") or "quick")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of `chaos` is slow. Long folders come first: short tests fill the end where several workers share a run."""
    for item in items:
        if item.nodeid.startswith("tests/chaos/"):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: FOLDERS.index(folder) if (folder := item.nodeid.split("/")[1]) in FOLDERS else 0)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`-n N`: tests that share something expensive go to one worker."""
    from tests.support.sharing import SharedPlaces

    return SharedPlaces(config, log)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Kafka, PostgreSQL and Redis for this run of the tests."""
    with running_services(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def patient_redis() -> Iterator[None]:
    """Clients of Redis in this process give an answer more time than this process may stand still."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infra.redis.client.TIMEOUT_SECONDS", 10.0)
        yield


@pytest.fixture(scope="session")
def topics(services: Stack) -> None:
    """All topics of the product on the shared Kafka, with first offsets."""
    topic_admin.apply(services.kafka, 1)
