# SPDX-License-Identifier: Apache-2.0
"""Reruns a tab from outside: while nobody uses it, on Streamlit's own event loop."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streamlit import runtime

from sessionkit_streamlit.internals.guard import guarded

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

_FIRST_LOOK: Final = 0.2
_LATER_LOOKS: Final = 2.0
"""Seconds between two looks whether a busy tab is idle, at first and at most."""

_EFFECT: Final = "a tab left open shows what others changed only when it is used"
_UNTOLD: Final = "what a run that nobody asked for changed may be taken for the user's doing"


def request_of(run: ScriptRunContext) -> Any:  # noqa: ANN401 - Streamlit's
    """Return what asked for a run, the same object for all runs that it led to; None if unknown."""

    def read() -> Any:  # noqa: ANN401 - Streamlit's
        return run.script_requests._rerun_data  # type: ignore[union-attr]  # noqa: SLF001

    return guarded(read, "ScriptRequests._rerun_data", _UNTOLD, otherwise=None)


def of_script(request: Any) -> bool:  # noqa: ANN401 - Streamlit's
    """Return whether the whole script runs, not just fragments of it; also if nobody knows."""

    def read() -> bool:
        return not request.fragment_id_queue

    return request is None or guarded(read, "RerunData.fragment_id_queue", _UNTOLD, otherwise=True)


def by_timer(request: Any) -> bool:  # noqa: ANN401 - Streamlit's
    """Return whether a fragment's timer asked, and nobody else."""

    def read() -> bool:
        return request.is_auto_rerun and len(request.fragment_id_queue) == 1

    return request is not None and guarded(
        read, "RerunData.is_auto_rerun", _UNTOLD, otherwise=False
    )


def by_browser(request: Any) -> bool:  # noqa: ANN401 - Streamlit's
    """Return whether a request surely came from the browser: it brought values of widgets."""

    def read() -> bool:
        return bool(request.widget_states and request.widget_states.widgets)

    return request is not None and guarded(
        read, "RerunData.widget_states", _UNTOLD, otherwise=False
    )


def rerun_when_idle(
    tab: str,
    wanted: Callable[[], bool],
    after: float,
    fragment: str | None = None,
    pressed: deque[Sequence[Any]] | None = None,
) -> bool:
    """
    Have a tab rerun as soon as it is idle; callable from any thread, never blocks.

    A run under way is never stopped for it: the click that it serves would be lost. And
    the browser has to have been sent what came before: Streamlit takes out of its queue
    what a fragment has drawn there when that fragment runs again, and a page with a gap
    is lost whole in the browser ("Bad delta path").

    Args:
        tab: What Streamlit calls it.
        wanted: Asked on Streamlit's event loop right before the rerun begins.
        after: Seconds to wait first.
        fragment: What Streamlit calls the fragment that alone is to run; None for the whole script.
        pressed: States of widgets, for each request those that came with it, oldest first. The rerun is the user's and
            serves the oldest of which something is on the page by then. Those are taken out when it begins, and so are
            those before; where none is there is no rerun.

    Returns:
        False when there is no way to do it.
    """
    loop = _loop()
    if loop is None:
        return False
    rerun = _Rerun(loop, tab, wanted, fragment, pressed)
    try:
        loop.call_soon_threadsafe(loop.call_later, after, rerun.attempt, _FIRST_LOOK)
    except RuntimeError:  # the loop is closed: the server ends
        return False
    return True


def _loop() -> AbstractEventLoop | None:
    def read() -> AbstractEventLoop:
        return runtime.get_instance()._get_async_objs().eventloop  # noqa: SLF001

    if not runtime.exists():
        return None
    return guarded(read, "Runtime._get_async_objs", _EFFECT, otherwise=None)


class _Rerun(NamedTuple):
    """One rerun that was asked for."""

    loop: AbstractEventLoop
    tab: str
    wanted: Callable[[], bool]
    fragment: str | None
    pressed: deque[Sequence[Any]] | None

    def attempt(self, patience: float) -> None:
        """Request it now if the tab is idle, else look again after some seconds."""
        session = _connected(self.tab)
        busy = None if session is None else _is_busy(session)
        if busy:
            later = min(patience * 1.5, _LATER_LOOKS)
            self.loop.call_later(patience, self.attempt, later)
        elif self.wanted() and busy is not None:
            # A tab that is gone asks itself when it comes back.
            _request(session, self.fragment, self.pressed)


def is_connected(tab: str) -> bool:
    """Return whether a browser shows a tab; one that was closed or loaded anew may be known for a while."""
    return _connected(tab) is not None


def _connected(tab: str) -> Any:  # noqa: ANN401 - Streamlit's
    def read() -> Any:  # noqa: ANN401 - Streamlit's
        info = runtime.get_instance()._session_mgr.get_active_session_info(tab)  # noqa: SLF001
        return None if info is None else info.session

    if not runtime.exists():
        return None
    return guarded(read, "Runtime._session_mgr", _EFFECT, otherwise=None)


def _is_busy(session: Any) -> bool | None:  # noqa: ANN401 - Streamlit's
    """
    Return whether a run is under way, or the browser has not been sent all of the last one; None if nobody knows.

    Clicks arrive, and messages are sent, on this thread, too.
    """

    def runs() -> bool | None:
        return session._scriptrunner is not None  # noqa: SLF001

    def waits() -> bool | None:
        return not session._browser_queue.is_empty()  # noqa: SLF001

    busy = guarded(runs, "AppSession._scriptrunner", _EFFECT, otherwise=None)
    if busy is not False:
        return busy
    return guarded(waits, "AppSession._browser_queue", _EFFECT, otherwise=None)


def _request(
    session: Any,  # noqa: ANN401 - Streamlit's
    fragment: str | None,
    pressed: deque[Sequence[Any]] | None,
) -> None:
    def ask() -> None:
        # The page and the address as they are, and no widget's value: Streamlit keeps what it has.
        asked = session._client_state  # noqa: SLF001
        if fragment is not None or pressed is not None:
            asked = type(asked)()
            asked.CopyFrom(session._client_state)  # noqa: SLF001
        if fragment is not None:
            asked.fragment_id, asked.is_auto_rerun = fragment, True
        if pressed is not None:
            known = session._session_state._new_widget_state.widget_metadata  # noqa: SLF001
            drawn: list[Any] = []
            while pressed and not drawn:
                drawn = [one for one in pressed.popleft() if one.id in known]
            if not drawn:
                return
            asked.widget_states.widgets.extend(drawn)
        session.request_rerun(asked)

    guarded(ask, "AppSession.request_rerun", _EFFECT, otherwise=None)
