"""For pyinfra to run behind deploy.py in a dry run: prints what would be changed on the host."""

import sys

from pyinfra import host

from miglab.provision.plan import steps

sys.stdout.write("".join(f"{line}\n" for line in steps(host)))
