"""What another command did while the guest was watched."""

from miglab.values import Value


class Command(Value):
    """``argv`` as it was typed; ``exit_code`` is None when it had to be ended by us."""

    argv: tuple[str, ...]
    exit_code: int | None
    last_words: str = ""
