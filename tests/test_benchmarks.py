"""The benchmarks: each computes what its peers compute, and the harness does with that what it should."""

import importlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

HERE = Path(__file__).parents[1] / "benchmarks"
PEERS = {"surface_distance", "torchio", "nnunetv2", "medpy", "monai", "torchmetrics", "transformers", "batchgenerators"}
SLOW = {"start", "predict_file", "reports", "train_2d", "train_3d", "windows"}  # they start processes or are large
NAMES = (
    "surface", "dice", "windows", "start", "overhead", "patches", "predict_file", "train_2d", "train_3d", "reports",
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python does for the folder of a script."""
    monkeypatch.syspath_prepend(str(HERE))


def opened(name: str) -> ModuleType:
    """A file of the folder; under a name of its own, as train.py and predict.py are commands too."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def harness() -> ModuleType:
    return importlib.import_module("harness")


@pytest.fixture
def options(harness: ModuleType) -> Any:
    return harness.Options(torch.device("cpu"), rounds=1, cap=5.0, small=True)


def test_every_benchmark_is_tried_here() -> None:
    assert opened("run").NAMES == NAMES
    assert [name for name in NAMES if not (HERE / f"{name}.py").is_file()] == []


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NAMES])
def test_both_sides_do_the_same(name: str, options: Any) -> None:
    try:
        rows = list(opened(name).rows(options))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in PEERS:
            raise
        pytest.skip(f"needs {error.name}: make bench")
    if not rows:
        pytest.skip("all peers are missing: make bench")
    assert {f"{row.case}, {row.peer}": row.same.because for row in rows if not row.same.holds} == {}
    for row in rows:
        assert row.ours_seconds > 0
        assert row.peer_seconds > 0
        json.dumps(row.to_dict(None))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, harness: ModuleType) -> Callable[[float], None]:
    """A clock that only a job moves on."""
    now = [0.0]
    monkeypatch.setattr(importlib.import_module("harness.timing"), "perf_counter", lambda: now[0])

    def spend(seconds: float) -> None:
        now[0] += seconds

    return spend


def side(harness: ModuleType, name: str, jobs: Iterator[float], clock: Callable[[float], None], log: list[str]) -> Any:
    """Takes those seconds, one run after the other, and returns its name."""

    def run() -> str:
        log.append(name)
        clock(next(jobs))
        return name

    return harness.Side(name, run)


def always(harness: ModuleType) -> Callable[[Any, Any], Any]:
    return lambda ours, theirs: harness.Same(True, "so it is said")


def measured(harness: ModuleType, clock: Callable[[float], None], log: list[str], **settings: Any) -> Any:
    """Ours takes 9 (to warm up), 1, 2, 1 s; the peer 9, 3, 8, 5 s: ratios 3, 4, 5."""
    chosen = harness.Options(torch.device("cpu"), **{"rounds": 3, **settings})
    ours = side(harness, "ours", iter([9.0, 1.0, 2.0, 1.0]), clock, log)
    peer = side(harness, "peer", iter([9.0, 3.0, 8.0, 5.0]), clock, log)
    return list(harness.compare("case", ours, [peer], always(harness), 2, chosen))


def test_sides_run_in_turn_after_one_uncounted_run(harness: ModuleType, clock: Callable[[float], None]) -> None:
    log: list[str] = []
    (row,) = measured(harness, clock, log)
    assert log == ["ours", "peer"] * 4
    assert row.rounds == 3
    assert (row.ours_seconds, row.peer_seconds) == (1.0, 5.0)


def test_the_ratio_is_the_median_of_those_within_a_round(harness: ModuleType, clock: Callable[[float], None]) -> None:
    (row,) = measured(harness, clock, [])
    assert row.ratio == pytest.approx(4.0)  # of the medians it would be 5
    assert row.spread == (pytest.approx(3.0), pytest.approx(5.0))


def test_no_round_begins_after_the_cap(harness: ModuleType, clock: Callable[[float], None]) -> None:
    (row,) = measured(harness, clock, [], cap=4.5)
    assert row.rounds == 2  # 4 s after the first one, 14 s after the second
    (row,) = measured(harness, clock, [], cap=0.0)
    assert row.rounds == 1


def test_without_a_warm_up_the_first_round_is_compared(harness: ModuleType, clock: Callable[[float], None]) -> None:
    log: list[str] = []
    (row,) = measured(harness, clock, log, rounds=1, warm_up=False)
    assert log == ["ours", "peer"]
    assert (row.rounds, row.ours_seconds) == (1, 9.0)


def test_a_short_job_is_repeated_and_counted_once(harness: ModuleType, clock: Callable[[float], None]) -> None:
    jobs = [harness.Side(name, lambda: clock(0.5), repeat=4) for name in ("ours", "peer")]
    (row,) = harness.compare(
        "case", jobs[0], jobs[1:], always(harness), 1, harness.Options(torch.device("cpu"), rounds=1)
    )
    assert row.ours_seconds == pytest.approx(0.5)


def test_a_peer_with_another_result_is_marked(harness: ModuleType) -> None:
    jobs = [harness.Side(str(value), lambda value=value: np.full(3, value)) for value in (1.0, 1.0, 1.5)]

    def same(ours: Any, theirs: Any) -> Any:
        return harness.close(ours, theirs, 0.1)

    right, wrong = harness.compare(
        "case", jobs[0], jobs[1:], same, (1, 2), harness.Options(torch.device("cpu"), rounds=1)
    )
    assert right.same.holds
    assert not wrong.same.holds
    assert "0.5" in wrong.same.because
    assert (right.aim, wrong.aim) == (1.0, 2.0)


def test_closeness_and_equality(harness: ModuleType) -> None:
    assert harness.close([1.0, 2.0], [1.0, 2.0 + 1e-7], 1e-6).holds
    assert not harness.close([1.0, 2.0], [1.0], 1e-6).holds
    assert not harness.close([np.nan], [1.0], 1e-6).holds
    assert harness.equal(np.eye(2), np.eye(2)).holds
    assert not harness.equal([1, 2], [1, 3]).holds


def test_a_row_comes_back_from_a_file(harness: ModuleType, clock: Callable[[float], None], tmp_path: Path) -> None:
    (row,) = measured(harness, clock, [])
    values = row.to_dict(None)
    (tmp_path / "rows.json").write_text(json.dumps(values))
    found = json.loads((tmp_path / "rows.json").read_text())
    assert found == json.loads(json.dumps(values))
    assert found["ratio"] == row.ratio
    assert found["same"] is True
    assert found["same_because"] == "so it is said"


def test_rates_and_shares_of_the_peaks(harness: ModuleType, clock: Callable[[float], None]) -> None:
    class Peaks:
        """Of a machine with round numbers."""

        def flop_per_second(self, dtype: str) -> float:
            return {"float32": 100.0, "bfloat16": 400.0}[dtype]

        def bytes_per_second(self) -> float:
            return 50.0

    jobs = [harness.Side(name, lambda: clock(2.0)) for name in ("ours", "peer")]
    work = harness.Work(flop=400.0, bytes=20.0, dtype="bfloat16")
    chosen = harness.Options(torch.device("cpu"), rounds=1)
    (row,) = harness.compare("case", jobs[0], jobs[1:], always(harness), 1, chosen, work)
    values = row.to_dict(Peaks())
    assert values["flop_per_second"] == pytest.approx(200.0)
    assert values["share_of_matrix_product"] == pytest.approx(0.5)
    assert values["share_of_memory_roofline"] == pytest.approx(0.2)


def test_a_rate_is_shown_where_only_the_traffic_is_known(
    harness: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = importlib.import_module("harness.rows")
    row = {
        "case": "stitching", "peer": "a loop", "ours_seconds": 1.0, "peer_seconds": 2.0, "ratio": 2.0, "aim": 1.0,
        "spread": (2.0, 2.0), "same": True, "same_because": "", "cause": "", "flop_per_second": 0.0,
        "bytes_per_second": 3e9, "share_of_matrix_product": 0.0, "share_of_memory_roofline": 0.25,
    }  # fmt: skip
    rows.show([row])
    assert "stitching: 3 GB/s, 25% of copying a large array" in capsys.readouterr().out


def test_windows_that_are_not_averaged_are_not_the_same() -> None:
    windows = opened("windows")
    sizes, cpu = windows.SMALL, torch.device("cpu")
    logits, net = windows.smooth(2, sizes.volume), windows.sloping(sizes.patch, cpu)
    right, last = windows.monai(net, logits, sizes), torch.zeros_like(logits)
    for start in windows.window_starts(sizes.volume, sizes.patch, 0.5, sizes.stride):
        place = (slice(None), slice(None), *(slice(s, s + n) for s, n in zip(start, sizes.patch, strict=True)))
        last[place] = net(logits[place])
    assert windows.same_dice(right, right, least=0.999).holds
    assert not windows.same_dice(last.argmax(dim=1)[0].numpy(), right, least=0.95).holds


def test_what_is_only_tried_shows_no_older_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    run = opened("run")
    monkeypatch.setattr(sys, "argv", ["run.py", "dice", "--small"])
    monkeypatch.setattr(run.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    monkeypatch.setattr(run, "results", lambda *_: pytest.fail("read from a file"))
    run.main()


TINY = """
from harness import Same, Side, compare, main

def rows(options):
    yield from compare("case", Side("ours", lambda: 1), [Side("peer", lambda: {peer})],
                       lambda a, b: Same(a == b, f"{{a}} and {{b}}"), 1, options)

if __name__ == "__main__":
    main("tiny", "question", rows)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("peer", "code", "said"), [("1", 0, ""), ("2", 1, "case"), ("1 / 0", 1, "broke: tiny")])
def test_the_run_fails_where_sides_differ_or_break(peer: str, code: int, said: str, tmp_path: Path) -> None:
    for package in ("harness", "headline"):
        (tmp_path / package).symlink_to(HERE / package)
    (tmp_path / "run.py").write_text(
        (HERE / "run.py").read_text().replace("HERE =", 'NAMES = ("tiny", *NAMES)\nHERE =', 1)
    )
    (tmp_path / "tiny.py").write_text(TINY.format(peer=peer))
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), "tiny", "--rounds", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert said in done.stderr


def test_a_page_is_filled_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = importlib.import_module("harness.page")
    file = tmp_path / "page.md"
    file.write_text("# A\n<!-- table: one -->\nold\n<!-- end -->\ntext\n<!-- table: two -->\n<!-- end -->\n")
    for _ in range(2):
        page.fill(file, {"one": [{"what": "step", "error": -0.031, "held_out": True}]})
        assert file.read_text() == (
            "# A\n<!-- table: one -->\n| what | error | held out |\n| --- | --- | --- |\n| step | -3% | yes |\n"
            "<!-- end -->\ntext\n<!-- table: two -->\n<!-- end -->\n"
        )


def test_a_line_is_found_again_and_checked_where_it_was_not_fitted() -> None:
    model = importlib.import_module("growth.model")
    units = [1.0, 2.0, 4.0, 8.0, 16.0]
    rows = model.checked("s", "cases", units, [3 + 2 * n for n in units])
    assert [row["held_out"] for row in rows] == [False, True, False, True, False]
    assert rows[0]["fixed"] == pytest.approx(3)
    assert rows[0]["each"] == pytest.approx(2)
    assert max(abs(row["error"]) for row in rows) < 1e-9
    bent = model.checked("s", "cases", units, [3 + 2 * n + (4 if n == 2 else 0) for n in units])
    assert bent[1]["error"] == pytest.approx(7 / 11 - 1)


@pytest.mark.parametrize(("devices", "hours"), [(1, 16.0), (2, 9.0), (3, 7.0), (64, 7.0)])
def test_the_last_job_decides(devices: int, hours: float) -> None:
    assert importlib.import_module("growth.model").makespan([2, 7, 3, 4], devices) == hours


@pytest.mark.slow
def test_operations_are_those_of_the_published_networks() -> None:
    """Of the 31 M U-Net at 256x256 and UA-MT's V-Net at 112x112x80: 96.2 and 80.2 GFLOP forward."""
    estimate = importlib.import_module("growth.estimate")
    networks = {row["network"]: row for row in estimate.recipes()}
    assert len(networks) == 19
    assert networks["gpt_o1"]["forward_gflop"] == pytest.approx(96.2, abs=0.1)
    assert networks["gpt_o1"]["step_gflop"] == pytest.approx(288.5, abs=0.1)
    protocols, jobs = estimate.table()
    (atrium,) = (row for row in protocols if row["protocol"] == "la_8")
    assert atrium["window_gflop"] == pytest.approx(80.2, abs=0.1)
    assert len(jobs) == 7 * 8 * 3
    assert len(estimate.study([*networks.values()])) == 19 * 6 * 3


def test_kernels_of_a_network_are_counted_with_their_traffic() -> None:
    """A 3x3 convolution of one to four channels by hand, and nnU-Net's published time."""
    roofline, estimate = (importlib.import_module(f"growth.{name}") for name in ("roofline", "estimate"))
    node = {"_target_": "torch.nn.Conv2d", "in_channels": 1, "out_channels": 4, "kernel_size": 3, "padding": 1}
    found = roofline.costs({**node, "bias": False}, (8, 8)).forward
    assert found.kernels == ((2.0 * 9 * 4 * 64, 2.0 * (64 + 4 * 64)),)
    slow, fast = roofline.Gpu("", flop=4608.0, bytes=1e9), roofline.Gpu("", flop=1e9, bytes=64.0)
    assert (found.seconds(slow), found.seconds(fast)) == (1.0, 10.0)
    # 44 TFLOP/s, 14 % of an A100's peak, and no more than its roofline
    assert 0.14 < estimate.reached() < 1


def test_the_suites_last_line_is_read() -> None:
    suite = opened("suite")
    assert suite.measured("x\n4246 passed, 3 warnings in 396.07s (0:06:36)\n") == {"tests": 4246, "seconds": 396.07}
    with pytest.raises(ValueError, match="last line"):
        suite.measured("1 failed in 3.0s")
