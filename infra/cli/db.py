"""`sluice db upgrade|status`.

In: the operator's URL. Out: the migrations that were applied, or that the database has and lacks. `status` exits 1 when it
lacks some.
"""

from __future__ import annotations

import typer

from infra.cli.options import Config, Data, Output, find_settings, postgres_url
from infra.cli.output import show_rows
from infra.runtime.console import tell

app = typer.Typer(no_args_is_help=True, help="The database.")


@app.command()
def upgrade(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Bring the database to the present shape; a second time does nothing."""
    from infra.postgres import migrate

    done = migrate.upgrade(postgres_url(find_settings(data, config)))
    tell(f"{len(done)} migrations applied" if done else "nothing to do")
    show_rows([{"migration": name, "state": "applied now"} for name in done], output)


@app.command()
def status(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show which migrations the database has and lacks."""
    from infra.postgres import migrate

    found = migrate.status(postgres_url(find_settings(data, config)))
    show_rows(
        [
            *({"migration": name, "state": "applied"} for name in found.applied),
            *({"migration": name, "state": "pending"} for name in found.pending),
        ],
        output,
    )
    if found.pending:
        raise typer.Exit(1)
