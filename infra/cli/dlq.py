"""`sluice dlq stats|list|show`: dead letters.

In: a code, an id `partition:offset`. Out: dead letters with their origin; `show` with key and value as hexadecimal text.
"""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.options import Config, Data, Output, admin_store
from infra.cli.output import show_one, show_rows

app = typer.Typer(no_args_is_help=True, help="Dead letters.")


@app.command()
def stats(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Count them by service, code and topic."""
    with admin_store(data, config) as store:
        show_rows(store.dead_letter_stats(), output)


@app.command("list")
def list_(
    code: Annotated[str | None, typer.Option(help="Only with this error code.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Show the newest."""
    with admin_store(data, config) as store:
        show_rows(store.dead_letters(code, limit), output)


@app.command()
def show(
    letter: Annotated[str, typer.Argument(metavar="ID", help="partition:offset, as `dlq list` shows it.")],
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Show one with its bytes and headers."""
    from infra.runtime.refusal import Refusal

    partition, colon, offset = letter.partition(":")
    if not (letter.isascii() and colon and partition.isdigit() and offset.isdigit()):
        raise Refusal(f"{letter!r} is no dead letter's id", "write it as `sluice dlq list` shows it, e.g. 0:17")
    with admin_store(data, config) as store:
        show_one(store.dead_letter(int(partition), int(offset)), output)
