"""Many people on the web page at once: everybody gets an answer, and gets their own."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tests.torture.child import done, last_line
from tests.torture.row import Row
from tests.web.make_runs import StubWriter, report_run, stub_ask

CLIENTS = 20
LIMIT = 120.0
EACH = 3


def rows(place: Path, seed: int) -> Iterator[Row]:
    """As many as may wait, several times; and twice as many, of whom some are sent away."""
    yield _row(place / "twenty", CLIENTS, CLIENTS * 2, "on the web page at once, three questions each")
    yield _row(place / "crowd", 2 * CLIENTS, 5, "at once where five may wait")


def _row(place: Path, clients: int, queue: int, what: str) -> Row:
    start = time.monotonic()
    child = done(lambda: _serve(place, clients, queue), place, LIMIT)
    title = f"{clients} clients {what}"
    if child.code:
        return Row(title, clients, faults=(last_line(child.stderr),), seconds=time.monotonic() - start)
    answers: list[list[Any]] = json.loads((place / "answers.json").read_text())
    own = sum(bool(said) and said.count(f"client {n} ") == 1 for n, said in answers)
    foreign = sum(bool(said) and f"client {n} " not in said for n, said in answers)
    full = sum(said is None for _, said in answers)
    lost = len(answers) - own - foreign - full
    faults = ["nobody was sent away"] * (queue < clients and not full) + ["somebody was sent away"] * (
        queue >= clients and full > 0
    )
    note = f"{own} own answers, {full} told that the queue is full"
    return Row(title, len(answers), lost, foreign, tuple(faults), time.monotonic() - start, note)


def _serve(place: Path, clients: int, queue: int) -> int:
    """The page, and its visitors as threads."""
    from llmseg.language.writing import Generation
    from llmseg.web import server
    from llmseg.web.models import Loaders
    from llmseg.web.offers import find_offers
    from llmseg.web.page import Settings, build

    place.mkdir(exist_ok=True)
    server.prepare(place)
    offers = find_offers([report_run(place / "run")])

    def segment(source: Path, folder: Path) -> None:
        raise AssertionError("nobody asked for a mask")

    loaders = Loaders(lambda run: StubWriter(), lambda run: segment, lambda run: stub_ask)  # type: ignore[arg-type,return-value]
    page = build(offers, loaders, Settings(place, Generation(), queue=queue, examples=False))
    url = server.launch(page, "127.0.0.1", None, 1).rstrip("/")
    function = next(number for number, each in page.fns.items() if each.concurrency_id == "model")
    name = offers[0].name
    with ThreadPoolExecutor(clients) as pool:
        said = list(pool.map(lambda number: _visit(url, function, name, number), range(clients)))
    (place / "answers.json").write_text(json.dumps([pair for pairs in said for pair in pairs]))
    page.close()
    return 0


def _visit(url: str, function: int, run: str, number: int) -> Sequence[tuple[int, str | None]]:
    """Ask several times, as the page does; None where there was no room in the queue."""
    answers = []
    with httpx.Client(timeout=LIMIT, trust_env=False) as client:
        for question in range(EACH):
            session = f"client{number}question{question}"
            asked = {
                "data": [run, "Summarise.", "", f"client {number} asks question {question}"], "fn_index": function,
                "session_hash": session, "event_data": None, "trigger_id": None,
            }  # fmt: skip
            joined = client.post(f"{url}/gradio_api/queue/join", json=asked)
            if joined.status_code == 503:
                answers.append((number, None))
                continue
            joined.raise_for_status()
            answers.append((number, _answer(client, f"{url}/gradio_api/queue/data?session_hash={session}")))
    return answers


def _answer(client: httpx.Client, address: str) -> str | None:
    """What the page would show in the end; "" for an error."""
    with client.stream("GET", address) as stream:
        for line in stream.iter_lines():
            if not line.startswith("data: "):
                continue
            event = json.loads(line.removeprefix("data: "))
            if event["msg"] == "process_completed":
                return str(event["output"]["data"][0]) if event["success"] else ""
            if event["msg"] == "queue_full":
                return None
    return ""
