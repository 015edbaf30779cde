"""The public keys with which a host introduces itself."""

from pyinfra.api.facts import FactBase

PREFIXES = ("ssh-", "ecdsa-")


class PublicKey(FactBase[str | None]):
    """The key with which root of this host introduces itself elsewhere."""

    def command(self) -> str:
        """Nothing when there is none yet."""
        return "cat /root/.ssh/id_ed25519.pub 2>/dev/null || true"

    def process(self, output: list[str]) -> str | None:
        """Type and key, without the comment; None for what is no key."""
        words = output[0].split()[:2] if output else []
        return " ".join(words) if len(words) == 2 and words[0].startswith(PREFIXES) else None


class HostKey(PublicKey):
    """The key with which this host introduces itself to those who log in."""

    def command(self) -> str:
        """sshd's best; not every host has one of each kind."""
        key = "/etc/ssh/ssh_host_${kind}_key"
        return (
            "for kind in ed25519 ecdsa rsa; do"
            f" cat {key}.pub 2>/dev/null || ssh-keygen -y -f {key} 2>/dev/null || true; done"
        )


class Fingerprints(FactBase[dict[str, str]]):
    """Of each file in a directory: digest (SHA-256), owner, group and mode."""

    default = dict

    def command(self, directory: str) -> str:
        """Nothing where there is no such directory."""
        return (
            f"cd {directory} 2>/dev/null && for file in *; do"
            ' [ -f "$file" ] && echo "$(sha256sum <"$file" | cut -c 1-64)'
            ' $(stat -c "%u:%g %a" "$file") $file"; done || true'
        )

    def process(self, output: list[str]) -> dict[str, str]:
        """Name → ``DIGEST UID:GID MODE``."""
        fields = (line.split(" ", 3) for line in output)
        return {rest[3]: " ".join(rest[:3]) for rest in fields if len(rest) == 4}
