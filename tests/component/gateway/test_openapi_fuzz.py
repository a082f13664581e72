"""The gateway against its own OpenAPI document, by schemathesis: examples, edges, random cases, and calls that follow links.

No 5xx; statuses, headers, media types and bodies as described; what the document forbids is refused; what it allows is not
refused for its form. The seed is fixed and stands in what a failure shows.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.support.gateway_env import GatewayEnv

pytestmark = [pytest.mark.slow, pytest.mark.stack]

SEED = 17
EXAMPLES = 10
HOOKS = "tests.support.openapi_hooks"


@pytest.mark.timeout(400)
async def test_the_gateway_is_as_described(url: str, env: GatewayEnv, tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{url}/openapi.json",
        "--seed",
        str(SEED),
        "-H",
        f"Authorization: Bearer {env.key}",
        "--max-examples",
        str(EXAMPLES),
        "--checks",
        "all",
        "--exclude-checks",
        "positive_data_acceptance",
        "--suppress-health-check",
        "all",
        "--no-shrink",
        "--no-color",
        "--continue-on-failure",
        "--warnings",
        "off",
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    text = said.decode(errors="replace")
    assert process.returncode == 0, text[-20_000:]
    assert f"Seed: {SEED}" in text and "Stateful" in text
