"""Which acceleration a host really has: found by booting the guest's own kernel, not by looking."""

from collections.abc import Callable

from miglab.guest.boot import boot_directory
from miglab.values import Value

Shell = Callable[[str], str]

# The answer holds until the host boots again; /run is empty then.
SCRIPT = """
memory=/run/miglab/acceleration
if [ -s $memory ]; then cat $memory; exit; fi
mkdir -p /run/miglab
decide() {{
  if ! [ -e /dev/kvm ]; then echo "qemu there is no /dev/kvm"; return; fi
  log=$(mktemp)
  timeout -k 1 {seconds} qemu-system-x86_64 -nodefaults -no-user-config -machine q35 -accel kvm -cpu host -m 128 \\
    -kernel {boot}/vmlinuz -initrd {boot}/initramfs.gz -append "console=ttyS0 miglab.probe" \\
    -display none -serial stdio -no-reboot </dev/null >$log 2>&1
  code=$?
  if grep -aq "miglab: alive" $log; then echo "kvm a guest booted with it"
  elif [ $code = 124 ]; then echo "qemu /dev/kvm is there, but a guest did not boot with it within {seconds} s"
  else echo "qemu /dev/kvm is there, but does not work: $(tail -n 1 $log | tr -dc '[:print:]')"; fi
  rm -f $log
}}
decide > $memory.new && mv $memory.new $memory && cat $memory
"""


class Acceleration(Value):
    """``kind`` is libvirt's domain type (``kvm`` or ``qemu``, which is TCG); ``reason`` says why."""

    kind: str
    reason: str


def probe(shell: Shell, seconds: int = 6) -> Acceleration:
    """Asks a host, by a shell on it, to boot something; remembered there until it reboots."""
    answer = shell(SCRIPT.format(seconds=seconds, boot=boot_directory())).strip()
    kind, _, reason = answer.partition(" ")
    return Acceleration(kind=kind, reason=reason)


def common(found: list[Acceleration]) -> Acceleration:
    """What all hosts have: KVM only where each has it."""
    weakest = next((each for each in found if each.kind != "kvm"), None)
    return weakest or found[0]
