# SPDX-License-Identifier: Apache-2.0
"""Who comes to a page, and what others have left there."""

from __future__ import annotations

from session_harness.servers import Server, Tab

from sessionkit.events import RestoreRefused
from sessionkit.session import UserSession

ALICE, BOB = "https://login|alice", "https://login|bob"


def keep(server: Server, session_id: str, **fields: object) -> UserSession:
    """Store a session, as somebody's browser left it."""
    session = UserSession(session_id=session_id, **fields)  # type: ignore[arg-type]
    server.manager.repository.save(session)
    return session


def secret_of(server: Server, session_id: str = "s", **fields: object) -> Tab:
    """Store a session with something in it; return a stranger's tab."""
    keep(server, session_id, inputs={"diary": 1}, roles={"admin"}, **fields)
    return server.tab()


def refusals(server: Server) -> list[str]:
    """Return why somebody was refused."""
    return [event.reason for event in server.told(RestoreRefused)]
