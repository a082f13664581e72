"""`sluice config show|docs`.

In: all sources of settings. Out: what is in force with the place it comes from, secrets masked; or every setting there is.
"""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.options import Config, Data, Output
from infra.cli.output import show_rows

app = typer.Typer(no_args_is_help=True, help="Settings.")


@app.command()
def show(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show the settings in force and where each comes from."""
    from infra.settings.load import load_settings, value_at
    from infra.settings.shape import scalar_keys

    loaded = load_settings({"data_dir": data}, config=config, with_stack=True)
    rows = []
    for path, key in scalar_keys().items():
        value = value_at(loaded.settings, path)
        text = None if value is None else "***" if key.secret else str(value)
        rows.append({"key": key.dotted, "value": text, "from": loaded.places.get(path, "default")})
    show_rows(rows, output)


@app.command()
def docs(
    toml: Annotated[bool, typer.Option("--toml", help="The example file instead.")] = False, output: Output = None
) -> None:
    """Show every setting there is, with its default and meaning."""
    from infra.settings.docs import example, variables

    if toml:
        typer.echo(example(), nl=False)
        return
    show_rows(variables(), output)
