"""`sluice verify`: the conservation checker as a command.

In: a campaign or everything, how long to wait. Out: the report; exit 1 on any violation.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from infra.cli.options import Config, Data, Output, find_settings, kafka_cluster, postgres_url
from infra.cli.output import Format, chosen, show_one
from infra.runtime.console import tell


def verify(
    campaign: Annotated[str | None, typer.Option(help="Only this campaign.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for consumers to reach the topics' ends.")] = 30,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Check the ledger: nothing lost, nothing sent or paid twice."""
    from infra.postgres.admin_store import open_admin_store
    from infra.verify.verify import render_table
    from infra.verify.verify import verify as judge

    settings = find_settings(data, config)
    kafka_cluster(settings)
    if campaign is not None:
        with open_admin_store(postgres_url(settings)) as store:
            store.know_campaign(campaign)
    postgres_url(settings)
    tell("waiting for the consumers, then reading the logs")
    report = judge(settings, campaign=campaign, wait=wait)
    if chosen(output) is Format.TABLE:
        sys.stdout.write(f"{render_table(report)}\n")
    else:
        show_one(report.to_json(), output)
    if not report.ok:
        raise typer.Exit(1)
