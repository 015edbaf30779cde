"""Which acceleration a host really has: found by booting the guest's own kernel, not by looking."""

from collections.abc import Callable, Mapping
from typing import Literal

from miglab.errors import NodeError
from miglab.guest.boot import boot_directory
from miglab.values import Value

Shell = Callable[[str], str]

# The answer holds until the host boots again; /run is empty then. Without a kernel to try with
# there is no answer, and nothing is remembered. 137: timeout had to kill what ignored its end.
SCRIPT = """
memory={memory}
if [ -s $memory ]; then cat $memory; exit; fi
decide() {{
  if ! [ -e {device} ]; then echo "qemu there is no {device}"; return; fi
  log=$(mktemp)
  qemu=$(command -v qemu-system-x86_64 || echo /usr/libexec/qemu-kvm)
  timeout -k 1 {seconds} $qemu -nodefaults -no-user-config \\
    -machine q35 -accel kvm -cpu host -m 128 \\
    -kernel {boot}/vmlinuz -initrd {boot}/initramfs.gz -append "console=ttyS0 miglab.probe" \\
    -display none -serial stdio -no-reboot </dev/null >$log 2>&1
  code=$?
  if grep -aq "miglab: alive" $log; then
    echo "kvm a guest booted with it"
  elif [ $code = 124 ] || [ $code = 137 ]; then
    echo "qemu {device} is there, but no guest booted with it within {seconds} s"
  else
    why=$(tail -n 1 $log | tr -dc '[:print:]' | cut -c 1-120)
    echo "qemu {device} is there, but does not work: ${{why:-QEMU ended with code $code}}"
  fi
  rm -f $log
}}
if ! [ -e {boot}/vmlinuz ]; then
  echo "no kernel to try with in {boot}; deploy first" >&2; exit 1
fi
mkdir -p $(dirname $memory)
decide >$memory.$$ && mv $memory.$$ $memory && cat $memory
"""
MEMORY = "/run/miglab/acceleration"
DEVICE = "/dev/kvm"


class Acceleration(Value):
    """``kind`` is libvirt's domain type (``qemu`` is TCG); ``reason`` says why it is that."""

    kind: Literal["kvm", "qemu"]
    reason: str


def probe(shell: Shell, seconds: int = 6) -> Acceleration:
    """Asks a host, by a shell on it, to boot something; remembered there until it reboots.

    Raises NodeError for an answer that is none, and whatever ``shell`` raises.
    """
    answer = shell(script(seconds)).strip()
    kind, _, reason = answer.partition(" ")
    if kind not in {"kvm", "qemu"}:
        raise NodeError(f"acceleration: expected kvm or qemu and why, found {answer[:80]!r}")
    return Acceleration.model_validate({"kind": kind, "reason": reason})


def script(seconds: int, memory: str = MEMORY, device: str = DEVICE) -> str:
    """The question, for a POSIX shell on the host; its last line of output is the answer."""
    return SCRIPT.format(seconds=seconds, memory=memory, device=device, boot=boot_directory())


def common(found: list[Acceleration]) -> Acceleration:
    """What all hosts have: KVM only where each has it."""
    weakest = next((each for each in found if each.kind != "kvm"), None)
    return weakest or found[0]


def reasons(found: Mapping[str, Acceleration]) -> str:
    """By host, each reason once: ``source, target: there is no /dev/kvm``."""
    hosts: dict[str, list[str]] = {}
    for name, answer in found.items():
        hosts.setdefault(answer.reason, []).append(name)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in hosts.items())
