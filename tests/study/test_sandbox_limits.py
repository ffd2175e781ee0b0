"""Scripts that take more than they were given. Each is really run, in every way of isolation, as root and as nobody."""

import re

import pytest

from boxes import Sandbox
from llmseg.study.sandbox import Limits

MB = 1 << 20


def test_a_fork_bomb_stops_at_the_limit(sandbox: Sandbox) -> None:
    script = """
import os, time
for count in range(2000):
    try:
        if os.fork() == 0:
            time.sleep(600)
    except BlockingIOError:
        print("forks", count)
        break
time.sleep(600)
"""
    outcome = sandbox.run(script, limits=Limits(seconds=60, processes=40))
    assert outcome.stopped == "processes"
    assert outcome.exit_code is None
    assert all(int(count) < 40 for count in re.findall(r"forks (\d+)", outcome.stdout)), outcome.stdout


def test_threads_count_as_well(sandbox: Sandbox) -> None:
    script = "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
    outcome = sandbox.run(script, limits=Limits(seconds=60, processes=40))
    assert outcome.stopped == "processes" or "can't start new thread" in outcome.stderr


@pytest.mark.parametrize("place", ["/box/code", "~", "/tmp", "/dev/shm"])
def test_the_disk_is_not_filled(sandbox: Sandbox, place: str) -> None:
    script = """
import os, sys, time
written = 0
try:
    for number in range(500):
        with open(os.path.join(os.path.expanduser(sys.argv[1]), f"{number}"), "wb") as file:
            written += file.write(bytes(1 << 20))
except OSError as error:
    print(error.strerror)
print("MiB", written >> 20)
time.sleep(600)
"""
    outcome = sandbox.run(script, place, limits=Limits(seconds=60, total_mb=10))
    assert outcome.stopped == "disk"
    assert all(int(count) <= 10 for count in re.findall(r"MiB (\d+)", outcome.stdout)), outcome.stdout


def test_a_file_has_its_own_limit(sandbox: Sandbox) -> None:
    outcome = sandbox.run("open('large', 'wb').write(bytes(6 << 20))", limits=Limits(file_mb=5))
    assert outcome.exit_code == 1
    assert "File too large" in outcome.stderr


def test_100_gb_are_refused(sandbox: Sandbox) -> None:
    script = """
import mmap
reserve = lambda: mmap.mmap(-1, 100 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)  # MAP_NORESERVE
for allocate in (lambda: bytearray(100 << 30), lambda: mmap.mmap(-1, 100 << 30), reserve):
    try:
        allocate()
        print("got them")
    except (MemoryError, OSError) as error:
        print("refused")
"""
    outcome = sandbox.run(script)
    assert outcome.stdout == "refused\n" * 3


def test_memory_is_counted_over_all_processes(sandbox: Sandbox) -> None:
    script = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        kept = bytearray(os.urandom(1)) * (60 << 20)
        time.sleep(600)
time.sleep(600)
"""
    outcome = sandbox.run(script, limits=Limits(seconds=60, memory_mb=150))
    assert outcome.stopped == "memory"
    assert outcome.peak_mb > 150


def test_memory_that_processes_share_counts_once(sandbox: Sandbox) -> None:
    script = """
import os, time
kept = bytearray(os.urandom(1)) * (60 << 20)
for _ in range(4):
    if os.fork() == 0:
        time.sleep(0.5)
        os._exit(0)
for _ in range(4):
    os.wait()
"""
    outcome = sandbox.run(script, limits=Limits(memory_mb=180))
    assert (outcome.stopped, outcome.exit_code) == (None, 0)


def test_a_script_that_ignores_sigterm_is_stopped_in_time(sandbox: Sandbox) -> None:
    script = """
import signal, time
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
print("still here", flush=True)
while True: time.sleep(600)
"""
    outcome = sandbox.run(script, limits=Limits(seconds=2))
    assert (outcome.stopped, outcome.exit_code, outcome.stdout) == ("time", None, "still here\n")
    assert outcome.seconds >= 2


def test_processor_time_is_counted_over_all_processes(sandbox: Sandbox) -> None:
    script = "import os\nos.fork()\nos.fork()\nwhile True: pass"
    outcome = sandbox.run(script, limits=Limits(seconds=60, cpu_seconds=1))
    assert outcome.stopped == "cpu"


@pytest.mark.parametrize("stream", [1, 2])
def test_a_gigabyte_of_output_is_cut_off(sandbox: Sandbox, stream: int) -> None:
    script = """
import os, sys
stream = int(sys.argv[1])
os.write(stream, b"the beginning ")
while True:
    os.write(stream, b"x" * (1 << 20))
"""
    outcome = sandbox.run(script, str(stream), limits=Limits(seconds=60, output_kb=64))
    text = outcome.stdout if stream == 1 else outcome.stderr
    assert outcome.stopped == "output"
    assert outcome.truncated
    assert text.startswith("the beginning xxx")
    assert "bytes left out" in text
    assert len(text) < 66 * 1024


def test_the_end_of_a_long_output_is_kept(sandbox: Sandbox) -> None:
    outcome = sandbox.run("print('x' * 100_000)\nraise ValueError('the reason')", limits=Limits(output_kb=8))
    assert outcome.truncated is True
    assert outcome.exit_code == 1
    assert outcome.stdout.startswith("xxx")
    assert outcome.stderr.endswith("ValueError: the reason\n")
    assert not outcome.stdout.isspace()
