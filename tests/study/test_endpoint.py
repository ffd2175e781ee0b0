"""The client against a real HTTP server on loopback."""

import traceback
from dataclasses import asdict
from typing import Any

import pytest

from llmseg.errors import ConfigError, UserError
from llmseg.study.config import AuthorConfig
from llmseg.study.endpoint import Endpoint
from tests.study.chat_server import CUT, CUT_STREAM, Action, Server, serving

pytest.importorskip("openai")
KEY = "sk-very-secret-key"
ASKED = [{"role": "user", "content": "hello"}]


def author(server: Server | None = None, **changes: Any) -> dict[str, Any]:
    url = server.url if server else "http://127.0.0.1:9/v1"
    node = AuthorConfig(name="openai", client="openai", model="parrot", base_url=url, key_variable="STUDY_TEST_KEY")
    return {**asdict(node), "timeout": 30.0, **changes}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_TEST_KEY", KEY)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_with_what_it_cost(stream: bool) -> None:
    with serving("a long answer, " * 20) as server:
        reply = Endpoint(author(server, stream=stream, temperature=0.5, seed=3, options={"top_k": 7})).ask(ASKED)
    assert reply.content == "a long answer, " * 20
    assert (reply.tokens_in, reply.tokens_out, reply.finish_reason) == (100, 75, "stop")
    assert reply.model == "parrot-2026-01-01"
    assert reply.seconds > 0
    (request,) = server.requests
    assert (request["temperature"], request["seed"], request["top_k"]) == (0.5, 3, 7)
    assert "max_tokens" not in request
    assert request["messages"] == ASKED
    assert server.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    ("actions", "stream"),
    [((429, CUT, "yes"), False), ((503, CUT, CUT_STREAM, "yes"), True)],
    ids=["whole", "stream"],
)
def test_what_passes_is_tried_again(actions: tuple[Action, ...], stream: bool) -> None:
    pauses: list[float] = []
    with serving(*actions) as server:
        reply = Endpoint(author(server, stream=stream, wait=1.5), pauses.append).ask(ASKED)
    assert reply.content == "yes"
    assert len(server.requests) == len(actions)
    assert pauses == [1.5 * 2**attempt for attempt in range(len(actions) - 1)]


@pytest.mark.parametrize(("status", "asked"), [(401, 1), (400, 1), (500, 3)])
def test_what_stays_is_one_line_without_the_key(status: int, asked: int) -> None:
    with serving(*[status] * asked) as server, pytest.raises(UserError, match=f"answered {status}") as caught:
        Endpoint(author(server, retries=2), lambda _: None).ask(ASKED)
    assert len(server.requests) == asked
    assert "\n" not in str(caught.value)
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_key_that_comes_back_is_not_kept() -> None:
    with serving(f"your key is {KEY}!") as server:
        assert Endpoint(author(server)).ask(ASKED).content == "your key is ***!"


def test_nobody_there() -> None:
    with pytest.raises(UserError, match=r":9/v1 cannot be used \(APIConnectionError: is a server running there\?\)"):
        Endpoint(author(retries=1), lambda _: None).ask(ASKED)


def test_missing_key_and_addresses_with_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="leave out user, password"):
        Endpoint(author(base_url="https://me:secret@example.org/v1"))
    with pytest.raises(ConfigError, match="give an address"):
        Endpoint(author(base_url="example.org"))
    monkeypatch.delenv("STUDY_TEST_KEY")
    with pytest.raises(UserError, match="set the environment variable STUDY_TEST_KEY"):
        Endpoint(author())
    Endpoint(author(key_variable=None))
