"""A study from its configuration to its score."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from llmseg.cli import build
from llmseg.cli.console import log
from llmseg.cli.judge import StudyScorer, beside
from llmseg.data.datamodule import SegmentationData
from llmseg.errors import ConfigError, UserError
from llmseg.runs import RunFolder
from llmseg.runs.environment import environment
from llmseg.runs.labels import STUDY
from llmseg.study import nnunet, sandbox
from llmseg.study.client import Client, connect
from llmseg.study.loop import GAVE_UP, RAN, Budget, Ended, Loop
from llmseg.study.prompts import Prompt
from llmseg.study.record import write_record
from llmseg.study.workspace import Workspace, make_workspace
from llmseg.study.written import SLICES, Written


@dataclass(frozen=True)
class Plan:
    """A study that is known to be possible.

    Attributes:
        config: plain and complete.
        client: the author; None for nnU-Net, which writes no code.
        prompt: what it is asked.
        data: prepared.
        workspace: what its programs see.
        limits: of one run of a program.
    """

    config: dict[str, Any]
    client: Client | None
    prompt: Prompt
    data: SegmentationData
    workspace: Workspace
    limits: sandbox.Limits

    @property
    def model(self) -> str:
        """The author's name in tables."""
        return self.client.model if self.client else str(self.config["author"]["model"])

    @property
    def isolated(self) -> bool:
        """Whether programs run in the sandbox."""
        return bool(self.config["sandbox"]["isolation"] != "none")


def open_plan(config: dict[str, Any]) -> Plan:
    """Check all that can be checked before the author is asked.

    Raises:
        UserError: no such author, a key or package is missing, data that don't fit, or nothing here isolates.
    """
    limits = _limits(config["sandbox"])
    budget = config["budget"]
    if min(budget["rounds"], budget["tokens"]) < 1 or budget["minutes"] <= 0:
        raise ConfigError(f"budget={budget}: give positive numbers")
    prompt = Prompt.of(config["prompt"])
    author = config["author"]
    if author["client"] == "nnunet":
        nnunet.require_nnunet()
    client = None if author["client"] == "nnunet" else connect(author)
    if client and config["sandbox"]["isolation"] != "none":
        sandbox.require_isolation()
    cache = Path(config["paths"]["cache"])
    data = build.build_data(config["data"], prompt.spatial_dims, cache, config["seed"])
    data.prepare()
    workspace = make_workspace(data, cache / "study", config["seed"])
    plan = Plan(config, client, prompt, data, workspace, limits)
    # as a training would be called: tables of runs read studies too
    config["choices"] = {**config["choices"], "method": STUDY, "model": plan.model}
    return plan


def conduct(plan: Plan, run: RunFolder) -> tuple[Ended, float | None]:
    """Let the author work, score what its program predicted, and print both.

    Returns:
        How it ended, and our mean Dice.
    """
    _write_facts(plan, run)
    force = _in_force(plan)
    ended = _reference(plan, run) if plan.client is None else _loop(plan, run, plan.client, force)
    dice = None
    if ended.state == RAN:
        summary = _judge(plan, run, ended)
        dice = summary["mean"]["dice"]
    write_record(run, plan.config, plan.model, plan.prompt, force, ended)
    _say(plan, run, ended, dice)
    return ended, dice


def _write_facts(plan: Plan, run: RunFolder) -> None:
    assert plan.data.split is not None
    if not (run.path / "environment.json").is_file():
        run.write_json("environment.json", environment())
    slices = run.path / SLICES
    if slices.is_file() and json.loads(slices.read_text()) != json.loads(plan.workspace.to_json()):
        raise UserError(f"resume={run.path}: the data have changed since: its predictions are of other images")
    run.write_json("split.json", json.loads(plan.data.split.to_json()))
    run.write_json(SLICES, json.loads(plan.workspace.to_json()))
    images = f"{plan.workspace.train} training and {len(plan.workspace.test)} test images"
    log.info(f"{run.path}: {plan.model} on {plan.data.config.name}, {images}")


def _loop(plan: Plan, run: RunFolder, client: Client, force: Mapping[str, Any]) -> Ended:
    def note(ended: Ended) -> None:
        write_record(run, plan.config, plan.model, plan.prompt, force, ended)

    if not plan.isolated:
        log.warning("sandbox.isolation=none: what the author writes runs with your rights, and nothing holds it back")
    budget = Budget(**plan.config["budget"])
    price = plan.config["author"]["price"]
    loop = Loop(run.path, client, plan.prompt, plan.workspace, budget, plan.limits, sandbox.run, plan.isolated, price)
    return loop(note)


def _reference(plan: Plan, run: RunFolder) -> Ended:
    """Let nnU-Net train and predict; it is no author, so there are no rounds."""
    output = run.path / "rounds" / "1" / "predictions"
    nnunet.reference(plan.workspace, run.path / "nnunet", output, plan.config["author"]["options"])
    return Ended(RAN, None, ())


def _judge(plan: Plan, run: RunFolder, ended: Ended) -> dict[str, Any]:
    last = ended.rounds[-1].played if ended.rounds else None
    predictions = run.path / "rounds" / str(last.number if last else 1) / "predictions"
    options = {"checkpoints": ["last"], **plan.config["evaluation"]}
    written = Written(predictions, plan.workspace, plan.data.recipe)
    seconds = last.seconds if last else None
    summary = StudyScorer((run,), plan.data, "test", options, torch.device("cpu"), written, seconds)(run.path)
    beside(summary, run, Path(plan.config["paths"]["runs"]))
    return summary


def _say(plan: Plan, run: RunFolder, ended: Ended, dice: float | None) -> None:
    errors = sum(each.row()["error"] is not None for each in ended.rounds)
    how = f"{ended.state} after {len(ended.rounds)} round(s) with {errors} error(s)"
    why = f" ({ended.reason})" if ended.reason else ""
    score = "" if ended.state == GAVE_UP else f", Dice {'-' if dice is None else f'{dice:.3f}'}"
    log.info(f"{plan.model}: {how}{why}{score}")


def _limits(node: Mapping[str, Any]) -> sandbox.Limits:
    if node["isolation"] not in ("auto", "none"):
        raise ConfigError(f"sandbox.isolation={node['isolation']}: choose auto or none")
    values = {key: value for key, value in node.items() if key != "isolation"}
    if values["cpu_seconds"] is None:
        values["cpu_seconds"] = int(values["seconds"] * (os.cpu_count() or 1))
    if wrong := [key for key, value in values.items() if value <= 0]:
        raise ConfigError(f"sandbox.{wrong[0]}={values[wrong[0]]}: give a positive number")
    return sandbox.Limits(**values)


def _in_force(plan: Plan) -> dict[str, Any]:
    return {"isolated": plan.isolated, **(sandbox.in_force() if plan.isolated and plan.client else {})}
