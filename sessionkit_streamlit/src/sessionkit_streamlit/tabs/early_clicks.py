# SPDX-License-Identifier: Apache-2.0
"""
What a user presses in a tab that was left open, before the server that the tab has found by then has drawn its page.

Streamlit calls the callbacks of a request before its run. Of a button that this connection has
never drawn it knows none: the button would be pressed, and its callback not called. So the page is
drawn first, and what was pressed is served by runs after that: one for each request, in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessionkit_streamlit.internals.rerun import rerun_when_idle
from sessionkit_streamlit.internals.widgets import take_early

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit_streamlit.connection import Page


def set_early_aside(page: Page, run: ScriptRunContext) -> None:
    """Set aside what this run was asked for by and can't serve; a newer request may end the run before it drew the page."""
    if page.sees_ends:  # else nobody would see to it
        early = take_early(run)
        if early:
            page.early.append(early)


def serve_early(page: Page, run: ScriptRunContext) -> None:
    """
    Have what was set aside first served as soon as the tab is idle; that run's end sees to the rest.

    It stays where it is until then. The tab may lose its connection, and comes back with another run; and a page
    that shows another session by then is loaded anew: what was pressed there was meant for that one.
    """
    if page.early:
        rerun_when_idle(run.session_id, lambda: not page.strayed, 0.0, pressed=page.early)
