"""The sandbox's interface: what it refuses, what it says of the machine, and what is left without isolation."""

import os
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from boxes import DAEMON, Sandbox, eventually, running
from llmseg.errors import UserError
from llmseg.study import sandbox as package
from llmseg.study.sandbox import (
    Box,
    Limits,
    in_force,
    isolation,
    require_isolation,
    run,
    system_calls,
    user,
    watch,
    ways,
)
from llmseg.study.sandbox.streams import Kept


@pytest.fixture
def isolated() -> None:
    if in_force()["isolation"] == "none":
        pytest.skip(str(in_force()["reason"]))


@pytest.fixture
def plain(tmp_path: Path) -> Sandbox:
    return Sandbox("plain", None, tmp_path / "results")


@pytest.mark.usefixtures("isolated")
def test_what_is_in_force_is_measured() -> None:
    force = in_force()
    assert {"pid", "net", "mnt", "ipc", "uts"} <= set(str(force["namespaces"]).split())
    assert force["no_capabilities"] is force["no_new_privileges"] is force["process_limit"] is True
    assert force["other_user"] is (os.geteuid() == 0)
    require_isolation()


@pytest.mark.usefixtures("isolated")
def test_run_isolates(tmp_path: Path) -> None:
    script = "import os; os.mkdir('predictions'); print(os.getcwd(), os.listdir('/proc/1/root'))"
    outcome = run(["python", "main.py"], Box(tmp_path / "new", {"main.py": script}))
    assert outcome.exit_code == 1
    assert "PermissionError" in outcome.stderr
    assert (tmp_path / "new").is_dir()


@pytest.mark.usefixtures("isolated")
def test_a_command_that_is_missing(tmp_path: Path) -> None:
    outcome = run(["no-such-program"], Box(tmp_path / "new"))
    assert (outcome.exit_code, outcome.stderr) == (127, "no-such-program: No such file or directory\n")


@pytest.mark.usefixtures("isolated")
def test_files_that_only_their_owner_reads_are_inputs_too(tmp_path: Path) -> None:
    """A temporary folder is such a one; where root runs the study, the box's user is somebody else."""
    (tmp_path / "data" / "inner").mkdir(parents=True, mode=0o700)
    (tmp_path / "data" / "inner" / "scan.txt").write_text("grey")
    (tmp_path / "data" / "inner" / "scan.txt").chmod(0o600)
    (tmp_path / "data" / "inner").chmod(0o700)
    box = Box(tmp_path / "new", {"main.py": "print(open('data/inner/scan.txt').read())"}, {"data": tmp_path / "data"})
    assert run(["python", "main.py"], box).stdout == "grey\n"
    assert (tmp_path / "data" / "inner").stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("isolated")
def test_links_among_the_inputs_become_files(tmp_path: Path) -> None:
    (tmp_path / "scan.txt").write_text("grey")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "1.txt").symlink_to(tmp_path / "scan.txt")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    box = Box(tmp_path / "new", {"main.py": "print(open('data/1.txt').read())"}, {"data": tmp_path / "link"})
    assert run(["python", "main.py"], box).stdout == "grey\n"


@pytest.mark.usefixtures("isolated")
def test_boxes_side_by_side_do_not_meet(tmp_path: Path) -> None:
    script = "import glob, time\nopen('/tmp/mine', 'x')\ntime.sleep(0.3)\nprint(len(glob.glob('/proc/[0-9]*')))"
    boxes = [Box(tmp_path / str(number), {"main.py": script}, limits=Limits(processes=20)) for number in range(3)]
    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(lambda box: run(["python", "main.py"], box), boxes))
    assert [outcome.stdout for outcome in outcomes] == ["2\n"] * 3, "the first process and the script"


@pytest.mark.usefixtures("isolated")
def test_a_kernel_without_namespaces_is_refused(tmp_path: Path) -> None:
    """Inside a box the kernel offers none, so that the sandbox tried there must refuse."""
    source = Path(str(package.__file__)).parent
    files = {f"llmseg/study/sandbox/{path.name}": path.read_text() for path in source.glob("*.py")}
    files |= {"llmseg/__init__.py": "", "llmseg/study/__init__.py": ""}
    files |= {"llmseg/errors.py": source.parents[1].joinpath("errors.py").read_text()}
    files["main.py"] = "from llmseg.study.sandbox import *\nprint(in_force())\nrequire_isolation()"
    outcome = run(["python", "main.py"], Box(tmp_path / "new", files))
    assert outcome.exit_code == 1
    assert "'isolation': 'none'" in outcome.stdout
    last = outcome.stderr.splitlines()[-1]
    assert last.startswith("llmseg.errors.UserError: this machine cannot isolate generated code (")
    assert "unshare: Operation not permitted" in last
    assert last.endswith("or say sandbox.isolation=none to run it with your own rights")


@pytest.mark.usefixtures("isolated")
def test_the_kernel_counts_processes_without_our_watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PERIOD", 600)
    script = """
import os, time
for count in range(200):
    try:
        if os.fork() == 0:
            time.sleep(600)
    except BlockingIOError:
        break
print(count)
"""
    box = Box(tmp_path / "new", {"main.py": script}, limits=Limits(processes=30))
    assert 20 <= int(run(["python", "main.py"], box).stdout) < 30


@pytest.mark.usefixtures("isolated")
def test_a_signal_is_an_exit_code(tmp_path: Path) -> None:
    script = "import os; os.kill(os.getpid(), 11)"
    assert run(["python", "main.py"], Box(tmp_path / "new", {"main.py": script})).exit_code == 128 + 11


def test_without_isolation_nothing_runs_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "HERE", tmp_path)  # nothing starts
    monkeypatch.setattr(ways.shutil, "which", lambda _: None)  # type: ignore[attr-defined]
    (tmp_path / "enter.py").touch()
    in_force.cache_clear()
    try:
        assert in_force()["isolation"] == "none"
        with pytest.raises(UserError, match=r"cannot isolate generated code .*sandbox.isolation=none") as caught:
            run(["python", "main.py"], Box(tmp_path / "new", {"main.py": "open('x', 'w')"}))
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "new").exists()
    finally:
        in_force.cache_clear()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"files": {"../main.py": ""}}, r"'\.\./main\.py' is not a path below"),
        ({"files": {"/etc/passwd": ""}}, "is not a path below"),
        (
            {"files": {"data/x.py": ""}, "inputs": {"data": Path("/usr")}},
            "'data/x.py' lies in a folder that is",
        ),
        ({"inputs": {"a/b": Path("/usr")}}, "must be a single name"),
        ({"inputs": {"data": Path("/no/such/folder")}}, "/no/such/folder does not exist"),
        ({"output": "."}, "is not a path below"),
        ({"results": Path("/usr")}, "must be new or empty"),
    ],
)
def test_boxes_that_cannot_be_made(wrong: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        run(["python"], Box(**{"results": tmp_path / "new", "isolated": False, **wrong}))  # type: ignore[arg-type]


def test_limits_are_positive() -> None:
    with pytest.raises(UserError, match="sandbox: seconds must be above 0, not 0"):
        Limits(seconds=0)


def test_without_isolation_the_environment_is_clean(plain: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "scan.txt").write_text("grey")
    script = """
import os
print(sorted(os.environ), open("data/scan.txt").read(), os.listdir(os.path.expanduser("~")))
os.mkdir("predictions"); open("predictions/1.png", "w").write("one"); os.symlink("/etc/passwd", "predictions/2.png")
"""
    outcome = plain.run(script, inputs={"data": tmp_path / "data"})
    assert outcome.stdout == "['HOME', 'LANG', 'OMP_NUM_THREADS', 'PATH', 'TMPDIR'] grey []\n", outcome.stderr
    assert [path.name for path in plain.results.iterdir()] == ["1.png"]


@pytest.mark.parametrize(
    ("script", "limits", "stopped"),
    [
        ("import time\ntime.sleep(600)", Limits(seconds=0.3), "time"),
        ("while True: pass", Limits(cpu_seconds=1), "cpu"),
        ("import time\nx = bytearray(b'1') * (200 << 20)\ntime.sleep(600)", Limits(memory_mb=100), "memory"),
        ("while True: print('x' * 100_000)", Limits(output_kb=16), "output"),
        ("n = 0\nwhile True:\n  n += 1\n  open(str(n), 'wb').write(bytes(1 << 20))", Limits(total_mb=20), "disk"),
        ("import os, time\n[os.fork() for _ in range(6)]\ntime.sleep(600)", Limits(processes=40), "processes"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_limits_hold_without_isolation(script: str, limits: Limits, stopped: str, plain: Sandbox) -> None:
    outcome = plain.run(script, limits=limits)
    assert (outcome.stopped, outcome.exit_code) == (stopped, None)


def test_without_isolation_daemons_die_too(plain: Sandbox) -> None:
    token = secrets.token_hex(8)
    assert plain.run(DAEMON, token, "0.3").exit_code == 0
    assert not running(token)


def test_without_isolation_a_killed_supervisor_takes_all_along(plain: Sandbox) -> None:
    token = secrets.token_hex(8)
    box = Box(plain.results, {"main.py": DAEMON}, isolated=False)
    supervisor = plain.start(["python", "main.py", token, "600"], box, {})
    try:
        assert eventually(lambda: len(running(token)) >= 2)
        os.kill(supervisor.pid, signal.SIGKILL)
        assert eventually(lambda: not running(token))
    finally:
        supervisor.kill()
        supervisor.communicate()


def test_streams_keep_the_start_and_the_end() -> None:
    kept = Kept(10)
    for number in range(200_000):
        kept.add(b"%d " % number)
    assert kept.text() == f"0 1 2\n[... {kept.total - 10} bytes left out ...]\n9999 "
    short = Kept(10)
    short.add(b"1234567890")
    assert (short.text(), short.truncated) == ("1234567890", False)


def test_the_filter_knows_the_machines_numbers() -> None:
    x86, arm = system_calls.program("x86_64"), system_calls.program("aarch64")
    assert x86 is not None
    assert arm is not None
    assert len(x86) == len(arm)
    assert len(x86) % 8 == 0
    assert system_calls.program("pdp11") is None


def test_a_private_user_is_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert user.private_uid() is None
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    rows = Path.read_text
    for text, expected in (("0 0 4294967295\n", None), ("0 1000 1\n1 100000 65536\n", 65533), ("0 1000 1\n", 0)):
        monkeypatch.setattr(Path, "read_text", lambda _, text=text: text)
        uid = user.private_uid()
        if expected is None:
            assert uid is not None
            assert uid >= 1_900_000_000
        else:
            assert uid == (expected or None)
    monkeypatch.setattr(Path, "read_text", rows)


def test_the_interface_is_what_others_use() -> None:
    assert set(package.__all__) == {"Box", "Limits", "Outcome", "in_force", "require_isolation", "run"}
    assert isolation.run is run
