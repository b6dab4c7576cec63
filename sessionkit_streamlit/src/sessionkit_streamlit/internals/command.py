# SPDX-License-Identifier: Apache-2.0
"""The command ``streamlit run``: its options, and what it takes for an app."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sessionkit_streamlit.internals.guard import guarded

if TYPE_CHECKING:
    import click


def run_options() -> list[click.Parameter]:
    """Return the options of ``streamlit run``, one for each setting of Streamlit."""

    def read() -> list[click.Parameter]:
        from streamlit.web.cli import main_run  # noqa: PLC0415 - loads the web server

        return [one for one in main_run.params if one.param_type_name == "option"]

    effect = "sessionkit run takes Streamlit's settings from .streamlit/config.toml alone"
    return guarded(read, "web.cli.main_run", effect, otherwise=[])


def holds_app(script: Path) -> bool:
    """Return whether the script makes an ``st.App`` itself, which ``streamlit run`` would serve."""

    def read() -> bool:
        from streamlit.web.server.app_discovery import discover_asgi_app  # noqa: PLC0415

        return bool(discover_asgi_app(script).is_asgi_app)

    effect = "a script that holds an st.App is run as a page"
    return guarded(read, "web.server.app_discovery.discover_asgi_app", effect, otherwise=False)
