"""OpenAI-compatible endpoints: a server on this machine in place of one."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from llmseg.errors import UserError
from llmseg.knowledge import default_knowledge, embed, endpoint
from llmseg.knowledge.authors import Sampling, load_author
from llmseg.knowledge.encoders import load_encoder

pytest.importorskip("openai")
KEY = "sk-secret-0123456789"


@pytest.fixture
def server(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "*")
    return httpserver


def vectors(request: Request) -> Response:
    """Each text as its length and its place, in an order that is not that of the question."""
    rows = [
        {"object": "embedding", "index": index, "embedding": [float(len(text)), float(index), 1.0]}
        for index, text in enumerate(request.get_json()["input"])
    ]
    return Response(json.dumps({"object": "list", "model": "m", "data": rows[::-1]}), mimetype="application/json")


def chat(text: str | None, finish: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "llm-2026-01-01",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }


def test_embeddings_come_in_order_and_with_norm_one(server: HTTPServer) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    server.expect_ordered_request("/v1/embeddings", "POST", headers=headers).respond_with_handler(vectors)
    found = load_encoder("openai:embed-3").encode(["abcd", "ab"])
    expected = torch.tensor([[4.0, 0, 1], [2, 1, 1]])
    torch.testing.assert_close(found, expected / expected.norm(dim=1, keepdim=True))
    (request, _) = server.log[0]
    assert request.get_json() == {"model": "embed-3", "input": ["abcd", "ab"], "encoding_format": "float"}


def test_embeddings_are_asked_for_once(server: HTTPServer, tmp_path: Path) -> None:
    server.expect_oneshot_request("/v1/embeddings").respond_with_handler(vectors)
    node = {**default_knowledge("left_atrium"), "encoder": "openai:embed-3"}
    first, again = (embed(node, ["left atrium"], tmp_path) for _ in range(2))
    assert first is not None
    assert again is not None
    assert first.vectors.shape == (1, 6, 3)
    assert first.vectors.equal(again.vectors)
    assert len(server.log) == 1
    assert KEY not in str(first) + "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*.safetensors"))


def test_name_has_the_place_but_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://me:secret@llm.example:8443/v1/")
    assert endpoint.place() == "llm.example:8443/v1"
    assert load_encoder("openai:embed").name == "openai:embed (llm.example:8443/v1)"
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert endpoint.place() == "api.openai.com/v1"


def test_key_is_needed_only_without_a_server_of_ones_own(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.expect_request("/v1/embeddings").respond_with_handler(vectors)
    monkeypatch.delenv("OPENAI_API_KEY")
    assert load_encoder("openai:embed").encode(["a"]).shape == (1, 3)
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(UserError, match="set the environment variable OPENAI_API_KEY"):
        load_encoder("openai:embed").encode(["a"])


def test_refusals_are_one_line_without_the_key(server: HTTPServer) -> None:
    body = {"error": {"message": f"Incorrect API key provided: {KEY}"}}
    server.expect_oneshot_request("/v1/embeddings").respond_with_json(body, status=401)
    server.expect_oneshot_request("/v1/embeddings").respond_with_json({"error": {"message": "no such\nmodel"}}, 404)
    server.expect_oneshot_request("/v1/embeddings").respond_with_json({"object": "list", "data": [], "model": "m"})
    for message in ("answered 401", "answered 404 .*no such model", "0 vectors for 1 texts|No embedding|ValueError"):
        with pytest.raises(UserError, match=message) as caught:
            load_encoder("openai:embed").encode(["a"])
        assert "\n" not in str(caught.value)
        assert KEY not in str(caught.value)


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(UserError, match=r"knowledge.encoder=openai:embed: 127.0.0.1:9/v1 cannot be reached"):
        load_encoder("openai:embed").encode(["a"])


def test_chat(server: HTTPServer) -> None:
    server.expect_ordered_request("/v1/chat/completions").respond_with_json(chat("It is\nround. And", "length"))
    server.expect_ordered_request("/v1/chat/completions").respond_with_json(chat(None))
    author = load_author("openai:org/llm", Sampling(temperature=0.5, seed=7, max_tokens=9))
    assert author.name == "org_llm"
    assert author.ask("What shape?") == ("It is\nround. And", False)
    assert author.version.endswith("llm-2026-01-01")
    sent = server.log[0][0].get_json()
    assert sent.pop("messages") == [{"role": "user", "content": "What shape?"}]
    assert sent == {"model": "org/llm", "temperature": 0.5, "seed": 7, "max_tokens": 9}
    assert load_author("openai:llm", Sampling(None, None, None)).ask("?") == ("", True)
    assert set(server.log[1][0].get_json()) == {"model", "messages"}
