"""Runs scripts in the sandbox: in this process, or in another one, also as an ordinary user."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

import llmseg
from llmseg.errors import UserError
from llmseg.study.sandbox import Box, Limits, Outcome, isolation, ways
from llmseg.study.sandbox.supervise import run_with

NOBODY = 65534
SYSTEM_PYTHON = "/usr/bin/python3"  # readable by everybody, which the one of these tests need not be
DAEMON = """
import os, subprocess, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", sys.argv[1]])
    os._exit(0)
time.sleep(float(sys.argv[2]))
print("left a daemon")
"""
# A supervisor of its own: a box from standard input, an outcome to standard output.
_SUPERVISOR = """
import dataclasses, json, sys
from pathlib import Path
from llmseg.study.sandbox import Box, Limits, isolation, ways
from llmseg.study.sandbox.supervise import run_with
asked = json.load(sys.stdin)
known = {**dict(ways.isolating()), "plain": ways.plain}
if not asked["command"]:
    isolation.probe(known[asked["way"]])
    sys.exit()
inputs = {name: Path(path) for name, path in asked["inputs"].items()}
box = Box(Path(asked["results"]), asked["files"], inputs, limits=Limits(**asked["limits"]), isolated=asked["isolated"])
print(json.dumps(dataclasses.asdict(run_with(known[asked["way"]], asked["command"], box))))
"""


@dataclass(frozen=True)
class Sandbox:
    """One way of running a box, as one user.

    Attributes:
        way: bubblewrap, namespaces or plain.
        package: folder from which others than this user import the sandbox; None: this process runs the box.
        results: folder for results.
    """

    way: str
    package: Path | None
    results: Path

    def run(
        self,
        script: str,
        *arguments: str,
        limits: Limits | None = None,
        inputs: Mapping[str, Path] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Run a Python script; with an environment, its supervisor is another process."""
        box = Box(self.results, {"main.py": script}, inputs or {}, "predictions", limits or Limits(), self._isolated)
        command = ["python", "-u", "main.py", *arguments]
        if self.package is None and environment is None:
            return run_with({**dict(ways.isolating()), "plain": ways.plain}[self.way], command, box)
        process = self.start(command, box, environment or {})
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
        return Outcome(**json.loads(stdout))

    def start(self, command: Sequence[str], box: Box, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """Start a supervisor in a process of its own."""
        asked = asdict(box) | {"results": str(box.results), "way": self.way, "command": command}
        asked["inputs"] = {name: str(path) for name, path in box.inputs.items()}
        scratch = self.results.parent / "scratch"  # a killed supervisor leaves its folder behind
        scratch.mkdir(exist_ok=True)
        scratch.chmod(0o777)
        process = _supervisor(self.package, {"TMPDIR": str(scratch), **environment})
        assert process.stdin is not None
        process.stdin.write(json.dumps(asked))
        process.stdin.close()
        process.stdin = None
        return process

    @property
    def _isolated(self) -> bool:
        return self.way != "plain"


def _supervisor(package: Path | None, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    source = package or Path(str(llmseg.__file__)).parents[1]
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", SYSTEM_PYTHON]
    return subprocess.Popen(
        [*(as_nobody if package else [sys.executable]), "-c", _SUPERVISOR],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )


def available(way: str, package: Path | None) -> None:
    """Skip, with the reason, where this machine does not offer a way of isolation."""
    if way == "plain":
        return
    if way not in dict(ways.isolating()):
        pytest.skip(f"{way} is not installed")
    if package is None:
        try:
            isolation.probe(dict(ways.isolating())[way])
        except UserError as error:
            pytest.skip(f"{way}: {error}")
        return
    process = _supervisor(package, {})
    asked = {"way": way, "command": []}
    _, stderr = process.communicate(json.dumps(asked), timeout=60)
    if process.returncode:
        pytest.skip(f"{way} as an ordinary user: {stderr.strip().splitlines()[-1]}")


def readable_package(folder: Path) -> Path:
    """Copy what an ordinary user needs into a folder that everybody can read; skips where it is of no use."""
    if os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user already")
    if shutil.which("setpriv") is None or not Path(SYSTEM_PYTHON).exists():
        pytest.skip(f"needs setpriv and {SYSTEM_PYTHON}")
    old = [SYSTEM_PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    if subprocess.run(old, check=False).returncode:
        pytest.skip(f"{SYSTEM_PYTHON} is older than 3.11")
    package = Path(str(llmseg.__file__)).parent
    target = folder / "llmseg"
    (target / "study").mkdir(parents=True)
    for name in ("__init__.py", "errors.py"):
        shutil.copy(package / name, target)
    (target / "study" / "__init__.py").touch()
    shutil.copytree(package / "study" / "sandbox", target / "study" / "sandbox")
    return folder


def open_to_all(folder: Path) -> None:
    """Let everybody into a folder of pytest's, and into those above it that belong to the tests."""
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.geteuid() and str(path) not in ("/", "/tmp"):
            path.chmod(path.stat().st_mode | 0o055)


def running(token: str) -> list[int]:
    """Return the processes of this machine that have a token on their command line."""
    return [pid for pid, words in _command_lines() if token in words and pid != os.getpid()]


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Return whether something becomes true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def _command_lines() -> Iterator[tuple[int, list[str]]]:
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield int(name), Path("/proc", name, "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
