"""The command line from end to end, in process, on a small conf/ with the job below; then what is shipped."""

import errno
import itertools
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from llmseg.cli import entry
from llmseg.cli.help import _EXAMPLES, choices
from llmseg.cli.implied import top_config
from llmseg.resources import own_conf
from tests.conftest import Refusal, error_line

FILES = {
    "train.yaml": (
        "# python train.py [key=value ...]\n"
        "defaults:\n  - _self_\n  - model: small\n  - data: scans\n  - trainer: default\n  - paths: default\n"
        "  - hydra: default\n  - experiment: null\nname: null\nseed: 0\n"
    ),
    "evaluate.yaml": "defaults:\n  - _self_\n  - data: null\n  - paths: default\n  - hydra: default\nrun: ???\n",
    "model/small.yaml": "_target_: torch.nn.Conv2d\nin_channels: ${data.channels}\nkernel_size: 3\n",
    "model/small2.yaml": "_target_: torch.nn.Conv2d\nin_channels: ${data.channels}\nkernel_size: 5\n",
    "model/large.yaml": "_target_: torch.nn.Conv3d\nin_channels: 1\nkernel_size: 3\n",
    "data/scans.yaml": (
        "name: scans\nsource: nowhere\nroot: /scans\nreader: null\nbatch_size: 8\n"
        "modalities: [flair, t1]\nchannels: ${length:${data.modalities}}\n"
    ),
    "data/own.yaml": "name: own\nsource: nowhere\nroot: ???\nreader: null\nchannels: 1\n",
    "trainer/default.yaml": "_target_: pytorch_lightning.Trainer\ndevices: 1\nmax_epochs: 2\n",
    "paths/default.yaml": "runs: runs\n",
    "hydra/default.yaml": (
        "defaults:\n  - override job_logging: none\n  - override hydra_logging: none\n"
        "run:\n  dir: .\nsweep:\n  dir: .\n  subdir: .\noutput_subdir: null\n"
    ),
    "experiment/good.yaml": "# @package _global_\ndefaults:\n  - override /model: large\nseed: 7\n",
    "experiment/key.yaml": "# @package _global_\ndata:\n  batchsize: 4\n",
    "experiment/choice.yaml": "# @package _global_\ndefaults:\n  - override /model: smal2\n",
    "experiment/extra.yaml": "# @package _global_\ndefaults:\n  - /model@second: smal2\n",
    "experiment/group.yaml": "# @package _global_\ndefaults:\n  - override /modle: small\n",
    "experiment/broken.yaml": "# @package _global_\nseed: 1\n  data: 2\n",
}
JOB = """
from llmseg.errors import ConfigError, DataError

def show(cfg):
    print(cfg.get("name"), cfg.get("seed"), dict(cfg.choices).get("model"))

def fail(cfg):
    print("job", cfg.seed)
    if cfg.seed == 1:
        raise ConfigError("scans.nii is no\\nscan")

def crash(cfg):
    print("job", cfg.seed)
    if cfg.seed != 2:
        raise ZeroDivisionError("of zero")
    return 0.75

def interrupt(cfg):
    raise KeyboardInterrupt

def gradient(cfg):
    print(cfg.trainer.gradient_clip_algorithm, cfg.data.labelled, cfg.data.split.test)
"""


@pytest.fixture(autouse=True)
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small conf/, its job on the import path, and an empty working folder."""
    folder = tmp_path / "conf"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "throwaway.py").write_text(JOB)
    (tmp_path / "work").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(entry, "conf_folder", lambda: folder)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    return folder


def code_of(*argv: str, job: str = "show", config: str = "train") -> int:
    try:
        entry.run(config, f"throwaway:{job}", argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def error_of(capsys: pytest.CaptureFixture[str], *argv: str, config: str = "train") -> str:
    """The message of a command that is refused: one line, exit code 2, job not started, nothing written."""
    assert code_of(*argv, config=config) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert list(Path().iterdir()) == []
    return error_line(err).removeprefix("error: ").strip()


def test_a_full_disk_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(name: str, job: str, arguments: list[str]) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "config.yaml"))

    monkeypatch.setattr(entry, "_compose_and_run", full)
    with pytest.raises(SystemExit) as caught:
        entry.run("train", "nothing:nothing", [])
    assert caught.value.code == 1
    said = f"error: {tmp_path / 'config.yaml'}: cannot be written (No space left on device); make room"
    assert capsys.readouterr().err.startswith(said)


def test_run_is_named_and_knows_its_choices(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in ((), ("model=large", "seed=3"), ("experiment=good",), ("name=mine", "experiment=good")):
        assert code_of(*argv) == 0
    assert capsys.readouterr().out.splitlines() == [
        "scans_small 0 small",
        "scans_large 3 large",
        "good 7 large",
        "mine 7 large",
    ]


def test_keys_of_target_and_dataclass_that_no_file_has(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ("trainer.gradient_clip_algorithm=norm", "data.labelled=8", "data.split.test=0.5", "data.split.val=0")
    assert code_of(*argv, job="gradient") == 0
    assert capsys.readouterr().out == "norm 8 0.5\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["model=small3"], "model=small3: no such choice, did you mean small?"),
        (["data=zzz"], "data=zzz: no such choice; there is own, scans"),
        (["experiment=goood"], "experiment=goood: no such choice, did you mean good?"),
        (["data.batchsize=4"], "data.batchsize: no such key, did you mean data.batch_size?"),
        (["batch_size=4"], "batch_size: no such key, did you mean data.batch_size?"),
        (["data.split.tst=0.5"], "data.split.tst: no such key, did you mean data.split.test?"),
        (["modle=small"], "modle: no such key, did you mean model?"),
        (["trainer.devics=2"], "trainer.devics: no such key, did you mean trainer.devices?"),
        (
            ["+trainer.devics=2"],
            "trainer.devics: pytorch_lightning.Trainer has no such argument, did you mean trainer.devices?",
        ),
        (["+data.batchsize=4"], "data.batchsize: no such key, did you mean data.batch_size?"),
        (["data.batch_size=four"], "data.batch_size: 'four' is not an integer"),
        (
            ["model.in_channels=${data.chanels}"],
            "model.in_channels: ${data.chanels} leads nowhere, did you mean data.channels?",
        ),
        (["experiment=key"], "data.batchsize: no such key, did you mean data.batch_size?"),
        (["experiment=choice"], "model=smal2: no such choice, did you mean small2?"),
        (["experiment=extra"], "experiment/extra.yaml: model=smal2: no such choice, did you mean small2?"),
        (["data=own"], "data.root has no value: add data.root=... to the command"),
        (["data.batch_size"], "'data.batch_size' cannot be read as key=value: missing EQUAL at '<EOF>'"),
        (["seed=1,2"], "seed=1,2 has several values: write 'seed=[1,2]', or add -m to sweep"),
        (["--mutlirun"], "unrecognized arguments: --mutlirun; see --help"),
        (["--config-dir", "nowhere"], None),
        # a typo in the second job of a sweep is found before the first one starts
        (["-m", "model=small,smal2"], "model=smal2: no such choice, did you mean small2?"),
        (["-m", "data.batch_size=1,two"], "data.batch_size: 'two' is not an integer"),
        (["-m", "seed=1,2", "+trainer.devics=2"], None),
        (["-m", "data=scans,own"], "data.root has no value: add data.root=... to the command"),
    ],
)
def test_refusals(capsys: pytest.CaptureFixture[str], argv: list[str], message: str | None) -> None:
    found = error_of(capsys, *argv)
    assert message is None or found == message


def test_refusals_that_name_a_file(capsys: pytest.CaptureFixture[str], conf: Path) -> None:
    assert error_of(capsys, "experiment=broken").startswith(f"{conf}/experiment/broken.yaml, line 3: ")
    group = error_of(capsys, "experiment=group")
    assert group.startswith("In 'experiment/group': Could not override 'modle'.")
    assert group.endswith("did you mean model?")


def test_evaluate(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("run=x", "data.root=/y", config="evaluate") == 0
    capsys.readouterr()
    assert error_of(capsys, config="evaluate") == "run has no value: add run=... to the command"
    assert error_of(capsys, "run=x", "data.rot=/y", config="evaluate").endswith("did you mean data.root?")


def test_sweep_names_each_job_and_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("model=small,large", "-m", "seed=1,2") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:4] == [
        "scans_small 1 small",
        "scans_small 2 small",
        "scans_large 1 large",
        "scans_large 2 large",
    ]
    assert "4 of 4 jobs succeeded" in out
    assert list(Path().iterdir()) == []


def test_sweep_takes_keys_that_no_file_has(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ("trainer.gradient_clip_algorithm=norm,value", "data.labelled=8", "+data.split.test=0.5", "-m")
    assert code_of(*argv, job="gradient") == 0
    assert capsys.readouterr().out.startswith("norm 8 0.5\nvalue 8 0.5\n2 of 2")


def test_sweep_over_files_of_which_only_some_name_a_key(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (conf / "model" / "wide.yaml").write_text("_target_: torch.nn.Conv2d\nin_channels: 1\nkernel_size: 3\npadding: 0\n")
    assert code_of("-m", "model=wide,small", "model.padding=1") == 0
    assert "2 of 2 jobs succeeded" in capsys.readouterr().out


def test_user_error_of_the_job(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("seed=1", job="fail") == 2
    assert capsys.readouterr().err == "error: scans.nii is no scan\n"
    assert code_of("-m", "seed=1,2", job="fail") == 1
    out, err = capsys.readouterr()
    assert out.startswith("job 1\njob 2\n1 of 2 jobs succeeded")
    assert re.search(r"1 of 2 jobs failed(?s:.*)\n +seed=1 +scans.nii is no scan\n", out)
    assert err == "error: scans.nii is no scan [seed=1]\n"


def test_a_crash_of_one_job_of_a_sweep_is_shown_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("-m", "seed=1,2,3", "model=large", job="crash") == 1
    out, err = capsys.readouterr()
    assert out.startswith("job 1\njob 2\njob 3\n1 of 3 jobs succeeded")
    assert re.search(r"seed=2 +0.750", out)  # what all jobs share is not repeated
    assert out.count("ZeroDivisionError: of zero") == 2
    assert err.count("Traceback") == 2
    assert 'throwaway.py", line' in err


def test_an_interrupt_ends_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("-m", "seed=1,2", job="interrupt") == 130
    assert capsys.readouterr().err.count("interrupted") == 1


@pytest.mark.usefixtures("joblib_workers")
def test_jobs_in_worker_processes(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path().absolute().parent))
    argv = ("-m", "seed=1,2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert code_of(*argv, job="crash") == 1
    out, err = capfd.readouterr()
    assert re.search(r"seed=2 +0.750", out)
    assert re.search(r"seed=1 +ZeroDivisionError: of zero", out)
    assert err.count("Traceback") == 1
    assert list(Path().iterdir()) == []


def test_other_exceptions_are_not_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        entry.run("train", "throwaway:crash", [])
    assert code_of(job="interrupt") == 130
    assert capsys.readouterr().err.endswith("interrupted\n")


def test_stock_hydra_is_put_back() -> None:
    core, utils = import_module("hydra._internal.hydra"), import_module("hydra._internal.utils")
    before = core.ConfigLoaderImpl, utils.run_and_report
    assert code_of("model=small3") == 2
    assert (core.ConfigLoaderImpl, utils.run_and_report) == before


def test_cfg_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--cfg", "job", "--package", "data", "data=own") == 0
    assert "root: ???" in capsys.readouterr().out
    assert code_of("--version") == 0
    assert capsys.readouterr().out.startswith("llmseg ")


def test_config_dir_adds_choices(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "own.yaml").write_text("_target_: torch.nn.Conv2d\nkernel_sise: 1\n")
    argv = ("--config-dir", str(tmp_path / "mine"), "model=own")
    assert error_of(capsys, *argv).endswith("did you mean model.kernel_size?")
    assert code_of(*argv, "~model.kernel_sise") == 0


def test_config_dir_goes_before_ours(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    own = tmp_path / "mine"
    for name, text in (
        ("data/scans", "name: scans\nsource: home\nroot: /home/scans\nreader: null\nchannels: 3\n"),
        ("experiment/night", "# @package _global_\ndefaults:\n  - override /model: large\nseed: 11\n"),
        ("experiment/where", "# @package _global_\ndefaults:\n  - override /method: grounding\n"),
    ):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / f"{name}.yaml").write_text(text)
    flag = ("--config-dir", str(own))
    assert code_of(*flag, "--cfg", "job", "experiment=night") == 0
    shown = capsys.readouterr().out
    assert "root: /home/scans" in shown
    assert "seed: 11" in shown
    assert "Conv3d" in shown
    assert error_of(capsys, *flag, "experiment=nihgt").endswith("did you mean night?")
    assert top_config("train", ["experiment=where"], own_conf([f"--config-dir={own}"])) == "ground"
    assert code_of(*flag, "--help") == 0
    assert "night" in capsys.readouterr().out


def test_completion(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_LINE", "train.py model=sma")
    monkeypatch.setenv("COMP_POINT", "18")
    assert code_of("-sc", "query=bash") == 0
    assert capsys.readouterr().out.split() == ["model=small", "model=small2"]


@pytest.mark.parametrize(("argv", "code"), [(["--help"], 0), (["data.batchsize=4"], 2)])
def test_nothing_heavy_is_imported(conf: Path, argv: list[str], code: int) -> None:
    script = (
        "import atexit, sys\nfrom pathlib import Path\nfrom llmseg.cli import entry\n"
        f"entry.conf_folder = lambda: Path({str(conf)!r})\n"
        "heavy = {'torch', 'pytorch_lightning', 'monai'} | ({'hydra', 'yaml'} if '--help' in sys.argv else set())\n"
        "atexit.register(lambda: print('loaded', sorted(heavy & set(sys.modules))))\n"
        "entry.run('train', 'no_such_job:main', sys.argv[1:])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *argv], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stdout.endswith("loaded []\n")


def test_a_wrong_run_is_told_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    told = {"evaluate": "run", "predict": "run", "export": "run", "compare": "run", "train": "resume"}
    script = (
        f"import sys\nfrom llmseg.cli import entry\nfor name, key in {told}.items():\n"
        "    words = [f'{key}={sys.argv[1]}'] + ['input=x', 'output=y'] * (name == 'predict')\n"
        "    try:\n        entry.run(name, f'llmseg.cli.{name}:{name}', words)\n"
        "    except SystemExit as end:\n"
        "        print(name, end.code, sorted({'torch', 'pytorch_lightning', 'pandas'} & set(sys.modules)))\n"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "nowhere")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.splitlines() == [f"{name} 1 []" for name in told], done.stderr
    assert done.stderr.count("error: ") == done.stderr.count(f"={tmp_path / 'nowhere'}: ") == len(told)


# ---- what is shipped

SHIPPED = Path(entry.conf_folder())
GROUPS = [file.name for file in SHIPPED.iterdir() if file.is_dir() and file.name != "hydra"]
CHOICES = [f"{group}={choice}" for group in sorted(GROUPS) for choice in choices(SHIPPED / group)]


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "conf_folder", lambda: SHIPPED)


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("choice", CHOICES)
def test_each_shipped_choice(choice: str) -> None:
    is_study = choice.startswith("author=") or choice in ("prompt=3d", "prompt=minimal", "prompt=pytorch")
    method = ["method=grounding"] if choice.startswith("peft=") else []
    assert code_of("--cfg", "job", choice, *method, config="study" if is_study else "train") == 0


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("step", [37, pytest.param(11, marks=pytest.mark.slow)])
def test_models_fit_data(step: int) -> None:
    models, data = choices(SHIPPED / "model"), choices(SHIPPED / "data")
    data = [name for name in data if name not in ("boxes", "openi", "reports")]  # no masks, and models of their own
    pairs = itertools.islice(itertools.product(data, models), 0, None, step)
    for one, other in pairs:
        assert code_of("--cfg", "job", f"data={one}", f"model={other}") == 0


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(("config", "example"), [(c, line) for c, lines in _EXAMPLES.items() for line, _ in lines])
def test_examples_of_the_help(config: str, example: str) -> None:
    assert code_of(*shlex.split(example), config=config) == 0


@pytest.mark.usefixtures("shipped")
def test_debug_configs(capsys: pytest.CaptureFixture[str]) -> None:
    lines = {"fast": "fast_dev_run: true", "overfit": "overfit_batches: 2", "profile": "profiler: simple"}
    for name, line in {**lines, "limit": "limit_train_batches: 10"}.items():
        assert code_of("--cfg", "job", "--package", "trainer", f"debug={name}") == 0
        assert line in capsys.readouterr().out


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["method=llm_segnet", "knowledge.encoder=minilm"],
            "knowledge: none is chosen whose keys could be set; add kn",
        ),
        (["augment.shift=1"], "augment: no such key, did you mean data.augment?"),
        (["method=report", "model.width=4"], "model: no such key; there is callbacks"),
    ],
)
def test_keys_of_a_group_without_a_choice(words: list[str], message: str, refusal: Refusal) -> None:
    assert code_of(*words) == 2
    refusal(message)
