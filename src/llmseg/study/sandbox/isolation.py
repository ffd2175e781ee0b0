"""Which isolation this machine offers, found by trying it, and running a command in it."""

import functools
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from llmseg.errors import UserError
from llmseg.study.sandbox import ways
from llmseg.study.sandbox.box import Box, Limits, Outcome
from llmseg.study.sandbox.supervise import run_with

NAMESPACES = ("pid", "net", "mnt", "ipc", "uts", "user")
# Run in a box: what the kernel says there of the process that runs it.
_REPORT = """
import json, os, resource, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "namespaces": {name: os.readlink(f"/proc/self/ns/{name}") for name in sys.argv[1:]},
    "uid": os.getuid(),
    "capabilities": int(status["CapEff"], 16) | int(status["CapPrm"], 16),
    "no_new_privileges": status["NoNewPrivs"].strip() == "1",
    "system_call_filter": status["Seccomp"].strip() == "2",
    "tasks": resource.getrlimit(resource.RLIMIT_NPROC)[0],
}))
"""


def run(command: Sequence[str], box: Box) -> Outcome:
    """Run a command in /box/code of a box, and copy its output folder's files into `box.results`.

    The command is killed with all that it has started when it ends, passes a limit, or this process dies. "python" is
    the interpreter that runs this. It buffers its output unless "-u" is given; where it is stopped, that is lost.

    Raises:
        UserError: where nothing isolates and the box asks for it, or the box cannot be made.
    """
    if not box.isolated:
        return run_with(ways.plain, command, box)
    require_isolation()
    return run_with(dict(ways.isolating())[str(in_force()["isolation"])], command, box)


def require_isolation() -> None:
    """Refuse a machine on which nothing isolates.

    Raises:
        UserError: in one line, with the reason.
    """
    force = in_force()
    if force["isolation"] == "none":
        raise UserError(
            f"this machine cannot isolate generated code ({force['reason']}): install bubblewrap, allow user "
            "namespaces, or say sandbox.isolation=none to run it with your own rights"
        )


@functools.cache
def in_force() -> dict[str, bool | str]:
    """Return what is in force on this machine.

    Keys: isolation ("bubblewrap", "namespaces" or "none"); where it is none, reason; otherwise namespaces (those that
    the box has of its own), other_user, no_capabilities, no_new_privileges, system_call_filter, process_limit, and how
    memory and disk are limited.
    """
    reasons = []
    for name, way in ways.isolating():
        try:
            return {"isolation": name, **probe(way)}
        except (UserError, OSError, ValueError) as error:
            reasons.append(f"{name}: {' '.join(str(error).split())}")
    return {"isolation": "none", "reason": "; ".join(reasons)}


def probe(way: ways.Way) -> dict[str, bool | str]:
    """Start a box in a given way and return what is in force inside.

    Raises:
        UserError: where it does not start, or the command inside does not run.
    """
    with tempfile.TemporaryDirectory() as folder:
        box = Box(results=Path(folder, "results"), limits=Limits(seconds=60))
        outcome = run_with(way, ["python", "-I", "-S", "-c", _REPORT, *NAMESPACES], box)
    if outcome.exit_code != 0:
        raise UserError((outcome.stderr.strip().splitlines() or [f"exit code {outcome.exit_code}"])[-1])
    found = json.loads(outcome.stdout)
    own = [name for name in NAMESPACES if found["namespaces"][name] != os.readlink(f"/proc/self/ns/{name}")]
    if missing := {"pid", "net", "mnt", "ipc"} - set(own):
        raise UserError(f"no {', '.join(sorted(missing))} namespace of its own")
    return {
        "namespaces": " ".join(own),
        "other_user": found["uid"] != os.getuid(),
        "no_capabilities": found["capabilities"] == 0,
        "no_new_privileges": found["no_new_privileges"],
        "system_call_filter": found["system_call_filter"],
        "process_limit": found["tasks"] == Limits().processes and (found["uid"] != 0 or os.getuid() != 0),
        "memory": "address space of each process, resident memory of all watched",
        "disk": "file systems in memory, of limited size",
    }
