# SPDX-License-Identifier: Apache-2.0
"""What a user has filled into a form in another session of theirs is found, and nobody else's is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from session_harness.servers import Server
from session_harness.visitors import keep

from sessionkit.session import UserSession
from sessionkit.session.fields import utc_now


def leave(server: Server, session_id: str, data: dict[str, Any], **fields: Any) -> UserSession:
    """Store a session with a draft in it."""
    session = UserSession(session_id=session_id, **{"user_id": "ada", **fields})
    session.get_form_state("order").snapshot()
    session.get_form_state("order").data.update(data)
    session.mark_form_dirty("order")
    server.manager.save(session, immediate=True)
    return session


@pytest.fixture(name="own")
def _own(server: Server) -> UserSession:
    """Return the session that asks."""
    return keep(server, "own", user_id="ada")


def found(server: Server, session: UserSession, form_id: str = "order") -> list[dict[str, Any]]:
    """Return the data of what is found."""
    return [one.data for one in server.manager.drafts_beside(session, form_id)]


def test_a_users_other_drafts_are_found_the_latest_first(server: Server, own: UserSession) -> None:
    """As copies, each with the time at which it was edited last."""
    leave(server, "first", {"n": 1})
    second = leave(server, "second", {"n": {"deep": 2}})
    assert [{"n": {"deep": 2}}, {"n": 1}] == found(server, own)
    (latest, _) = server.manager.drafts_beside(own, "order")
    assert latest.edited_at == second.get_form_state("order").last_edited
    latest.data["n"]["deep"] = 3
    assert {"n": {"deep": 2}} == found(server, own)[0]
    assert [] == found(server, own, "another")


def test_nothing_else_is_found(server: Server, own: UserSession) -> None:
    """Another user's, one of a user of that name whom the host knows, nobody's, its own, one handed in or empty."""
    leave(server, "bob", {"n": 1}, user_id="bob")
    leave(server, "other", {"n": 1}, authenticated=True)
    leave(server, "nobody", {"n": 1}, user_id=None)
    leave(server, "empty", {})
    sent = leave(server, "sent", {"n": 1})
    sent.mark_form_clean("order")
    server.manager.save(sent, immediate=True)
    leave(server, "own", {"n": 1})
    assert [] == found(server, own)
    assert [] == found(server, UserSession(session_id="x"))


def test_what_is_never_stored_is_not_handed_over(server: Server, own: UserSession) -> None:
    """Though the other session holds it, live in this process."""
    other = leave(server, "other", {"n": 1})
    other.get_form_state("order").data.update(api_key=1)
    assert [{"n": 1}] == found(server, own)


def test_without_steps_the_sessions_activity_counts(server: Server, own: UserSession) -> None:
    """An app may fill in a form by itself."""
    other = leave(server, "other", {"n": 1})
    other.get_form_state("order").snapshots = []
    (draft,) = server.manager.drafts_beside(own, "order")
    assert timedelta(0) <= utc_now() - draft.edited_at < timedelta(hours=1)


def test_a_store_that_is_down_has_none(server: Server, own: UserSession) -> None:
    """The page goes on."""
    leave(server, "other", {"n": 1})
    server.store.down = True
    assert [] == found(server, own)
    server.store.down = False
