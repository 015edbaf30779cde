"""The entry point: every expected error is one line and an exit code, never a traceback."""

import sys

import typer

from miglab.cli.common import say
from miglab.cli.deploying import deploying
from miglab.cli.doctor import doctors
from miglab.cli.edge import edges
from miglab.cli.guest import guest
from miglab.cli.judging import judging
from miglab.cli.nodes import nodes
from miglab.cli.runs import runs
from miglab.errors import MiglabError

INTERRUPTED = 130

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(nodes)
app.add_typer(deploying)
app.add_typer(guest, name="guest")
app.add_typer(runs)
app.add_typer(edges)
app.add_typer(doctors)
app.add_typer(judging)


@app.callback()
def miglab() -> None:
    """A live-migration lab for KVM, and the judge of what is moved in it."""


def main() -> None:
    """Runs the command that the words on the command line name."""
    try:
        app()
    except MiglabError as error:
        say(str(error), style="red")
        sys.exit(error.exit_code)
    except OSError as error:
        say(f"{error.filename or 'this machine'}: {error.strerror or error}", style="red")
        sys.exit(MiglabError.exit_code)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            say("interrupted; `miglab up` heals the lab, `miglab down` removes it", style="red")
        raise
