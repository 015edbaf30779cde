"""``python -m miglab`` is the ``miglab`` command."""

from miglab.cli import main

if __name__ == "__main__":
    main()
