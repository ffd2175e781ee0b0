"""Serve the page, to this machine alone unless told otherwise."""

import os
import socket
from ipaddress import ip_address
from pathlib import Path

import gradio as gr
from httpx import HTTPError

from llmseg.errors import ConfigError, UserError, first_line

_PORTS = 65535
_SESSIONS = 20  # visitors whose scans are held in memory
_FONTS = ("ui-sans-serif", "system-ui", "Noto Sans CJK SC", "sans-serif")
_MONO = ("ui-monospace", "Consolas", "monospace")


def prepare(scratch: Path) -> None:
    """Keep Gradio's files in one folder, and Gradio from calling home; to be called before a page is built."""
    uploads = scratch / "uploads"
    uploads.mkdir(exist_ok=True)
    for name in ("NO_PROXY", "no_proxy"):  # Gradio asks its own address whether it is there
        given = os.environ.get(name)
        os.environ[name] = ",".join([*([given] if given else []), "127.0.0.1", "localhost"])
    os.environ |= {"GRADIO_TEMP_DIR": str(uploads), "GRADIO_ANALYTICS_ENABLED": "False"}


def check_address(host: str, port: int | None) -> None:
    """Try whether a page can be served there.

    Args:
        host: name or address.
        port: of TCP; None: any.

    Raises:
        ConfigError: no such host on this machine, or the port is taken.
    """
    if ":" in host:
        raise ConfigError(f"host={host}: give a name, or an address of IPv4 such as 127.0.0.1")
    if port is not None and not 1 <= port <= _PORTS:
        raise ConfigError(f"port={port}: give 1 to {_PORTS}, or null for a free one")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port or 0) if family == socket.AF_INET else address)
    except socket.gaierror as error:
        raise ConfigError(f"host={host}: no such address; 127.0.0.1 is this machine alone") from error
    except OSError as error:
        what = error.strerror or "cannot be used"
        raise ConfigError(f"host={host} port={port}: {what}; try another port, or port=null for a free one") from error


def is_local(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def launch(page: gr.Blocks, host: str, port: int | None, max_upload_mb: int) -> str:
    """Start to serve; returns at once, with the page's address.

    Args:
        page: see `llmseg.web.page.build`.
        host: name or address.
        port: None: a free one.
        max_upload_mb: largest file that is taken, in megabytes.

    Raises:
        UserError: it cannot be reached.
    """
    try:
        return _launched(page, host, port, max_upload_mb)
    except (OSError, ValueError, HTTPError) as error:
        raise UserError(f"host={host} port={port}: the page cannot be served ({first_line(error)})") from error


def _launched(page: gr.Blocks, host: str, port: int | None, max_upload_mb: int) -> str:
    _, url, _ = page.launch(
        server_name=host,
        server_port=port,
        max_file_size=f"{max_upload_mb}mb",
        share=False,
        show_error=False,
        quiet=True,
        prevent_thread_lock=True,
        inbrowser=False,
        allowed_paths=[],
        run_history=False,  # patients' texts would be kept in the browser
        footer_links=[],
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        state_session_capacity=_SESSIONS,
        theme=gr.themes.Default(font=_FONTS, font_mono=_MONO),
    )
    return url
