"""Files made to do harm: refused in a line, with little memory, and what they carry does not go off."""

import csv
import gzip
import os
import random
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import yaml
from nibabel.nifti1 import Nifti1Image

from llmseg.cli.chat_batch import Files, run_batch
from llmseg.language.writing import Generation, Written
from llmseg.runs import load
from tests.cli.conftest import TINY, call, runs_in
from tests.cli.writers import Stub
from tests.inference.make_run import threshold_run
from tests.torture.child import Child, done, last_line
from tests.torture.child_errors import told
from tests.torture.jobs.training import SCORED, SHORT, scans
from tests.torture.row import Row

GIB = 1 << 30
LITTLE_MB = 600  # beyond what a process has that has imported everything
TABLE_MB = 3000
MILLION = 1_000_000


def rows(place: Path, seed: int) -> Iterator[Row]:
    """One row each."""
    yield scan_bombs(place / "scans")
    yield checkpoint_bombs(place / "runs")
    yield table_of_a_million_rows(place / "table", seed)


class Bomb:
    """Runs a command where a pickle that has it is read carelessly."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.mark}'",)


def scan_bombs(place: Path) -> Row:
    """Headers that lie and files that inflate, through the commands that read scans."""
    place.mkdir(parents=True)
    start = time.monotonic()
    run = threshold_run(place / "run", 2)
    faults, peak, tries = [], 0.0, 0
    for name, content in _scans().items():
        folder = place / name.replace(" ", "_")
        for path in (folder / "imagesTr" / "a_0000.nii.gz", folder / "labelsTr" / "a.nii.gz"):
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
        scan = folder / "imagesTr" / "a_0000.nii.gz"
        (folder / "dataset.json").write_text(
            '{"channel_names": {"0": "T1"}, "labels": {"background": 0, "one": 1}, "numTraining": 1,'
            ' "file_ending": ".nii.gz"}'
        )
        data = ("data=nnunet", f"data.root={folder}")
        for words in (
            ("predict", f"run={run}", f"input={scan}", f"output={folder / 'out'}", "accelerator=cpu"),
            (
                "train",
                *TINY,
                *data,
                "data.split.test=0",
                "evaluate=false",
                f"paths.runs={folder / 'runs'}",
                f"paths.cache={folder / 'cache'}",
            ),
        ):
            child = done(lambda words=words: call(*words), folder / words[0], 120, memory_mb=8 * 1024)  # type: ignore[misc]
            tries += 1
            peak = max(peak, child.peak_mb)
            faults += [f"{name}, {words[0]}: {fault}" for fault in _refused(child, "a")]
    note = f"at most {peak:.0f} MB more than at rest"
    return Row(
        "NIfTI headers that lie, zip bombs of many GB",
        tries,
        faults=tuple(faults),
        seconds=time.monotonic() - start,
        note=note,
    )


def _refused(child: Child, *words: str) -> Iterator[str]:
    if complaint := child.complaint(*words):
        yield complaint
    if child.peak_mb > LITTLE_MB:
        yield f"took {child.peak_mb:.0f} MB"


def _scans() -> dict[str, bytes]:
    """Each a few megabytes at most."""
    return {
        "32767 voxels each way": gzip.compress(_head((32767, 32767, 32767)) + bytes(1000)),
        "dimensions that overflow": gzip.compress(_head((32767, 32767, 2)) + bytes(1000)),
        "a small scan and 40 GB behind it": gzip.compress(_head((8, 8, 8)) + bytes(1024)) + _zeros(40),
        "40 GB as promised": gzip.compress(_head((3000, 3000, 2300))) + _zeros(40),
        "no header, 40 GB": _zeros(40),
    }


def _head(shape: tuple[int, int, int]) -> bytes:
    """A NIfTI-1 header that promises so many voxels of 16 bits."""
    image = Nifti1Image(np.zeros((1, 1, 1), np.int16), np.eye(4))
    image.header.set_data_offset(352)
    content = bytearray(image.header.binaryblock + bytes(4))
    content[42:48] = np.array(shape, "<i2").tobytes()
    content[108:112] = np.array([352], "<f4").tobytes()
    return bytes(content)


def _zeros(gib: int) -> bytes:
    """So many GiB of zeros, packed: one member, over and over."""
    member = gzip.compress(bytes(GIB // 16))
    return member * (16 * gib)


def checkpoint_bombs(place: Path) -> Row:
    """Checkpoints and configurations that name os.system, through everything that opens runs."""
    place.mkdir(parents=True)
    start = time.monotonic()
    trained = done(lambda: _train(place), place / "train", 120)
    if trained.code:
        return Row("checkpoints that carry code", 0, faults=(last_line(trained.stderr),))
    (good,) = runs_in(place / "runs")
    faults, tries = [], 0
    for kind, arm in KINDS.items():
        for name, use in _uses(place).items():
            run, mark = place / "armed" / "run", place / "mark"
            shutil.rmtree(run.parent, ignore_errors=True)
            shutil.copytree(good, run)
            arm(run, mark)
            child = done(lambda use=use, run=run: use(run), place / "process", 60)  # type: ignore[misc]
            tries += 1
            if mark.exists():
                faults.append(f"{kind}, {name}: WENT OFF")
                mark.unlink()
            elif complaint := child.complaint():
                faults.append(f"{kind}, {name}: {complaint}")
    return Row(
        "checkpoints and configurations that carry code", tries, faults=tuple(faults), seconds=time.monotonic() - start
    )


def _train(place: Path) -> int:
    data = (
        "data=nnunet",
        f"data.root={scans(place)}",
        f"paths.runs={place / 'runs'}",
        f"paths.cache={place / 'cache'}",
    )
    return call("train", *TINY, *SHORT, *SCORED, *data, "trainer.max_epochs=1", "evaluate=false")


def _uses(place: Path) -> dict[str, Callable[[Path], int]]:
    """All that opens the checkpoints of a run."""
    out, cache = place / "out", f"paths.cache={place / 'cache'}"
    scan = next((place / "scans" / "imagesTr").iterdir())

    return {
        "resume": lambda run: call("train", f"resume={run}", "trainer.max_epochs=2"),
        "evaluate": lambda run: call("evaluate", f"run={run}", f"output={out}", cache),
        "predict": lambda run: call("predict", f"run={run}", f"input={scan}", f"output={out}", "accelerator=cpu"),
        "export": lambda run: call("export", f"run={run}", f"output={out}"),
        "chat": lambda run: call("chat", f"run={run}", f"in_csv={place / 'no.csv'}", f"out_csv={place / 'out.csv'}"),
        "llmseg.runs.load": lambda run: told(lambda: load(run)),
    }


def _pickled(run: Path, mark: Path) -> None:
    for file in (run / "checkpoints").iterdir():
        torch.save({"state_dict": {}, "llmseg": {}, "bomb": Bomb(mark)}, file)


def _old_pickle(run: Path, mark: Path) -> None:
    for file in (run / "checkpoints").iterdir():
        torch.save(Bomb(mark), file, _use_new_zipfile_serialization=False)


def _inflated(run: Path, mark: Path) -> None:
    """A zip file, as checkpoints are, whose pickle is a gigabyte of zeros."""
    for file in (run / "checkpoints").iterdir():
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("a/data.pkl", "w") as pickle:
            for _ in range(64):
                pickle.write(bytes(GIB // 64))


def _configured(run: Path, mark: Path) -> None:
    """A configuration in which something else than a network is to be built."""
    call_it = {"_target_": "os.system", "command": f"touch '{mark}'"}
    for file in (run / "checkpoints").iterdir():
        content = torch.load(file, weights_only=True)
        content["llmseg"]["model"] |= call_it
        content["networks"] = {"net": content["llmseg"]["model"]}
        torch.save(content, file)
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["model"] |= call_it
    (run / "config.yaml").write_text(yaml.safe_dump(config))


KINDS: dict[str, Callable[[Path, Path], None]] = {
    "pickle": _pickled, "old pickle": _old_pickle, "a gigabyte of zeros": _inflated, "model": _configured,
}  # fmt: skip


class Quick(Stub):
    """Answers at once."""

    def write(self, reports: Sequence, how: Generation) -> Iterator[tuple[int, Written]]:
        """See `Writer.write`."""
        for number, report in enumerate(reports):
            yield number, Written(report.input[::-1])


def table_of_a_million_rows(place: Path, seed: int) -> Row:
    """A batch of a million rows of which the last hundred are missing; and a training that reads them."""
    place.mkdir(parents=True)
    start = time.monotonic()
    table, out = place / "in.csv", place / "out.csv"
    dice = random.Random(seed)
    words = ("no", "acute", "pleural", "effusion", "右肾", "低密度灶", "stable", '"quoted", with a comma')
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "INSTRUCTION", "RESPONSE"])
        writer.writerows([n, f"{n} {' '.join(dice.choices(words, k=9))}", "none"] for n in range(MILLION))
    child = done(lambda: _batch(table, out), place / "batch", 400)
    faults = [f"chat.py: {last_line(child.stderr)}"] * bool(child.code)
    lost = MILLION - _right(out) if out.exists() else MILLION
    faults += [f"took {child.peak_mb:.0f} MB"] * (child.peak_mb > TABLE_MB)
    note = f"{table.stat().st_size / 2**20:.0f} MB; {child.seconds:.0f} s, {child.peak_mb:.0f} MB more than at rest"
    return Row(
        "a batch of a million rows", MILLION, lost, faults=tuple(faults), seconds=time.monotonic() - start, note=note
    )


def _batch(table: Path, out: Path) -> int:
    import llmseg.language.journal as journal

    journal.os.fsync = lambda handle: None  # a million waits for a disk are the disk's, not ours
    run_batch(Quick, Files(table, out), Generation(batch_size=8))
    return 0


def _right(out: Path) -> int:
    with out.open(newline="", encoding="utf-8") as file:
        return len({row["id"] for row in csv.DictReader(file) if row["GENERATED"] == row["INSTRUCTION"][::-1]})
