"""An author of programs that tries to get out of the sandbox, a different way in every round of a real study."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from llmseg.errors import UserError
from llmseg.study.sandbox import require_isolation
from llmseg.study.transcript import Reply, Transcript
from tests.boxes import running
from tests.cli.conftest import call, runs_in
from tests.study.make_study import file
from tests.torture.attempts import ATTEMPTS, Outside
from tests.torture.child import done, last_line
from tests.torture.jobs.study import PREDICTS
from tests.torture.jobs.training import scans
from tests.torture.row import Row

ROOT = Path(__file__).parents[2]
SUITE = ("tests/study/test_sandbox_escapes.py", "tests/study/test_sandbox_limits.py")


def rows(place: Path, seed: int) -> Iterator[Row]:
    """The study, and the scripts of the quick and slow tests, each of which is really run in every way of isolation."""
    what = "a study author that tries to escape, one way a round"
    try:
        require_isolation()
    except UserError as error:
        yield Row(what, 0, skipped=str(error))
        return
    yield _study(what, place / "study")
    yield _suite(place / "suite")


def _study(what: str, place: Path) -> Row:
    place.mkdir(parents=True)
    start, token = time.monotonic(), secrets.token_hex(8)
    secret = place / "secret.txt"
    secret.write_text(token)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        outside = Outside(str(secret), str(place / "planted"), server.getsockname()[1], os.getpid(), token)
        programs = [f"{attempt.format(**outside._asdict())}\nraise SystemExit(3)" for attempt in ATTEMPTS.values()]
        transcript = Transcript(place / "messages.jsonl")
        for code in (*programs, PREDICTS):
            transcript.answer(Reply(file(code), 1, 1, 0.0, "parrot"))
        child = done(lambda: _run(place, token), place / "process", 300)
        faults = [f"the study: {last_line(child.stderr)}"] * bool(child.code)
        try:
            server.accept()
            faults.append("a connection came in")
        except BlockingIOError:
            pass
    if (place / "planted").exists() or secret.read_text() != token:
        faults.append("something outside was written")
    if left := running(token):
        faults.append(f"{len(left)} processes live on")
    faults += _of_rounds(runs_in(place / "runs")[0], token)
    return Row(what, len(ATTEMPTS), faults=tuple(faults), seconds=time.monotonic() - start, note=", ".join(ATTEMPTS))


def _run(place: Path, token: str) -> int:
    os.environ["SECRET_TOKEN"] = token
    return call(
        "study", "author=recorded", f"author.transcript={place / 'messages.jsonl'}", "data=nnunet",
        f"data.root={scans(place)}", "data.classes=[one]", "data.image_size=24", "evaluation.figures=false",
        f"paths.runs={place / 'runs'}", f"paths.cache={place / 'cache'}", f"budget.rounds={len(ATTEMPTS) + 1}",
        "sandbox.seconds=8", "sandbox.memory_mb=1000", "sandbox.processes=60",
    )  # fmt: skip


def _of_rounds(run: Path, token: str) -> Iterator[str]:
    """What the programs themselves say, and whether the study went on to its honest end."""
    for number, name in enumerate(ATTEMPTS, start=1):
        said = "".join(path.read_text(errors="replace") for path in (run / "rounds" / str(number)).glob("std*.txt"))
        if "ESCAPED" in said or token in said:
            yield f"{name}: {last_line(said)}"
    results = [path for path in (run / "rounds").glob("*/predictions/**/*") if not path.is_dir() or path.is_symlink()]
    kept = [path for path in results if path.is_symlink() or token.encode() in path.read_bytes()]
    if kept:
        yield f"kept among the results: {kept[0].name}"
    record = json.loads((run / "study.json").read_text())
    if record["state"] != "ran" or len(record["rounds"]) != len(ATTEMPTS) + 1:
        yield f"the study {record['state']} after {len(record['rounds'])} rounds"


def _suite(place: Path) -> Row:
    """The scripts of tests/study, as root and as nobody."""
    start, report = time.monotonic(), place / "report.xml"
    place.mkdir(parents=True)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *SUITE]
    subprocess.run(words, cwd=ROOT, capture_output=True, check=False)
    cases = ET.parse(report).getroot().iter("testcase")  # written by pytest here
    bad, skipped, count = [], 0, 0
    for case in cases:
        skipped += (is_skipped := case.find("skipped") is not None)
        count += not is_skipped
        if case.find("failure") is not None or case.find("error") is not None:
            bad.append(str(case.get("name")))
    note = f"{skipped} of them skipped: no such way of isolation, or user, here"
    return Row(
        "hostile scripts of tests/study, every way of isolation",
        count,
        faults=tuple(bad),
        seconds=time.monotonic() - start,
        note=note,
    )
