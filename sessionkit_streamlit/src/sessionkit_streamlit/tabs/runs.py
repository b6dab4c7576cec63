# SPDX-License-Identifier: Apache-2.0
"""
The runs under way, and the sessions that they use: what a run changes is looked at before it ends.

A run that waits for a model, streams an answer or shows a dashboard takes long, and its end is where changes are captured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import ref

from sessionkit_streamlit.connection import CONNECTION_KEY, Connection
from sessionkit_streamlit.internals.state import peek

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.host import Keeper
    from sessionkit.session import UserSession


class RunUse(NamedTuple):
    """
    What a run uses.

    Attributes:
        keeper: The manager.
        session: The session.
        use: What the manager has of that.
        run: The run's context, weakly: where Streamlit lets go of it the use is over, too.
    """

    keeper: Keeper
    session: UserSession
    use: object
    run: ref[ScriptRunContext]


class Runs:
    """The runs of the script and of fragments that are under way; each is used by its own thread, as a rule."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[int, RunUse | None] = {}

    def use(self, run: ScriptRunContext, keeper: Keeper, session: UserSession) -> None:
        """Note that a run uses a session, until it ends or goes on with another one."""
        name = id(run)  # a context has no hash
        known = self._known.get(name)
        if known is not None and known.session is session:
            return
        let_go = ref(run, lambda _: self._end(name))
        self._known[name] = RunUse(keeper, session, keeper.begin_use(session), let_go)
        if known is not None:
            known.keeper.end_use(known.use)

    def sends(self, run: ScriptRunContext) -> None:
        """Note that a run sends something: a fragment's may ask for no session, and change one that it has."""
        if id(run) in self._known:
            return
        self._known[id(run)] = None  # one look is enough
        connection = peek(run, CONNECTION_KEY)
        if not isinstance(connection, Connection):
            return
        if connection.live_session is not None and connection.keeper is not None:
            self.use(run, connection.keeper, connection.live_session)

    def ended(self, run: ScriptRunContext) -> None:
        """Note that a run ended."""
        self._end(id(run))

    def _end(self, name: int) -> None:
        known = self._known.pop(name, None)
        if known is not None:
            known.keeper.end_use(known.use)


runs: Final = Runs()
