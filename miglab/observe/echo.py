"""One ping: whether somebody is there who knows nothing of us and answers all the same."""

import socket
from ipaddress import IPv4Address

from miglab.deadline import Deadline
from miglab.observe.ping import Identity


def answers(channel: socket.socket, address: IPv4Address, seconds: float = 1.0) -> bool:
    """Whether one request to ``address`` is replied to; ``channel`` is a raw socket for ICMP."""
    identity, deadline = Identity.random(), Deadline(seconds)
    try:
        channel.sendto(identity.request(0), (str(address), 0))
        while not deadline.passed:  # others' replies come here too
            channel.settimeout(max(0.001, deadline.remaining))
            if identity.counter(channel.recv(128)) is not None:
                return True
    except OSError:
        return False  # nobody has the address yet, or nothing came
    return False
