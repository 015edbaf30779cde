"""``miglab guest …``: the machine that moves."""

import typer

from miglab.cli.common import LAB, TOPOLOGY, LabOption, TopologyOption, answer, open_lab, say

guest = typer.Typer(no_args_is_help=True, help="The machine that moves.")


@guest.command()
def start(topology: TopologyOption = TOPOLOGY, lab: LabOption = LAB) -> None:
    """Start the guest on the first hypervisor unless it runs somewhere; wait until it answers."""
    from miglab.guest_life import start_guest

    opened = open_lab(topology, lab)
    where, first = start_guest(opened, say)
    what = f"boot id {first.boot_id}" if first else "and answers ping"
    say(f"{opened.topology.guest.name} runs on {where}, {what}")


@guest.command()
def stop(topology: TopologyOption = TOPOLOGY, lab: LabOption = LAB) -> None:
    """End the guest at once, wherever it is."""
    from miglab.guest_life import stop_guest

    opened = open_lab(topology, lab)
    stop_guest(opened)
    say(f"{opened.topology.guest.name} runs nowhere")


@guest.command()
def status(topology: TopologyOption = TOPOLOGY, lab: LabOption = LAB) -> None:
    """What the guest says of itself, as JSON."""
    from miglab.guest_life import ask_guest

    answer(ask_guest(open_lab(topology, lab)).model_dump_json(indent=2))
