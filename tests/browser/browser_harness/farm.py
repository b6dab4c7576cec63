# SPDX-License-Identifier: Apache-2.0
"""Starts servers in every way that users start them, and replicas behind a proxy."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import attrs
from browser_harness.servers import HOST, PATIENCE_S, Server, free_port, listens, wait_for

HERE: Final = Path(__file__).parent
PAGES: Final = HERE.parent / "pages"
CONFIG: Final = """
storage = "sqlite"
[storages.sqlite]
url = "sqlite:///{folder}/sessions.db"
[persistence]
debounce_ms = 100
[security]
secret_key = "the key of the browser tests, as long as a key should be"
"""
STREAMLIT_CONFIG: Final = """
server.headless = true
server.fileWatcherType = "none"
browser.gatherUsageStats = false
"""
ASGI_APP: Final = """
import sessionkit_streamlit
import streamlit as st
app = st.App("{script}", **sessionkit_streamlit.app_options())
"""
AUTH: Final = """
[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "what Streamlit's own cookies are signed with in these tests"
"""
PROVIDER: Final = """
[auth.{name}]
client_id = "the app"
client_secret = "a secret that the provider does not look at"
server_metadata_url = "http://localhost:{port}/{name}/.well-known/openid-configuration"
"""


@attrs.define
class MovableProxy:
    """The front of several replicas, seen from a test."""

    port: int
    control_port: int

    @property
    def url(self) -> str:
        """Where the browser finds it."""
        return f"http://{HOST}:{self.port}/"

    def order(self, line: str) -> None:
        """Send one order (see proxy.py) and wait until it is obeyed."""
        with closing(socket.create_connection((HOST, self.control_port))) as control:
            control.sendall(f"{line}\n".encode())
            assert control.recv(16) == b"ok\n"

    def move_to(self, replica: int) -> None:
        """Cut every connection; new ones go to another replica."""
        self.order(f"up {replica}")
        self.order("cut")


@attrs.define
class Farm:
    """Starts servers over fresh folders, and ends them all."""

    new_folder: Callable[[], Path]
    started: list[Server]
    ending: ExitStack

    def start(self, way: str, page: str, *options: str, **more: Any) -> Server:
        """
        Start a page of ``pages/``.

        Args:
            way: ``app`` (uvicorn), ``streamlit-app`` (``streamlit run`` of an app), ``run``
                (``sessionkit run``), ``plain`` (``streamlit run``) or ``demo``.
            page: The script's file name; its folder's scripts all come along. Empty: no
                script, and no ``sessionkit.toml``.
            options: Further words of the command.
            more: ``base`` (a base path), ``beside`` (a server whose folder is shared),
                ``port`` (one that the server is told by other means), ``config``
                (added to ``.streamlit/config.toml``), ``secrets`` (the text of
                ``.streamlit/secrets.toml``; ``{port}`` in it is the server's), ``settings``
                (that of ``sessionkit.toml``) and ``files`` (texts of further ones, by name).
        """
        beside: Server | None = more.get("beside")
        folder = beside.folder if beside else self._furnished(page, more.get("config", ""))
        if "settings" in more:
            (folder / "sessionkit.toml").write_text(more["settings"])
        for name, text in more.get("files", {}).items():
            (folder / name).write_text(text)
        port = more.get("port") or free_port()
        if "secrets" in more:
            secrets = more["secrets"].replace("{port}", str(port))
            (folder / ".streamlit" / "secrets.toml").write_text(secrets)
        command = [*_command(way, page, None if "port" in more else port), *options]
        server = Server(way, folder, command, port, more.get("base", ""))
        self.started.append(server)
        self.ending.callback(self.started.remove, server)
        self.ending.callback(server.stop, signal.SIGKILL)
        server.start()
        return server

    def proxy(self, *servers: Server) -> MovableProxy:
        """Start a proxy in front of *servers*; it begins with the first."""
        proxy = MovableProxy(free_port(), free_port())
        upstreams = ",".join(str(server.port) for server in servers)
        self._run("proxy.py", proxy.port, proxy.control_port, upstreams, ready=proxy.control_port)
        return proxy

    def provider(self) -> str:
        """Start OpenID Connect providers; return the secrets of an app that knows two of them."""
        port = free_port()
        self._run("provider.py", port, ready=port)
        providers = (PROVIDER.format(name=name, port=port) for name in ("one", "two"))
        return AUTH + "".join(providers)

    def _run(self, script: str, *words: object, ready: int) -> None:
        command = [sys.executable, str(HERE / script), *map(str, words)]
        process = subprocess.Popen(command)  # noqa: S603 - a command of this file
        self.ending.callback(process.wait, PATIENCE_S)
        self.ending.callback(process.kill)
        wait_for(lambda: listens(ready), lambda: process.poll() is None, script)

    def _furnished(self, page: str, config: str) -> Path:
        folder = self.new_folder()
        (folder / ".streamlit").mkdir()
        (folder / ".streamlit" / "config.toml").write_text(STREAMLIT_CONFIG + config)
        if page:
            shutil.copytree(PAGES, folder, dirs_exist_ok=True)
            (folder / "sessionkit.toml").write_text(CONFIG.format(folder=folder))
            (folder / "asgi_app.py").write_text(ASGI_APP.format(script=page))
        return folder


def _command(way: str, page: str, port: int | None) -> list[str]:
    python = [sys.executable, "-m"]
    address = [f"--server.address={HOST}", *([f"--server.port={port}"] if port else [])]
    ways = {
        "app": [
            *python,
            "uvicorn",
            "asgi_app:app",
            f"--host={HOST}",
            f"--port={port}",
        ],
        "streamlit-app": [*python, "streamlit", "run", "asgi_app.py", *address],
        "run": [str(Path(sys.executable).with_name("sessionkit")), "run", page, *address],
        "plain": [*python, "streamlit", "run", page, *address],
        "demo": [str(Path(sys.executable).with_name("sessionkit")), "demo", *address],
    }
    return ways[way]
