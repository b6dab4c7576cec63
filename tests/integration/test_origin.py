# SPDX-License-Identifier: Apache-2.0
"""``session.origin``: where a session comes from, over its life, on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from session_harness.servers import Server, Tab, token_for
from session_harness.stores import FaultyStore
from session_harness.visitors import ALICE

from sessionkit.records import SCHEMA_VERSION, SessionWrite
from sessionkit.session import UserSession
from sessionkit_sqlite.storage import SqliteStorage

Open = Callable[[], Server]


@pytest.fixture(name="replica")
def _replica(tmp_path: Path, open_server: Callable[..., Server]) -> Iterator[Open]:
    """Return a function that starts one more replica over one file."""
    opened: list[SqliteStorage] = []

    def replica() -> Server:
        storage = SqliteStorage.open(f"sqlite:///{tmp_path}/sessions.db")
        storage.setup()
        opened.append(storage)
        return open_server(FaultyStore(storage))

    yield replica
    for storage in opened:
        storage.close()


@pytest.fixture(name="server")
def _server(replica: Open) -> Server:
    """Return one of them."""
    return replica()


def visited(server: Server, user_id: str | None = None) -> Tab:
    """Return a tab in which something was done, and stored."""
    tab = server.tab()
    tab.run()
    session = tab.run() if user_id is None else tab.run(user_id=user_id)
    session.set_input("note", "mine")
    server.manager.save(session, immediate=True)
    return tab


# -- new, and restored ---------------------------------------------------------


def test_the_first_visit_is_new_until_it_is_come_back_to(server: Server, replica: Open) -> None:
    """Reruns and saves change nothing; F5 and a restart do, alike."""
    tab = visited(server)
    assert "new" == tab.run().origin

    assert "restored" == tab.beside(replica()).run().origin
    again = tab.reload()
    assert "restored" == again.run().origin
    assert "restored" == again.run().origin


def test_a_page_that_was_only_shown_is_new_again_after_a_reload(
    server: Server, replica: Open
) -> None:
    """Nothing is stored of it, whether its process still knows it or not."""
    tab = server.tab()
    tab.run()

    assert "new" == tab.beside().run().origin
    assert "new" == tab.beside(replica()).run().origin


def test_a_login_that_brings_back_what_was_left_is_restored(server: Server) -> None:
    """A user's first one is new, and so it stays, though it moves to another object."""
    tab = visited(server, "ada")
    assert "new" == tab.run().origin

    other = server.tab()
    assert "new" == other.run().origin
    assert "restored" == other.run(user_id="ada").origin


def test_what_a_rotation_moves_comes_from_where_it_came(server: Server) -> None:
    """The fresh id is no origin."""
    tab = visited(server).reload()
    tab.run()

    assert "restored" == tab.enter().rotate_session().origin


def test_scripts_and_repositories_tell_it_too(server: Server) -> None:
    """What is loaded is restored, what the app makes is new."""
    session = visited(server).run()

    loaded = server.manager.repository.load(session.session_id)
    assert loaded is not None
    assert ("restored", "new") == (loaded.origin, UserSession().origin)
    assert "origin" not in loaded.to_dict()


def test_who_has_logged_out_is_new(server: Server) -> None:
    """It was their own doing: nothing is refused."""
    for leave in (server.manager.log_out, server.manager.end_session):
        tab = visited(server, "ada")
        tab.enter()
        leave()
        assert "new" == tab.run().origin


def test_who_comes_to_anothers_browser_is_new(server: Server) -> None:
    """They asked for nothing of whoever was there before."""
    tab = server.visited()
    tab.connection.account = ALICE
    tab.run().set_input("note", "hers")
    assert server.manager.flush()
    for account in (None, "https://issuer.example|bob"):
        other = tab.beside()
        other.connection.account = account
        assert "new" == other.run().origin


# -- provisional ---------------------------------------------------------------


def test_a_stand_in_while_the_store_is_down_is_provisional(server: Server, replica: Open) -> None:
    """Until it answers: then it is restored, or new."""
    for kept in (visited(server).cookie, token_for("never-stored")):
        there = replica()
        there.manager.check_store()
        there.store.down = True
        tab = there.tab(kept)
        tab.run().set_input("more", 1)
        assert "provisional" == tab.run().origin

        there.store.down = False
        there.manager.save(tab.run(), immediate=True)
        assert ("new" if kept == token_for("never-stored") else "restored") == tab.run().origin


def test_a_users_stand_in_is_provisional_too(server: Server) -> None:
    """At a browser without a cookie: what they left behind could not be looked for."""
    server.manager.check_store()
    server.store.down = True
    tab = server.tab()
    assert "new" == server.tab().run().origin
    assert "provisional" == tab.run(user_id="ada").origin
    assert "provisional" == tab.run(user_id="ada").origin

    server.store.down = False
    session = tab.run(user_id="ada")
    server.manager.save(session, immediate=True)
    assert "new" == tab.run(user_id="ada").origin


def test_a_session_is_provisional_while_the_browser_has_yet_to_say_who_it_is(
    server: Server,
) -> None:
    """The first run of a browser that keeps its token by script."""
    cookie = visited(server).cookie
    for reported, origin in ((None, "new"), (cookie, "restored")):
        tab = server.tab()
        tab.connection.is_asking = True
        assert "provisional" == tab.run().origin
        assert "provisional" == tab.run().origin

        tab.connection.is_asking, tab.connection.presented = False, reported or tab.cookie
        assert origin == tab.run().origin
        assert origin == tab.run().origin


# -- refused -------------------------------------------------------------------


@pytest.mark.parametrize("token", ["garbage", token_for("s", "another app's secret")])
def test_a_token_that_is_none_of_ours_is_refused(server: Server, token: str) -> None:
    """It stays so in this session; the browser has a good token from now on."""
    tab = server.tab(token)
    assert "refused" == tab.run().origin
    tab.run().set_input("note", "mine")
    assert "refused" == tab.run().origin

    assert "restored" == tab.reload().run().origin


def test_an_id_that_is_not_for_the_browser_is_refused(server: Server) -> None:
    """Whether there is such a session or not."""
    session_id = visited(server).run().session_id

    assert ["refused"] * 2 == [server.tab().run(one).origin for one in (session_id, "none")]


def test_who_was_logged_out_elsewhere_is_refused(server: Server, replica: Open) -> None:
    """In the page that is open, and in one that is loaded later with the old token."""
    tab = visited(server, "ada")
    left_open, late = tab.beside(), tab.cookie
    left_open.run()
    tab.enter().log_out()

    assert "refused" == left_open.run().origin
    assert "refused" == server.tab(late).run().origin
    assert "refused" == replica().tab(late).run().origin


def test_who_was_logged_out_elsewhere_and_says_who_they_are_is_restored(server: Server) -> None:
    """They are given what is theirs."""
    tab = visited(server, "ada")
    late = tab.cookie
    tab.enter().log_out()

    assert "restored" == server.tab(late).run(user_id="ada").origin


def test_what_cannot_be_read_here_is_refused(server: Server, replica: Open) -> None:
    """A record of a newer release, and one that is damaged."""
    tab = visited(server)
    stored = server.store.stored(tab.run().session_id)
    newer = attrs.evolve(stored.head, schema_version=SCHEMA_VERSION + 1, save_id="newer")
    damaged = attrs.evolve(stored.head, save_id="damaged")
    for head, parts in ((newer, {}), (damaged, dict.fromkeys(stored.parts, b"damaged"))):
        before = server.store.stored(stored.head.session_id).head.save_id
        server.store.memory.write(
            SessionWrite(head=head, expected=before, put=parts, remove=frozenset())
        )
        assert "refused" == tab.beside(replica()).run().origin
