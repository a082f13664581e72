"""The tests run what a role runs: modules compiled by `make install` where they are those of this source, else the source.

In: `SLUICE_PURE=1` for the sources in any case; `.ci/run` runs the unit tests in both forms. Out: a line on top of the
report that says which. It stands here, for it must come before the first module of ours is imported.
"""

from __future__ import annotations

from infra.kernels import loader

loader.begin()


def pytest_report_header() -> str:
    """Which form is tested."""
    return f"kernels: {loader.state().says}"
