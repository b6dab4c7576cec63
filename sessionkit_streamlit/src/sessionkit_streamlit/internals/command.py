# SPDX-License-Identifier: Apache-2.0
"""The command ``streamlit run``: its options, what it takes for an app, and the secrets that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        from streamlit.web.server.app_discovery import discover_asgi_app  # noqa: PLC0415 - it may have moved

        return bool(discover_asgi_app(script).is_asgi_app)

    effect = "a script that holds an st.App is run as a page"
    return guarded(read, "web.server.app_discovery.discover_asgi_app", effect, otherwise=False)


def load_secrets(script: Path, settings: Mapping[str, Any]) -> bool:
    """
    Have Streamlit read its secrets, as it does when a server starts: what stands at their root goes into the environment.

    Args:
        script: The page's absolute path.
        settings: Streamlit's settings by name, such as ``secrets.files``.

    Returns:
        Whether they are there now, if there are any.
    """

    def read() -> bool:
        from streamlit import config, secrets  # noqa: PLC0415 - loads Streamlit

        config._main_script_path = str(script)  # noqa: SLF001 - as streamlit run does
        config.get_config_options(force_reparse=True, options_from_flags=dict(settings))
        secrets.load_if_toml_exists()
        return True

    effect = "wrong settings of sessionkit are shown by the page, not by sessionkit run"
    return guarded(read, "config._main_script_path", effect, otherwise=False)
