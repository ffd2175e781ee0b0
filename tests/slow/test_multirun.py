"""Sweeps whose jobs run in processes of their own: several ranks a job, joblib's workers, Slurm's machines."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from llmseg.runs import RunFolder
from llmseg.runs.state import status
from tests.cli.conftest import TINY, Command, runs_in
from tests.cli.conftest import joblib_workers as joblib_workers
from tests.cli.conftest import train as train

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
WATCHER = '''
"""A callback that writes down what each rank trains with, and may crash one of them."""
import json, os
from pathlib import Path
import pytorch_lightning as pl

class Watch(pl.Callback):
    def __init__(self, crash_rank=-1, crash_seed=-1, how="raise"):
        self.crash_rank, self.crash_seed, self.how = crash_rank, crash_seed, how

    def on_train_start(self, trainer, module):
        seen = {"pid": os.getpid(), "lr": trainer.optimizers[0].param_groups[0]["initial_lr"],
                "record": module._record, "weights": float(sum(p.double().abs().sum() for p in module.parameters()))}
        (Path(trainer.default_root_dir) / f"rank{trainer.global_rank}.json").write_text(json.dumps(seen))

    def on_train_batch_end(self, trainer, module, *rest):
        if trainer.global_rank == self.crash_rank and module.seed == self.crash_seed:
            if self.how == "kill":
                os.kill(os.getpid(), 9)
            raise RuntimeError("crash on purpose")
'''


@pytest.fixture
def watcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The word that adds the callback."""
    (tmp_path / "watcher.py").write_text(WATCHER)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.syspath_prepend(tmp_path)
    return "_target_:watcher.Watch"


def alive(pid: int) -> bool:
    """Whether a process still has a thread that runs: as long as one does, it holds its files and locks.

    The process itself may be a zombie before its other threads have ended.
    """
    try:
        return any(
            stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
            for stat in Path("/proc").glob(f"{pid}/task/*/stat")
        )
    except OSError:  # one ended while we looked
        return alive(pid)


def all_gone(pids: list[int]) -> bool:
    """Whether processes end within a few seconds of their parent, without anybody's help."""
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(map(alive, pids))


def ranks(run: Path) -> list[dict[str, object]]:
    """What each rank of a run has written down."""
    return [json.loads(file.read_text()) for file in sorted(run.glob("rank*.json"))]


def test_two_jobs_on_two_processes_are_two_folders_and_all_ranks_see_the_same(
    train: Command, tmp_path: Path, watcher: str
) -> None:
    words = (
        "-m",
        "trainer.devices=2",
        "data.batch_size=6",
        "optimizer.lr=0.001,0.01",
        f"+callbacks.watch={{{watcher}}}",
    )
    assert train(*words, "evaluate=false") == 0
    runs = runs_in(tmp_path / "runs")
    assert len(runs) == 2
    rates = []
    for run in runs:
        one, two = ranks(run)
        assert one["pid"] != two["pid"]
        assert one["record"] == two["record"] == yaml.safe_load((run / "config.yaml").read_text())
        assert (one["lr"], one["weights"]) == (two["lr"], two["weights"])
        assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["llmseg"] == one["record"]
        rates.append(one["lr"])
        assert all_gone([int(str(one["pid"])), int(str(two["pid"]))])
    assert sorted(rates) == [0.001, 0.01]
    assert {path.name for path in tmp_path.iterdir()} <= {"runs", "home", "wandb-home", "watcher.py", "__pycache__"}


@pytest.mark.parametrize(("rank", "how"), [(0, "raise"), (1, "raise"), (1, "kill")])
def test_a_crash_of_a_rank_fails_its_job_alone_and_leaves_no_orphan(
    rank: int, how: str, train: Command, tmp_path: Path, watcher: str, capfd: pytest.CaptureFixture[str]
) -> None:
    node = f"+callbacks.watch={{{watcher},crash_rank:{rank},crash_seed:1,how:{how}}}"
    assert train("-m", "trainer.devices=2", "data.batch_size=6", "seed=1,2", node, "evaluate=false") == 1
    out = capfd.readouterr().out
    assert "1 of 2 jobs succeeded" in out
    assert "1 of 2 jobs failed" in out
    runs = runs_in(tmp_path / "runs")
    done = next(run for run in runs if RunFolder(run).config["seed"] == 2)
    assert status(RunFolder(done)).state == "finished"
    for run in runs:
        if run != done:
            assert status(RunFolder(run)).state in ("failed", "unfinished")
        assert all_gone([int(str(seen["pid"])) for seen in ranks(run)])


def test_killing_a_sweep_kills_the_ranks_of_its_job(tmp_path: Path, watcher: str) -> None:
    words = [
        *TINY,
        "-m",
        "seed=1,2",
        "trainer.devices=2",
        "trainer.max_epochs=10000",
        f"+callbacks.watch={{{watcher}}}",
    ]
    paths = [f"paths.runs={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}", "data.batch_size=6"]
    process = subprocess.Popen(
        [sys.executable, ROOT / "train.py", *words, *paths], cwd=tmp_path, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "runs").rglob("rank*.json"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(0.5)
    (run,) = runs_in(tmp_path / "runs")
    pids = [int(str(seen["pid"])) for seen in ranks(run)]
    assert all(map(alive, pids))
    assert status(RunFolder(run)).state == "running"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert all_gone(pids)
    assert status(RunFolder(run)).state == "unfinished"
    assert len(runs_in(tmp_path / "runs")) == 1


def test_killing_a_sweep_kills_joblib_s_workers(tmp_path: Path, watcher: str) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = [*TINY, "-m", "seed=1,2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "trainer.max_epochs=10000"]
    paths = [f"paths.runs={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}", f"+callbacks.watch={{{watcher}}}"]
    process = subprocess.Popen([sys.executable, ROOT / "train.py", *words, *paths], cwd=tmp_path)
    deadline = time.monotonic() + 240
    while len(found := list((tmp_path / "runs").rglob("rank0.json"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(0.5)
    pids = [int(json.loads(file.read_text())["pid"]) for file in found]
    assert all(map(alive, pids))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert all_gone(pids)


@pytest.mark.usefixtures("joblib_workers")
def test_joblib_shares_the_machine_and_failures_come_back(
    train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    words = ("-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "data.image_size=30,32,36", "evaluate=false")
    assert train(*words) == 1
    out, err = capfd.readouterr()
    assert "2 of 3 jobs succeeded" in out
    assert "1 of 3 jobs failed" in out
    assert "every side must be a multiple of" in err
    runs = runs_in(tmp_path / "runs")
    assert len(runs) == 2
    threads = [json.loads((run / "environment.json").read_text())["threads"] for run in runs]
    assert threads == [max(1, (os.cpu_count() or 1) // 2)] * 2


@pytest.mark.usefixtures("joblib_workers")
def test_joblib_runs_trials_of_a_study(train: Command, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    from llmseg.runs.study import open_study

    words = ("sweep=optuna", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "sweep.trials=3")
    assert train(*words, "trainer.devices=1") == 0
    trials = open_study("mni152_unet", f"sqlite:///{tmp_path / 'runs' / 'mni152_unet' / 'study.db'}").trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 3
    assert len(runs_in(tmp_path / "runs")) == 3


def test_a_study_of_trainings_on_two_processes(train: Command, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    from llmseg.runs.study import open_study

    assert train("sweep=optuna", "trainer.devices=2", "data.batch_size=6", "sweep.trials=1") == 0
    (trial,) = open_study("mni152_unet", f"sqlite:///{tmp_path / 'runs' / 'mni152_unet' / 'study.db'}").trials
    assert trial.state.name == "COMPLETE"
    assert trial.intermediate_values.keys() == {0}  # the first rank reports, and it alone


SBATCH = """#!/bin/sh
# Slurm on one machine: notes the script, and soon runs the tasks of the array as srun would.
for script; do :; done
cp "$script" "$SLURM_NOTES/script.sh"
(
  sleep 2
  for task in 0 1; do
    SLURM_JOB_ID=7$task SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=$task SLURM_JOB_NUM_NODES=1 SLURM_NTASKS=1 \\
    SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_PROCID=0 SLURM_JOB_NODELIST=localhost SUBMITIT_EXECUTOR=slurm \\
    {python} -u -m submitit.core._submit "$SLURM_NOTES/runs/.submitit/7_$task"
  done
) >"$SLURM_NOTES/tasks.log" 2>&1 &
echo "Submitted batch job 7"
"""
SACCT = "#!/bin/sh\necho 'JobID|State|NodeList'\necho '7_0|RUNNING|localhost'\necho '7_1|RUNNING|localhost'\n"


def test_slurm_gets_a_script_with_what_was_asked_for(
    train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    commands = {"sbatch": SBATCH.replace("{python}", sys.executable), "sacct": SACCT, "srun": "#!/bin/sh\n"}
    for name, text in commands.items():
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_NOTES", str(tmp_path))
    slurm = ("hydra.launcher.partition=gpu", "hydra.launcher.timeout_min=90", "hydra.launcher.mem_gb=8")
    words = ("-m", "hydra/launcher=submitit_slurm", *slurm, "seed=1,2", "evaluate=false")
    assert train(*words) == 0, (tmp_path / "tasks.log").read_text()
    assert "2 of 2 jobs succeeded" in capfd.readouterr().out
    assert sorted(RunFolder(run).config["seed"] for run in runs_in(tmp_path / "runs")) == [1, 2]
    script = (tmp_path / "script.sh").read_text()
    for line in ("--partition=gpu", "--time=90", "--mem=8GB", "--array=0-1", str(tmp_path / "runs" / ".submitit")):
        assert line in script


def test_submitit_runs_the_jobs_of_a_sweep(train: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    assert train("-m", "hydra/launcher=submitit_local", "data.image_size=30,32", "evaluate=false") == 1
    out = capfd.readouterr().out
    assert "1 of 2 jobs succeeded" in out
    assert "1 of 2 jobs failed" in out
    (run,) = runs_in(tmp_path / "runs")
    assert status(RunFolder(run)).state == "finished"
    assert (tmp_path / "runs" / ".submitit").is_dir()


def test_two_nodes_of_slurm_share_one_run(tmp_path: Path) -> None:
    """Two tasks as `srun` starts them, here on one machine; Lightning's Slurm environment joins them."""
    words = (*TINY, "trainer=ddp", "trainer.num_nodes=2", f"paths.runs={tmp_path / 'runs'}", f"paths.cache={tmp_path}")
    slurm = {
        "SLURM_JOB_ID": str(10_000 + os.getpid() % 9_000), "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "1",
        "SLURM_NNODES": "2", "SLURM_LOCALID": "0", "MASTER_ADDR": "127.0.0.1",
    }  # fmt: skip
    tasks = []
    for number in ("0", "1"):
        env = {**os.environ, **slurm, "SLURM_PROCID": number, "SLURM_NODEID": number}
        tasks.append(subprocess.Popen([sys.executable, ROOT / "train.py", *words], cwd=tmp_path, env=env))
    assert [each.wait(timeout=240) for each in tasks] == [0, 0]
    (run,) = runs_in(tmp_path / "runs")
    assert status(RunFolder(run)).state == "finished"
    assert (run / "cases.csv").is_file()
