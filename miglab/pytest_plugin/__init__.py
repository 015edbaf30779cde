"""pytest's side of a lab: options, and fixtures that are nouns, such as `lab` and `guest`.

Each part is a plugin of its own, and imports what makes labs only when a test asks for one.
"""

from miglab.pytest_plugin.kinds import Migrate, Recorded, Unsupported, Watch

__all__ = ["Migrate", "Recorded", "Unsupported", "Watch"]

# Each after those that it imports: pytest warns of a plugin that was imported before it is one.
PARTS = (
    "options",
    "policies",
    "labs",
    "notes",
    "measuring",
    "deadline",
    "health",
    "alone",
    "summary",
)
pytest_plugins = [f"{__name__}.{part}" for part in PARTS]
