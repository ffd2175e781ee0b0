"""The networks that LLMs wrote: every function with three seeds, and all of them once."""

from typing import Any

from harness.result import read

from headline.claims import claim
from headline.nineteen import merged
from headline.numbers import Line, Part, duration, interval, p_value, paragraph, several, short, signed
from llmseg.study.authors import authors

CANONICAL = "gpt_o1"
_DATA = {"hippocampus": "hippocampus", "la": "left atrium"}
_EQUALS = {"gpt4o": "GPT-4o", "gemini15": "Gemini 1.5", "copilot": "Copilot"}
_NO_NORM = {
    "bing_copilot repaired": "Bing Copilot, repaired",
    "llama31 repaired": "LLaMA 3.1, repaired",
    "gpt4": "GPT-4",
}
_TWINS = (("claude35", "gpt_o1"), ("llama4", "deepseek_v3"))


def parts() -> dict[str, Part]:
    """The table of functions with its notes, its picture's caption, and an illustration on tumours."""
    values = read("table")["values"]
    return {
        "functions": functions(values["tables"]),
        "functions_notes": _notes(values),
        "functions_picture": _picture(values),
        "functions_time": _time(values),
        "tumour_slices": _tumours(read("tumour_slices")["rows"]),
    }


def written_by(network: str) -> str:
    """All LLMs that wrote a function."""
    return ", ".join(author.llm for author in authors().values() if author.network == network.removesuffix(" repaired"))


def functions(tables: dict[str, list[dict[str, Any]]]) -> list[Line]:
    """A row a function: mean, interval, range of the runs, difference from the canonical U-Net."""
    lines = []
    for network in [row["network"] for row in _dice(tables, "hippocampus").values()]:
        line = {"function": network, "written by": written_by(network)}
        for data, title in _DATA.items():
            row, test = _dice(tables, data)[network], _tests(tables, data).get(network)
            line[f"{title} [95 %]"] = f"{short(row['mean'])} {interval(row['low'], row['high'])}"
            line[f"{title}, range"] = short(_spread(tables, data)[network]["range"])
            line[f"{title}, against {CANONICAL} (p)"] = (
                f"{signed(test['difference'])} ({p_value(test['p_holm'])})" if test else ""
            )
        lines.append(line)
    return lines


def _notes(values: dict[str, Any]) -> str:
    tables = values["tables"]
    floor = {data: _spread(tables, data)[CANONICAL]["range"] for data in _DATA}
    gains = {data: max(row["difference"] for row in _tests(tables, data).values()) for data in _DATA}
    noise = paragraph(
        claim(
            all(_equal(values["runs"], *pair) for pair in _TWINS),
            "**The noise floor.** Claude 3.5's network with a seed gives the run of GPT o1's to the last digit, and "
            "so do Llama "
            "4's and DeepSeek V3's: what is left between two runs of one function is the seed,",
        ),
        f"{short(floor['hippocampus'])} on hippocampus and {short(floor['la'])} on left atrium for `{CANONICAL}`.",
        claim(
            all(gains[data] <= floor[data] for data in _DATA),
            "No network is better than the canonical U-Net by more than that.",
        ),
        "The tests see smaller differences (they pair cases); a new seed may turn them.",
        bullet=True,
    )
    budget = "- The budget is small, so this is how fast networks learn as much as how good they become."
    return "\n".join([noise, _wiring(tables, floor), _no_norm(), budget])


def _wiring(tables: dict[str, list[dict[str, Any]]], floor: dict[str, float]) -> str:
    equal = all(
        abs(_tests(tables, data)[f"{name} repaired"]["difference"]) <= floor[data] for data in _DATA for name in _EQUALS
    )
    costs = []
    for name in _EQUALS:
        means = [_dice(tables, data) for data in _DATA]
        lost = (short(mean[f"{name} repaired"]["mean"] - mean[name]["mean"]) for mean in means)
        costs.append(" and ".join(lost))
    return paragraph(
        claim(
            equal,
            f"**Wiring.** Repaired, the networks of {several(_EQUALS.values())} are the canonical U-Net's equals on "
            "both data "
            "sets. Their faults cost",
        ),
        f"{', '.join(costs)}.",
        bullet=True,
    )


def _no_norm() -> str:
    longer = {str(row["function"]): float(row["dice"]) for row in merged(read("nineteen_networks")["rows"])}
    reached = [f"{short(longer[name])} ({who})" for name, who in _NO_NORM.items()]
    return paragraph(
        "**No batch norm** (GPT-4, Bing Copilot, LLaMA 3.1, also repaired): at this budget they have hardly begun, "
        "and a seed",
        f"decides whether they have. With twice the steps they reached {several(reached)} on hippocampus (below).",
        bullet=True,
    )


def _picture(values: dict[str, Any]) -> str:
    found = values["friedman"]["hippocampus"]
    return paragraph(
        f"*Mean ranks over the {found['cases']} hippocampi (Friedman p {found['p']}); a bar joins networks that "
        "Nemenyi's test",
        "does not tell apart at 5 %. The left atria: `docs/images/ranks_la.png`. Drawn by `make notebooks "
        "RUNS=runs/table`.*",
    )


def _time(values: dict[str, Any]) -> str:
    took = f" in {duration(3600 * values['hours'])}" if values["hours"] else ""
    machine = "on two cores of that machine, most of the time beside other jobs"
    return f"`make table` repeats it: {len(values['runs'])} runs{took} {machine}."


def _tumours(rows: list[dict[str, Any]]) -> list[Line]:
    patients = sorted({str(row["left_out"]) for row in rows})
    lines: dict[str, Line] = {}
    for row in sorted(rows, key=lambda row: (row["model"] != CANONICAL, row["model"] != "gpt_o3", row["model"])):
        name = row["model"] + (" repaired" if row["repaired"] else "")
        lines.setdefault(name, {"network": name} | dict.fromkeys(patients, ""))[row["left_out"]] = short(row["dice"])
    return list(lines.values())


def _equal(runs: list[dict[str, Any]], one: str, other: str) -> bool:
    """Whether two networks have the same runs."""
    scores = [
        {(run["data"], run["seed"]): run["dice"] for run in runs if run["model"] == name and not run["repaired"]}
        for name in (one, other)
    ]
    return bool(scores[0]) and scores[0] == scores[1]


def _dice(tables: dict[str, list[dict[str, Any]]], data: str) -> dict[str, dict[str, Any]]:
    return {row["network"]: row for row in tables[f"{data}: Dice of each network"]}


def _tests(tables: dict[str, list[dict[str, Any]]], data: str) -> dict[str, dict[str, Any]]:
    return {row["network"]: row for row in tables[f"{data}: paired Wilcoxon tests over cases, Holm, effect sizes"]}


def _spread(tables: dict[str, list[dict[str, Any]]], data: str) -> dict[str, dict[str, Any]]:
    return {row["network"]: row for row in tables[f"{data}: spread of the runs of each network"]}
