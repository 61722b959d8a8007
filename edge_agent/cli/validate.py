"""``pur-mold-twin validate``: compare the model with published runs and write the page."""

from __future__ import annotations

from pathlib import Path

import click

from edge_agent.cli.common import fail, say_when_compiling, write_file

EXAMPLE = """\b
Example:
  pur-mold-twin validate --out docs/validation.md

Ends with 0 when the page was written, 2 when a file cannot be read or written, 1 when a run failed
or matplotlib is not installed.
"""


@click.command("validate", epilog=EXAMPLE)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path),
    help="The page (Markdown); its figures go to the folder figures beside it.",
)  # fmt: skip
def command(out: Path) -> None:
    """Compare the model with published runs, and write the page on validation.

    The same model gives the same page. Every number on it is computed by this command.
    """
    from edge_agent.report.as_markdown import markdown
    from edge_agent.report.drawing import need_matplotlib, svg
    from edge_agent.report.validation import validation_page
    from twin_core import TwinError

    say_when_compiling()

    try:
        need_matplotlib()
        page = validation_page()
        files = {f"figures/{plot.name}.svg": svg(plot) for plot in page.plots()}
        files[out.name] = markdown(page, lambda plot: f"figures/{plot.name}.svg").encode()
        for name, content in files.items():
            write_file(out.parent / name, content)
    except TwinError as error:
        fail(error)
    click.echo(f"{out}: written, with {len(files) - 1} figures")
