# SPDX-License-Identifier: Apache-2.0
"""What this plugin offers; importing it loads neither Streamlit nor the plugin's work."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from sessionkit.hookspecs import hookimpl

if TYPE_CHECKING:
    import click

    from sessionkit.events import SessionEvent
    from sessionkit.hookspecs import CommandFactory
    from sessionkit.host import Host, HostFactory
    from sessionkit.tokens import Tokens


def _host(  # noqa: PLR0913 - the keys of [hosts.streamlit]
    tokens: Tokens,
    *,
    resync: bool = True,
    handshake: bool = True,
    persist: tuple[str, ...] = (),
    never: tuple[str, ...] = (),
    live: bool | str = False,
    cookie_prefix: str = "",
    cookie_domain: str | None = None,
    cookie_path: str | None = None,
    cookie_secure: bool | None = None,
    cookie_samesite: Literal["lax", "strict", "none"] | None = None,
    cookie_max_age: timedelta | None = None,
) -> Host:
    """
    Make the host.

    Args:
        tokens: The app's own, given by the manager.
        resync: Whether a tab that was left open through a restart rebuilds by itself.
        handshake: Whether a browser without our middleware's cookie keeps its id by script.
        persist: Keys that are kept of all pages, without a line of ours in them, or patterns of keys.
        never: Names of what is never stored of any page, or patterns of them.
        live: Whether what is typed into kept fields is sent after each pause, or the pause, such as ``"1s"``.
        cookie_prefix: What stands before the cookie's name, such as ``__Host-``.
        cookie_domain: The domain whose hosts get the cookie, too; None for this host alone.
        cookie_path: The path that the cookie is sent to; None for the app's base path.
        cookie_secure: Whether the cookie is sent over https alone; None where the page came so.
        cookie_samesite: Whether pages of other sites have it sent; None is ``"lax"``.
        cookie_max_age: For how long the browser keeps the cookie at most; it never outlives the session.
    """
    from sessionkit_streamlit.browser.cookie_options import cookie_options  # noqa: PLC0415 - with the host
    from sessionkit_streamlit.browser.gate import gate  # noqa: PLC0415 - the same
    from sessionkit_streamlit.browser.unchanged import check_names  # noqa: PLC0415 - loads Streamlit
    from sessionkit_streamlit.host import StreamlitHost  # noqa: PLC0415 - the same
    from sessionkit_streamlit.widgets.kept import check_live  # noqa: PLC0415 - the same

    said: dict[str, Any] = {
        "cookie_prefix": cookie_prefix,
        "cookie_domain": cookie_domain,
        "cookie_path": cookie_path,
        "cookie_secure": cookie_secure,
        "cookie_samesite": cookie_samesite,
        "cookie_max_age": cookie_max_age,
    }
    options = cookie_options(**{**said, **gate.given})
    check_names(persist=persist, never=never)
    check_live(live)
    return StreamlitHost(
        tokens,
        resync=resync,
        handshake=handshake,
        cookie=options,
        persist=persist,
        never=never,
        live=live,
    )


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
