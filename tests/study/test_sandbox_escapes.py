"""Scripts that try to get out of the sandbox. Each is really run, in every way of isolation, as root and as nobody."""

import importlib.util
import json
import os
import secrets
import signal
import socket
from pathlib import Path

import pytest

from boxes import DAEMON, Sandbox, eventually, running
from llmseg.study.sandbox import Box, Limits

ROOT = Path(__file__).parents[2]


def test_an_honest_script_works(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "scan.txt").write_text("grey")
    script = """
import os, sys, tempfile
os.makedirs("predictions/deep")
text = open("data/scan.txt").read()
open("predictions/deep/mask.txt", "w").write(text.upper())
assert os.getcwd() == "/box/code" and sys.argv[1:] == ["--data", "data"]
assert os.listdir(os.path.expanduser("~")) == [] == os.listdir(tempfile.gettempdir()), "its own, empty"
print(sorted(os.environ)); print("fault", file=sys.stderr); sys.exit(3)
"""
    outcome = sandbox.run(script, "--data", "data", inputs={"data": tmp_path / "data"})
    assert (outcome.exit_code, outcome.stopped, outcome.truncated) == (3, None, False), outcome
    assert outcome.stderr == "fault\n"
    assert eval(outcome.stdout) == ["HOME", "LANG", "OMP_NUM_THREADS", "PATH", "TMPDIR"]
    assert (sandbox.results / "deep" / "mask.txt").read_text() == "GREY"
    assert outcome.peak_mb > 3


def test_no_secret_of_the_environment_is_seen(sandbox: Sandbox) -> None:
    secret = secrets.token_hex(16)
    script = """
import glob, os
print(dict(os.environ))
for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline") + glob.glob("/proc/*/task/*/environ"):
    try:
        print(path, open(path).read())
    except OSError as error:
        print(path, error)
"""
    outcome = sandbox.run(script, environment={"OPENAI_API_KEY": secret})
    assert outcome.exit_code == 0
    assert "/proc/1/environ" in outcome.stdout
    assert secret not in outcome.stdout
    assert "OPENAI_API_KEY" not in outcome.stdout


def test_no_socket_leads_out(sandbox: Sandbox) -> None:
    name = b"\0" + secrets.token_bytes(8).hex().encode()
    script = f"""
import socket
for family, kind, address in [
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", PORT)),
    (socket.AF_UNIX, socket.SOCK_STREAM, {name!r}),
    (socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53)),
]:
    try:
        socket.socket(family, kind).connect(address)
        print("connected to", address)
    except OSError as error:
        print(error.strerror)
print(socket.if_nameindex())
"""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(name)
        local.listen()
        for listener in (server, local):
            listener.setblocking(False)
        outcome = sandbox.run(script.replace("PORT", str(server.getsockname()[1])))
        for listener in (server, local):
            with pytest.raises(BlockingIOError):
                listener.accept()
    assert outcome.exit_code == 0
    assert "connected" not in outcome.stdout
    assert outcome.stdout.endswith("[(1, 'lo')]\n")


def test_nothing_is_written_outside(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "scan.txt").write_text("grey")
    (tmp_path / "data" / "scan.txt").chmod(0o666)  # its mode lets everybody write: only the mount does not
    (tmp_path / "data").chmod(0o777)
    script = """
import os, sys
places = ["/", "/etc", "/usr/bin", "/usr/lib", "/dev", "/proc/sys/kernel", "/opt", "/var", "/sys", "/run", "data"]
for place in [*places, sys.argv[1], os.path.dirname(os.__file__), os.path.dirname(sys.executable)]:
    try:
        open(os.path.join(place, "planted"), "w").write("here")
        print("wrote to", place)
    except OSError as error:
        print(place, error.strerror)
for change in (lambda: os.remove("data/scan.txt"), lambda: open("data/scan.txt", "a"), lambda: os.chmod("data", 0o777),
               lambda: open("/proc/sysrq-trigger", "w"), lambda: open("/proc/1/mem", "r+b"),
               lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-1000")):
    try:
        print("wrote with", change())
    except OSError as error:
        print(error)
for number in (2, 9, 15):
    try:
        os.kill(1, number)
    except PermissionError:
        pass
"""
    outcome = sandbox.run(script, str(tmp_path), inputs={"data": tmp_path / "data"})
    assert outcome.exit_code == 0, "the first process does not listen"
    assert outcome.stdout.count("\n") == 20
    assert "wrote" not in outcome.stdout
    assert (tmp_path / "data" / "scan.txt").read_text() == "grey"
    assert not (tmp_path / "planted").exists()


def test_no_mask_is_found_in_the_whole_file_system(sandbox: Sandbox, tmp_path: Path) -> None:
    """Also not the built-in sample's, which come with a package, nor this project."""
    nilearn = importlib.util.find_spec("nilearn")
    assert nilearn is not None
    assert list(Path(str(nilearn.origin)).parent.glob("datasets/data/mni_icbm152_gm*")), "what must be hidden"
    case = secrets.token_hex(8)
    for folder, name in (("images", f"{case}.png"), ("masks", f"{case}.png"), ("masks", f"{case}_mask.png")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).touch()
    script = """
import os, sys
case, *paths = sys.argv[1:]
for path in paths:
    print("FOUND" if os.path.exists(path) else "no", path)
for root in ("/", "/proc/1/root", "/proc/1/cwd", "data/../..", f"/proc/{os.getppid()}/root"):
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if (folder, name) != ("/", "proc")]
        for name in files:
            if case in name or name.startswith("mni_icbm152") or name == "authors.csv":
                print("FOUND", os.path.realpath(os.path.join(folder, name)))
print(sorted(os.listdir()))
"""
    wanted = [tmp_path / "masks", ROOT / "README.md", ROOT / "conf", Path.home() / ".bashrc", "/etc/hostname"]
    outcome = sandbox.run(script, case, *map(str, wanted), inputs={"data": tmp_path / "images"})
    assert outcome.exit_code == 0
    found = {line.removeprefix("FOUND ") for line in outcome.stdout.splitlines() if line.startswith("FOUND")}
    assert found == {f"/box/code/data/{case}.png"}
    assert outcome.stdout.endswith("['data', 'main.py']\n")


def test_the_kernel_is_a_smaller_target(sandbox: Sandbox) -> None:
    """New namespaces would bring file systems in memory that nothing counts; so would memory without a process."""
    script = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
calls = {
    "user namespace": lambda: libc.unshare(0x10000000),
    "mount": lambda: libc.mount(b"tmpfs", b"/box/code", b"tmpfs", 0, None),
    "clone": lambda: libc.syscall(56 if os.uname().machine == "x86_64" else 220, 0x10000000 | 17, 0, 0, 0, 0),
    "shared memory": lambda: libc.shmget(0, 1 << 20, 0o1600),
    "memfd": lambda: libc.memfd_create(b"hidden", 0),
    "ptrace": lambda: libc.ptrace(16, 1, 0, 0),
    "chroot": lambda: libc.chroot(b"/box/code"),
    "a socket to the machine's host": lambda: libc.socket(40, 1, 0),
    "kernel's log": lambda: libc.klogctl(3, ctypes.create_string_buffer(99), 99),
}
for name, call in calls.items():
    print(name, "refused" if call() < 0 else "ALLOWED")
status = open("/proc/self/status").read()
print([line for line in status.splitlines() if line.startswith(("CapEff", "NoNewPrivs", "Seccomp:"))])
"""
    outcome = sandbox.run(script)
    assert outcome.exit_code == 0
    assert outcome.stdout.count("refused") == 9
    assert "ALLOWED" not in outcome.stdout
    assert r"CapEff:\t0000000000000000" in outcome.stdout
    assert r"NoNewPrivs:\t1" in outcome.stdout


def test_a_daemon_dies_with_the_box(sandbox: Sandbox) -> None:
    token = secrets.token_hex(8)
    assert sandbox.run(DAEMON, token, "0.3").stdout == "left a daemon\n"
    assert eventually(lambda: not running(token))


def test_a_killed_supervisor_takes_the_box_along(sandbox: Sandbox) -> None:
    token = secrets.token_hex(8)
    command = ["python", "main.py", token, "600"]
    supervisor = sandbox.start(command, Box(sandbox.results, {"main.py": DAEMON}), {})
    try:
        both = eventually(lambda: len(running(token)) >= 2 or supervisor.poll() is not None)
        assert both, "the script and its daemon"
        assert supervisor.poll() is None, supervisor.communicate()
        os.kill(supervisor.pid, signal.SIGKILL)
        assert eventually(lambda: not running(token))
    finally:
        supervisor.kill()
        supervisor.communicate()


def test_links_among_the_results_are_not_followed(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "private.txt").write_text("private")
    script = """
import os, socket, sys
os.makedirs("predictions/inner")
open("predictions/1.png", "w").write("one")
os.symlink(sys.argv[1], "predictions/link.png")
os.symlink("/etc/passwd", "predictions/passwd")
os.symlink(os.path.dirname(sys.argv[1]), "predictions/folder")
os.link("predictions/1.png", "predictions/inner/hard.png")
os.mkfifo("predictions/pipe.png")
socket.socket(socket.AF_UNIX).bind("predictions/socket")
open("predictions/name\\n.png", "w").write("odd")
open("predictions/closed", "w").write("closed"); os.chmod("predictions/closed", 0)
open("predictions/inner/huge", "w").truncate(1 << 22)
deep = "predictions" + "/d" * 40
os.makedirs(deep); open(deep + "/mine", "w").write("deep")
"""
    outcome = sandbox.run(script, str(tmp_path / "private.txt"), limits=Limits(file_mb=5, total_mb=3))
    assert outcome.exit_code == 0, outcome.stderr
    files = {str(path.relative_to(sandbox.results)) for path in sandbox.results.rglob("*") if not path.is_dir()}
    assert files - {"closed"} == {"1.png", "inner/hard.png"}, "what only its owner may open is up to who takes it"
    assert not any(path.is_symlink() for path in sandbox.results.rglob("*"))
    assert outcome.truncated, "the huge one was left behind"


def test_an_output_folder_that_is_a_link_brings_nothing(sandbox: Sandbox) -> None:
    outcome = sandbox.run("import os; os.symlink('/etc', 'predictions')")
    assert outcome.exit_code == 0
    assert list(sandbox.results.iterdir()) == []


def test_outcomes_survive_json(sandbox: Sandbox) -> None:
    outcome = sandbox.run("import os; os.write(1, b'\\xff\\x00 caf\\xc3\\xa9')")
    assert outcome.stdout == "\ufffd\x00 caf\u00e9"
    assert json.loads(json.dumps(outcome.stdout)) == outcome.stdout
