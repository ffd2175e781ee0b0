"""Where the page is served, and what it shows when something fails."""

import logging
import os
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import pytest

from llmseg.errors import ConfigError, DataError
from tests.cli.conftest import call
from tests.conftest import Refusal
from tests.web.make_runs import report_run

gr = pytest.importorskip("gradio")
guard = pytest.importorskip("llmseg.web.guard")
server = pytest.importorskip("llmseg.web.server")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("192.168.1.4", False),
        ("pc", False),
    ],
)
def test_addresses_that_others_can_reach_are_known(host: str, local: bool) -> None:
    assert server.is_local(host) == local


def test_an_address_that_cannot_be_served_at_is_refused() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port={port}: Address already in use; try another"):
            server.check_address("127.0.0.1", port)
    with pytest.raises(ConfigError, match="port=70000: give 1 to 65535"):
        server.check_address("127.0.0.1", 70000)
    with pytest.raises(ConfigError, match=r"host=203\.0\.113\.9"):
        server.check_address("203.0.113.9", None)
    server.check_address("127.0.0.1", None)


def test_a_users_mistake_is_shown_in_its_own_words() -> None:
    def handler() -> None:
        raise DataError("<b>.nii.gz: not a scan")

    with pytest.raises(gr.Error) as caught:
        guard.guarded(handler)()
    assert caught.value.message == "&lt;b&gt;.nii.gz: not a scan"


def test_a_mistake_of_ours_goes_to_the_console_alone(caplog: pytest.LogCaptureFixture) -> None:
    def handler() -> None:
        raise KeyError("/home/secret")

    logging.getLogger("llmseg").propagate = True
    with pytest.raises(gr.Error) as caught:
        guard.guarded(handler)()
    assert "secret" not in caught.value.message
    assert caught.value.message.startswith("Something went wrong")
    assert "KeyError: '/home/secret'" in caplog.text


@pytest.mark.parametrize(
    ("word", "code", "text"),
    [
        ("run=nowhere", 1, "run=nowhere: no run with a checkpoint"),
        ("run=[]", 1, "at least one"),
        ("checkpoint=first", 2, "checkpoint=first"),
        ("max_upload_mb=0", 2, "max_upload_mb=0"),
        ("max_new_tokens=0", 2, "max_new_tokens=0"),
        ("port=70000", 2, "port=70000"),
        ("accelerator=tpu", 2, "accelerator"),
        ("prot=80", 2, "did you mean port?"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(
    tmp_path: Path, refusal: Refusal, word: str, code: int, text: str
) -> None:
    words = {"run": f"run={report_run(tmp_path / 'run')}", "accelerator": "accelerator=cpu"}
    words[word.partition("=")[0]] = word
    assert call("app", *words.values()) == code
    refusal(text)


def status(url: str) -> int:
    try:
        return int(build_opener(ProxyHandler({})).open(url).status)
    except HTTPError as error:
        return error.code


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_command_serves_the_page_and_no_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    found: list[int] = []

    def visit(page: gr.Blocks) -> None:
        other = Path(os.environ["GRADIO_TEMP_DIR"]).parent / "other.txt"
        other.write_text("x")
        paths = (
            "",
            "config",
            f"gradio_api/file={other}",
            f"gradio_api/file={__file__}",
            "gradio_api/file=conf/app.yaml",
        )
        found.extend(status(f"http://127.0.0.1:{page.server_port}/{path}") for path in paths)
        page.close()

    monkeypatch.setattr(gr.Blocks, "block_thread", visit)
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED"):
        monkeypatch.setenv(name, "")  # so that what the command sets is taken back
    assert call("app", f"run={report_run(tmp_path / 'run')}", "accelerator=cpu", "port=null", f"host={host}") == 0
    assert found == [200, 200, 403, 403, 403]
    text = capsys.readouterr().out
    assert "1 run(s) at http://" in text
    assert ("warning: host=0.0.0.0" in text) == (host == "0.0.0.0")
    assert not Path(os.environ["GRADIO_TEMP_DIR"]).exists()
