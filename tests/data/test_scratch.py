"""Temporary folders that outlive the process which made them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from llmseg.data.scratch import scratch, sweep

KILLED = """
import os, sys
from pathlib import Path
from llmseg.data.scratch import scratch
with scratch(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    os.kill(os.getpid(), 9)
"""


def test_nothing_stays_whether_the_block_ends_well_or_not(tmp_path: Path) -> None:
    with scratch(tmp_path / "a.b") as folder:
        folder.rename(tmp_path / "a.b")
    try:
        with scratch(tmp_path / "c"):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.b"]


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_stays(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "case-1.x")], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".case-1.x.*/half"))) == 1
    with scratch(tmp_path / "case-2") as folder:
        sweep(tmp_path)
        assert folder.is_dir()
        assert len(list(tmp_path.iterdir())) == 2  # the folder and its lock
    assert list(tmp_path.iterdir()) == []
