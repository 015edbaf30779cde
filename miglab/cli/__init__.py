"""The ``miglab`` command: words in, exit codes out; everything else happens elsewhere."""

from miglab.cli.entry import app, main

__all__ = ["app", "main"]
