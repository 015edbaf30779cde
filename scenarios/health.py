"""What the doctor says of a lab, and that it says nothing."""

from miglab.doctor.diagnose import Diagnosis
from miglab.doctor.examination import examined, health
from miglab.doctor.shells import lab_hosts, lab_shell
from miglab.lab.lab import Lab
from miglab.policy import Policy


def diagnosis(lab: Lab, policy: Policy | None = None, *, deep: bool = False) -> Diagnosis:
    """What the doctor says of the lab as it is."""
    shell, nodes = lab_shell(lab), lab_hosts(lab.reached)
    return health(examined(shell, nodes, topology=lab.topology, policy=policy, deep=deep))


def assert_silent(found: Diagnosis) -> None:
    """Nothing that would harm a migration, and nothing that could not be told."""
    grave = [
        f"{each.id} {each.where}: {each.what}"
        for each in found.findings
        if each.severity != "advice"
    ]
    assert (grave, found.untold, found.unreached) == ([], (), ())
