"""What the hosts said, as they said it, and what was declared; all that a judgement may use."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import combinations

from miglab.doctor.domain import Domain, read_domains
from miglab.errors import FactError
from miglab.policy import Policy
from miglab.topology import Role, Topology
from miglab.values import Value


class Answer(Value):
    """What a question printed, error messages too, and the exit code it ended with."""

    code: int
    text: str


class HostFacts(Value):
    """One host. ``problem``: why nothing could be asked of it.

    ``offset_ms`` of its clock from ours, and by how much that may be wrong.
    """

    name: str
    address: str
    role: Role
    answers: Mapping[str, Answer] = {}
    problem: str | None = None
    offset_ms: float | None = None
    offset_uncertainty_ms: float | None = None

    def answer(self, question: str) -> Answer:
        """To the question of that name; FactError if there is none."""
        found = self.answers.get(question)
        if found is None:
            raise FactError(f"{self.name}: nothing is known of its {question}")
        return found

    def text(self, question: str) -> str:
        """What it printed; FactError when it failed."""
        found = self.answer(question)
        if found.code:
            last = (found.text.strip().splitlines() or ["it said nothing"])[-1]
            raise FactError(f"{self.name}: {question}: failed ({found.code}): {last[:160]}")
        return found.text

    def lines(self, question: str, key: str) -> tuple[str, ...]:
        """The rest of each line of the answer that begins with the word ``key``."""
        told = (line.partition(" ") for line in self.text(question).splitlines())
        return tuple(rest.strip() for word, _, rest in told if word == key)

    def line(self, question: str, key: str) -> str:
        """The only one; FactError for none."""
        found = self.lines(question, key)
        if not found:
            raise FactError(f"{self.name}: {question}: expected a line {key} …, found none")
        return found[0]

    def answering(self, more: Mapping[str, Answer], problem: str | None = None) -> "HostFacts":
        """The same host, and what it said besides; made anew, since a value remembers."""
        fields = {key: getattr(self, key) for key in HostFacts.model_fields}
        answers = {**self.answers, **more}
        known = {**fields, "answers": answers, "problem": self.problem or problem}
        return HostFacts.model_validate(known)

    @cached_property
    def domains(self) -> tuple[Domain, ...]:
        """The guests that its libvirt knows, running or not."""
        return read_domains(self.name, self.text("domains"))


class Facts(Value):
    """All hosts. ``topology`` is what was declared, if anything was; ``policy`` what is wanted."""

    hosts: tuple[HostFacts, ...]
    topology: Topology | None = None
    policy: Policy | None = None

    def of(self, hosts: Iterable[HostFacts]) -> "Facts":
        """The same of these hosts; made anew, since a value remembers."""
        return Facts(hosts=tuple(hosts), topology=self.topology, policy=self.policy)

    @cached_property
    def reached(self) -> tuple[HostFacts, ...]:
        """The hosts that could be asked."""
        return tuple(host for host in self.hosts if host.problem is None)

    @cached_property
    def hypervisors(self) -> tuple[HostFacts, ...]:
        """Those of them that can run guests."""
        return tuple(host for host in self.reached if host.role == "hypervisor")

    @cached_property
    def storage(self) -> HostFacts | None:
        """The host that serves the share, if it is one of those that could be asked."""
        return next((host for host in self.reached if host.role != "hypervisor"), None)

    def pairs(self) -> Iterator[tuple[HostFacts, HostFacts]]:
        """Each two hypervisors, in both directions."""
        for source in self.hypervisors:
            for target in self.hypervisors:
                if source is not target:
                    yield source, target

    def couples(self) -> Iterator[tuple[HostFacts, HostFacts]]:
        """Each two hypervisors, once, for what is the same in both directions."""
        return combinations(sorted(self.hypervisors, key=lambda host: host.name), 2)

    def moves(self, source: HostFacts) -> Iterator[tuple[Domain, HostFacts, HostFacts]]:
        """Each guest that runs there, and where it might go; the declared one, if any is.

        FactError if the host does not tell of its guests.
        """
        wanted = self.topology.guest.name if self.topology else None
        for domain in source.domains:
            if domain.running and wanted in (None, domain.name):
                for target in self.hypervisors:
                    if target is not source:
                        yield domain, source, target

    def wants(self, mode: str) -> bool:
        """Whether the way of moving that was asked about has this mode."""
        return self.policy is not None and self.policy.mode == mode
