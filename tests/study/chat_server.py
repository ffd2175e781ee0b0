"""A server on loopback that speaks the chat-completions protocol, as well and as badly as it is told."""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

CUT, CUT_STREAM = "cut", "cut stream"
Action = int | str
"""An HTTP status, CUT (the connection ends before an answer), CUT_STREAM (in the middle), or an answer's text."""


class Server(ThreadingHTTPServer):
    """Does one action a request; `requests` has what was asked."""

    daemon_threads = True

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.actions = list(actions)
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        self.server.keys.append(self.headers["Authorization"])
        action = self.server.actions.pop(0)
        if action == CUT:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif isinstance(action, int):
            self._send(action, {"error": {"message": f"no, {self.headers['Authorization']}"}})
        elif body.get("stream"):
            self._stream(action)
        else:
            self._send(200, _whole(action))

    def _send(self, status: int, content: dict[str, Any]) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, action: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        text = "half of an ans" if action == CUT_STREAM else action
        chunks = [_chunk({"content": text[start : start + 40]}) for start in range(0, len(text), 40)]
        if action != CUT_STREAM:
            chunks += [_chunk({}, "stop"), {**_chunk({}), "choices": [], "usage": _usage(text)}]
        for chunk in chunks:
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        if action != CUT_STREAM:
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Silent."""


def _usage(text: str) -> dict[str, int]:
    return {"prompt_tokens": 100, "completion_tokens": len(text) // 4, "total_tokens": 100 + len(text) // 4}


def _facts(kind: str) -> dict[str, Any]:
    return {"id": "1", "object": kind, "created": 0, "model": "parrot-2026-01-01"}


def _whole(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_facts("chat.completion"), "choices": [choice], "usage": _usage(text)}


def _chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**_facts("chat.completion.chunk"), "choices": [choice]}


@contextmanager
def serving(*actions: Action) -> Iterator[Server]:
    """A running server."""
    server = Server(actions)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
