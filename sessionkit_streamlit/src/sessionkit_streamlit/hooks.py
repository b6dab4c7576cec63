# SPDX-License-Identifier: Apache-2.0
"""What this plugin offers; importing it loads neither Streamlit nor the plugin's work."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sessionkit.hookspecs import hookimpl

if TYPE_CHECKING:
    import click

    from sessionkit.events import SessionEvent
    from sessionkit.hookspecs import CommandFactory
    from sessionkit.host import Host, HostFactory
    from sessionkit.tokens import Tokens


def _host(tokens: Tokens, *, resync: bool = True, handshake: bool = True) -> Host:
    """
    Make the host.

    Args:
        tokens: The app's own, given by the manager.
        resync: Whether a tab that was left open through a restart rebuilds by itself.
        handshake: Whether a browser without our middleware's cookie keeps its id by script.
    """
    from sessionkit_streamlit.host import StreamlitHost  # noqa: PLC0415 - loads Streamlit

    return StreamlitHost(tokens, resync=resync, handshake=handshake)


def _run() -> click.Command:
    from sessionkit_streamlit.launcher import run_command  # noqa: PLC0415 - loads Streamlit

    return run_command()


def _demo() -> click.Command:
    from sessionkit_streamlit.launcher import demo_command  # noqa: PLC0415 - loads Streamlit

    return demo_command()


@hookimpl
def sessionkit_hosts() -> Mapping[str, HostFactory]:
    """Offer the host for code that Streamlit runs."""
    return {"streamlit": _host}


@hookimpl
def sessionkit_commands() -> Mapping[str, CommandFactory]:
    """Offer ``sessionkit run`` and ``sessionkit demo``."""
    return {"run": _run, "demo": _demo}


@hookimpl
def sessionkit_event(event: SessionEvent) -> None:
    """Have tabs left open show what changed, where the settings say ``watch``."""
    if "sessionkit_streamlit.host" in sys.modules:
        from sessionkit_streamlit.tabs.tabs import rerun_changed_tabs  # noqa: PLC0415 - there are no tabs without a host

        rerun_changed_tabs(event)
