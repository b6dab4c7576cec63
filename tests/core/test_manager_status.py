# SPDX-License-Identifier: Apache-2.0
"""What a manager says about the saves of one session: what its user is to be told."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from session_harness.servers import LATER, Server, token_for

from sessionkit.records import SCHEMA_VERSION
from sessionkit.session import UserSession

OpenServer = Callable[..., Server]


def state(server: Server, session: UserSession) -> str:
    """Return the one word."""
    return server.manager.save_status(session).state


def test_saving_and_saved(server: Server) -> None:
    """It is about this session, not about others."""
    session, other = server.tab().run(), server.tab().run()
    assert ("saving", "saving") == (state(server, session), state(server, other))
    server.manager.flush(session.session_id)
    assert ("saved", "saving") == (state(server, session), state(server, other))


def test_offline(server: Server) -> None:
    """Since when; saved when the store is back."""
    session = server.tab().run()
    server.store.down = True
    assert not server.manager.flush()
    status = server.manager.save_status(session)
    assert "offline" == status.state
    assert status.offline_since is not None
    server.store.down = False
    assert server.manager.flush()
    assert "saved" == state(server, session)


def test_a_session_that_stays_in_memory(server: Server) -> None:
    """It is never saved, whatever waits: a newer release has stored it."""
    session = server.visited().run()
    server.manager.flush()
    stored = server.store.stored(session.session_id)
    head = attrs.evolve(stored.head, schema_version=SCHEMA_VERSION + 1)
    server.store.memory._sessions["newer"] = attrs.evolve(
        stored, head=attrs.evolve(head, session_id="newer")
    )
    in_memory = server.tab(token_for("newer")).run()
    status = server.manager.save_status(in_memory)
    assert "rejected" == status.state
    assert "newer release" in str(status.last_error)
    assert "saved" == state(server, session)


def test_a_session_that_was_turned_away(open_server: OpenServer) -> None:
    """It waits nowhere, which is not the same as being saved; until there is room and it is let in."""
    limits = attrs.evolve(LATER, max_pending=1, when_full="raise")
    server = open_server(persistence=limits)
    tab = server.visited()
    server.store.down = True
    server.tab().run()
    session = tab.run()
    status = server.manager.save_status(session)
    assert "rejected" == status.state
    assert "can't wait to be saved" in str(status.last_error)
    server.store.down = False
    assert server.manager.flush()
    assert "rejected" == state(server, session)
    tab.run()
    assert "saving" == state(server, session)
    assert server.manager.flush()
    assert "saved" == state(server, session)


def test_a_session_that_was_turned_away_and_saved_at_once(open_server: OpenServer) -> None:
    """Whoever saved it, it is saved."""
    limits = attrs.evolve(LATER, max_pending=1, when_full="raise")
    server = open_server(persistence=limits)
    server.tab().run()
    session = server.tab().run()
    assert "rejected" == state(server, session)
    server.manager.repository.save(session)
    assert "saved" == state(server, session)
