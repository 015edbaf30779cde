"""``key = value`` lines in a file that its package ships: libvirt's own format."""

import io
import re
from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import FileUploadCommand
from pyinfra.api.operation import operation

from miglab.provision.block import into_place, keep_commands
from miglab.provision.facts.system import Text


@operation()
def settings(path: str, values: dict[str, str]) -> Generator[str | FileUploadCommand]:
    """Each key of ``values`` is set in ``path``, once; all other lines stay as they are.

    Such a file is uploaded, since it may be longer than a command can be.
    """
    found = host.get_fact(Text, path=path)
    wanted = with_settings(found or "", values)
    if wanted != found:
        yield from keep_commands(path, found)
        yield f"install -m 0600 /dev/null {path}.new"
        yield FileUploadCommand(io.StringIO(wanted), f"{path}.new")
        if found is not None:
            yield f"chmod --reference={path} {path}.new"
        yield into_place(path)


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
