"""A shell that stays open on a node: a command costs a fork there, and no login.

On an emulated machine a login takes longer than most commands.
"""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from subprocess import PIPE

from gevent.lock import Semaphore
from gevent.subprocess import Popen
from pyinfra.connectors.util import CommandOutput, read_output_buffers

BROKEN = 255
"""What ssh says, too, when a connection ends."""


class RemoteShell:
    """Runs commands one after another by what ``argv`` opens, which is opened when it is needed."""

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self._process: Popen | None = None
        self._turn = Semaphore()
        self._mark = f"end-{secrets.token_hex(16)}"

    def run(
        self, command: str, *, timeout: int | None, print_output: bool, print_prefix: str
    ) -> tuple[int, CommandOutput]:
        """Its exit code and output; raises TimeoutError when it lasts longer than ``timeout``.

        Whatever ends otherwise than it should takes the shell with it.
        """
        with self._turn:
            process, codes = self._open(), list[int]()
            try:
                self._send(process, command)
                output = read_output_buffers(
                    self._lines(process.stdout, codes),
                    self._lines(process.stderr, codes),
                    timeout=timeout,
                    print_output=print_output,
                    print_prefix=print_prefix,
                )
            except BaseException:
                self.close()
                raise
            if len(codes) == 2:
                return max(codes), output
            self.close()
            return BROKEN, output

    def _open(self) -> Popen:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = Popen(self._argv, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        return self._process

    def _send(self, process: Popen, command: str) -> None:
        """Both streams end by the mark, on a line of its own whatever stood before it."""
        end = f"printf '\\n{self._mark} %d\\n' $?; printf '\\n{self._mark} 0\\n' >&2\n"
        with suppress(BrokenPipeError):  # what it has to say of that comes by the other streams
            process.stdin.write(f"{{ {command}\n}} </dev/null\n{end}".encode())
            process.stdin.flush()

    def _lines(self, stream: Iterable[bytes], codes: list[int]) -> Iterator[str]:
        """What one command wrote; an empty line is kept back: it may be the mark's own."""
        empty = False
        for line in (raw.decode(errors="replace") for raw in stream):
            word, _, code = line.partition(" ")
            if word == self._mark:
                codes.append(int(code))
                return
            if empty:
                yield "\n"
            empty = line == "\n"
            if not empty:
                yield line

    def close(self) -> None:
        """Ends it, if there is one; a command that still runs in it loses its input and output."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                with suppress(BrokenPipeError):  # what it was still to be told
                    stream.close()
            self._process = None
