"""``key = value`` lines in a file that its package ships: libvirt's own format."""

import io
import re
from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import FileUploadCommand
from pyinfra.api.operation import operation

from miglab.provision.facts.system import Text


@operation()
def settings(path: str, values: dict[str, str]) -> Generator[FileUploadCommand]:
    """Each key of ``values`` is set in ``path``, once; all other lines stay as they are."""
    found = host.get_fact(Text, path=path) or ""
    wanted = with_settings(found, values)
    if wanted != found:
        yield FileUploadCommand(io.StringIO(wanted), path)


def with_settings(text: str, values: dict[str, str]) -> str:
    """``text`` with the first line that sets a key changed, further ones dropped, or one appended.

    Lines that are commented out are examples, and set nothing.
    """
    for key, value in values.items():
        line = f"{key} = {value}\n"
        setting = re.compile(rf"^[ \t]*{re.escape(key)}[ \t]*=.*\n?", re.M)
        if first := setting.search(text):
            text = text[: first.start()] + line + setting.sub("", text[first.end() :])
        else:
            text = text + ("" if not text or text.endswith("\n") else "\n") + line
    return text
