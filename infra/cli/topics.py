"""`sluice topics diff|apply|list`.

In: Kafka's address, the table of topics. Out: what differs, what was done, what there is. `diff` exits 1 when something
differs.
"""

from __future__ import annotations

import typer

from infra.cli.options import Config, Data, Output, find_settings, kafka_cluster
from infra.cli.output import show_rows
from infra.runtime.console import tell

app = typer.Typer(no_args_is_help=True, help="Kafka topics.")


@app.command()
def diff(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show what differs between Kafka and the product's table of topics."""
    from infra.kafka.topic_admin import compression_of
    from infra.kafka.topic_admin import diff as differences

    settings = find_settings(data, config)
    found = differences(kafka_cluster(settings), settings.kafka.replication, compression_of(settings.kafka))
    show_rows([{"difference": sentence} for sentence in found], output)
    if found:
        raise typer.Exit(1)


@app.command()
def apply(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Make what is missing; a second time does nothing."""
    from infra.kafka import topic_admin

    settings = find_settings(data, config)
    done = topic_admin.apply(kafka_cluster(settings), settings.kafka.replication, topic_admin.compression_of(settings.kafka))
    tell(f"{len(done)} changes" if done else "nothing to change")
    show_rows([{"change": sentence} for sentence in done], output)


@app.command("list")
def list_(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show the topics with what they carry and who reads them."""
    from infra.kafka.topic_admin import list_topics
    from schemas.records.topics import topic

    states = list_topics(kafka_cluster(find_settings(data, config)))
    show_rows(
        [
            {
                "name": state.name,
                "partitions": state.partitions,
                "replication": state.replication,
                "cleanup": state.settings.get("cleanup.policy"),
                "retention_ms": state.settings.get("retention.ms"),
                "records": list(topic(state.name).records),
                "key": topic(state.name).key,
                "writers": list(topic(state.name).writers),
                "readers": list(topic(state.name).readers),
            }
            for state in states
        ],
        output,
        ("name", "partitions", "replication", "cleanup", "records", "readers"),
    )
