# SPDX-License-Identifier: Apache-2.0
"""Copies of what a session holds: made for somebody else, opened by a token, set aside for, and revoked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest
from session_harness.replicas import Clock
from session_harness.servers import Server, Tab
from session_harness.stores import FaultyStore

from sessionkit.errors import (
    SerializationError,
    ShareGoneError,
    ShareRefusedError,
    UnavailableError,
)
from sessionkit.events import CopyOpened, SessionShared
from sessionkit.manager.copies import MOST_ASIDE, MOST_SHARED
from sessionkit.records import SessionWrite
from sessionkit.session import UserSession

OpenServer = Callable[..., Server]


@attrs.define
class Cart:
    """What a page keeps as typed state."""

    lines: dict[str, int] = attrs.field(factory=dict)
    token: str = ""


def work(tab: Tab, **inputs: Any) -> UserSession:
    """Have a tab's user do something."""
    session = tab.run()
    for key, value in inputs.items():
        session.set_input(key, value)
    return session


def token_of(tab: Tab, **more: Any) -> str:
    """Share what a tab's session holds."""
    copy = tab.enter().share(**more)
    assert copy.token is not None
    return copy.token


def open_at(tab: Tab, token: str, **more: Any) -> bool:
    """Open a copy at a tab."""
    return tab.enter().open_copy(token, **more)


@pytest.fixture(name="sharer")
def _sharer(server: Server) -> Tab:
    """Return a tab of somebody who has done something."""
    tab = server.tab()
    work(tab, city="Ghent", days=3)
    return tab


@pytest.fixture(name="opener")
def _opener(server: Server) -> Tab:
    """Return a tab of somebody else, who has done nothing yet."""
    tab = server.tab()
    tab.run()
    return tab


# -- what is in a copy ---------------------------------------------------------


def test_what_was_typed_and_chosen_comes_over(sharer: Tab, opener: Tab) -> None:
    """Inputs, what stands in forms, though it is not saved, and typed state, in the opener's own objects."""
    session = sharer.run()
    session.get_form_state("order").data["name"] = "Ada"
    session.get_form_state("held").auto_save = False
    session.get_form_state("held").data["note"] = "typed"
    session.state(Cart).lines["tea"] = 2
    token = token_of(sharer)
    mine = opener.run()
    cart = mine.state(Cart)

    assert open_at(opener, token)
    assert mine is opener.run()
    assert {"city": "Ghent", "days": 3} == mine.inputs
    assert {"name": "Ada"} == mine.form_states["order"].data
    assert {"note": "typed"} == mine.form_states["held"].data
    assert {"order", "held"} == mine.dirty_forms
    assert {"tea": 2} == cart.lines


def test_who_shared_it_does_not_come_over(server: Server, opener: Tab) -> None:
    """Neither user, roles, permissions and devices, nor history, undo steps, errors, cache keys, preferences, plugins' data."""
    tab = server.tab()
    tab.run()
    session = tab.run(user_id="ada")
    session.roles.add("admin")
    session.permissions.add("delete")
    session.add_navigation("salaries", {"of": "Bob"})
    session.add_cache_key("orders:ada")
    session.theme = "dark"
    session.extensions["audit"] = {"seen": 1}
    form = session.get_form_state("order")
    form.data["name"] = "a slip"
    form.snapshot("typing")
    form.data["name"] = "Ada"
    form.errors["name"] = ["too short"]
    token = token_of(tab)
    before = opener.run().to_dict()
    assert open_at(opener, token)
    mine = opener.run().to_dict()
    left = {"inputs", "form_states", "dirty_forms", "interaction_count", "last_activity"}

    assert {k: v for k, v in before.items() if k not in left} == {
        k: v for k, v in mine.items() if k not in left
    }
    order = opener.run().form_states["order"]
    assert ({"name": "Ada"}, {}, []) == (order.data, order.errors, order.snapshots)


def test_nothing_private_is_in_the_store(server: Server, sharer: Tab) -> None:
    """Neither what is never stored, nor what the sharer leaves out, nor the token."""
    session = sharer.run()
    session.leave_out("iban")
    session.set_input("password", "canary-1")
    session.set_input("iban", "canary-2")
    session.set_input("salary", "canary-3")
    session.state(Cart).token = "canary-4"  # noqa: S105 - what must not be stored
    session.get_form_state("f").data["api_key"] = "canary-5"
    token = token_of(sharer, leave_out=["sal*"])
    record = shared_record(server)

    assert b"Ghent" in record
    assert b"canary" not in record
    assert token.encode() not in record


def shared_record(server: Server) -> bytes:
    """Return all bytes of the copies in the store."""
    return b"".join(
        data
        for session_id, stored in server.store.memory._sessions.items()
        if session_id.startswith("shared-")
        for data in (repr(stored.head).encode(), *stored.parts.values())
    )


def test_a_save_after_it_still_takes_out_what_has_become_private(server: Server) -> None:
    """To share looks at a session without changing what its next save compares with."""
    tab = server.tab()
    session = work(tab, iban="canary", city="Ghent")
    server.manager.save(session, immediate=True)
    session.leave_out("iban")
    token_of(tab)
    server.manager.save(session, immediate=True)
    stored = server.store.memory.read(session.session_id)

    assert stored is not None
    assert all(b"canary" not in data for data in stored.parts.values())


# -- opening -------------------------------------------------------------------


def test_each_opener_has_a_session_of_their_own(server: Server, sharer: Tab, opener: Tab) -> None:
    """Neither sees the other's changes, nor the sharer's later ones; nor does the sharer see theirs."""
    token = token_of(sharer)
    other = server.tab()
    other.run()
    assert open_at(opener, token)
    work(opener, city="Bruges")
    work(sharer, city="Antwerp")
    assert open_at(other, token)

    assert ["Antwerp", "Bruges", "Ghent"] == [
        one.run().inputs["city"] for one in (sharer, opener, other)
    ]


def test_it_is_stored_with_the_opener(
    server: Server, sharer: Tab, opener: Tab, open_server: OpenServer
) -> None:
    """It is there after F5, at another replica."""
    assert open_at(opener, token_of(sharer))
    assert server.manager.flush()
    there = opener.reload(open_server(FaultyStore(server.store.memory)))

    assert {"city": "Ghent", "days": 3} == there.run().inputs


def test_who_has_done_something_is_asked_first(sharer: Tab, opener: Tab) -> None:
    """Nothing has changed before they say so; then it is set aside, and can be had back and forth."""
    token = token_of(sharer)
    session = work(opener, note="mine")
    form = session.get_form_state("order")
    form.data["name"] = "Bob"
    form.snapshot()
    form.data["name"] = "Bobby"

    assert not open_at(opener, token)
    assert {"note": "mine"} == session.inputs
    assert open_at(opener, token, replace=True)
    assert ({"city": "Ghent", "days": 3}, {}) == (session.inputs, session.form_states)
    work(opener, city="Bruges")
    assert 1 == len(opener.enter().set_aside())
    assert opener.enter().go_back()
    assert {"note": "mine"} == session.inputs
    assert {"name": "Bobby"} == session.form_states["order"].data
    assert session.form_states["order"].undo()
    assert {"name": "Bob"} == session.form_states["order"].data
    assert opener.enter().go_back()
    assert {"city": "Bruges", "days": 3} == session.inputs


def test_what_never_is_stored_stays_in_the_openers_object(sharer: Tab, opener: Tab) -> None:
    """A password that is half typed is not set aside, and not taken away."""
    work(opener, password="typed", note="mine")  # noqa: S106 - what must not be stored
    assert open_at(opener, token_of(sharer), replace=True)

    assert "typed" == opener.run().inputs["password"]


def test_opened_twice_it_replaces_nothing(sharer: Tab, opener: Tab) -> None:
    """While nothing was done since there is nothing to do; else they are asked."""
    token = token_of(sharer)
    assert open_at(opener, token)
    count = opener.run().interaction_count
    assert open_at(opener, token)
    assert count == opener.run().interaction_count
    work(opener, city="Bruges")
    assert not open_at(opener, token)
    assert "Bruges" == opener.run().inputs["city"]


def test_several_states_come_back_in_turn(sharer: Tab, opener: Tab) -> None:
    """Whoever opens one copy over the other loses neither; the oldest go where there are too many."""
    work(opener, note="mine")
    for n in range(MOST_ASIDE + 1):
        work(sharer, city=f"city {n}")
        assert open_at(opener, token_of(sharer), replace=True)
    assert MOST_ASIDE == len(opener.enter().set_aside())
    seen = []
    for _ in range(MOST_ASIDE + 1):
        assert opener.enter().go_back()
        seen.append(opener.run().inputs["city"])

    assert [f"city {n}" for n in (4, 3, 2, 1, 0, 5)] == seen
    opener.enter().forget_aside()
    assert () == opener.enter().set_aside()
    assert not opener.enter().go_back()


@pytest.mark.parametrize("fails", [False, True], ids=["saved", "not saved"])
def test_a_process_that_dies_after_going_back_loses_neither_state(
    server: Server, sharer: Tab, opener: Tab, open_server: OpenServer, *, fails: bool
) -> None:
    """What is put back leaves its record no sooner than the store has it in the session."""
    session = work(opener, note="mine")
    assert open_at(opener, token_of(sharer), replace=True)
    assert server.manager.flush()

    def refuse(write: SessionWrite) -> None:
        if fails and write.head.session_id == session.session_id:
            msg = "down"
            raise UnavailableError(msg)

    server.store.on_write = refuse
    assert opener.enter().go_back()
    assert {"note": "mine"} == session.inputs
    there = opener.reload(open_server(FaultyStore(server.store.memory)))
    mine = there.run()
    if fails:
        assert {"city": "Ghent", "days": 3} == mine.inputs
        assert there.enter().go_back()
    assert {"note": "mine"} == mine.inputs
    assert there.enter().go_back()
    assert {"city": "Ghent", "days": 3} == mine.inputs
    server.store.on_write = None


def test_what_cannot_be_read_changes_nothing(server: Server, sharer: Tab, opener: Tab) -> None:
    """Neither what is there, nor what is set aside."""
    token = token_of(sharer)
    work(opener, note="mine")
    assert open_at(opener, token, replace=True)
    codec = server.manager.repository.codec
    broken = codec.seal({"inputs": codec.serializer.dumps({"inputs": 5})}, {}, {}).put
    memory = server.store.memory._sessions
    for copy_id in [one for one in memory if one.startswith(("shared-", "aside-"))]:
        memory[copy_id] = attrs.evolve(memory[copy_id], parts=broken)
    aside = opener.enter().set_aside()
    with pytest.raises(SerializationError):
        open_at(opener, token, replace=True)
    with pytest.raises(SerializationError):
        opener.enter().go_back()

    assert {"city": "Ghent", "days": 3} == opener.run().inputs
    assert aside == opener.enter().set_aside()


def test_the_end_of_a_session_is_the_end_of_what_it_set_aside(
    server: Server, sharer: Tab, opener: Tab
) -> None:
    """Nothing of it stays in the store."""
    work(opener, note="mine")
    assert open_at(opener, token_of(sharer), replace=True)
    assert any(one.startswith("aside-") for one in server.store.memory._sessions)
    opener.enter().end_session()

    assert not any(one.startswith("aside-") for one in server.store.memory._sessions)


def test_a_login_goes_on_with_it(server: Server, sharer: Tab, opener: Tab) -> None:
    """With the copy, and with the way back."""
    work(opener, note="mine")
    assert open_at(opener, token_of(sharer), replace=True)
    session = opener.run(user_id="bob")
    assert "Ghent" == session.inputs["city"]
    assert opener.enter().go_back()
    assert {"note": "mine"} == opener.run().inputs
    assert server.manager.flush()


# -- its end -------------------------------------------------------------------


def test_it_expires(open_server: OpenServer, clock: Clock) -> None:
    """It opens nothing any more and says why; the store's own clean-up removes it, and the list of links ends with it."""
    server = open_server(now=clock)
    sharer, opener = server.tab(), server.tab()
    work(sharer, city="Ghent")
    opener.run()
    token = token_of(sharer, expires=timedelta(days=1))
    assert 1 == len(sharer.enter().shared_copies())
    clock.advance(days=1, seconds=1)
    with pytest.raises(ShareGoneError, match="expired") as caught:
        open_at(opener, token)
    assert caught.value.expired
    assert () == sharer.enter().shared_copies()
    server.manager.repository.purge()
    assert b"" == shared_record(server)
    with pytest.raises(ShareGoneError) as caught:
        open_at(opener, token)
    assert not caught.value.expired


def test_it_is_revoked(server: Server, sharer: Tab, opener: Tab) -> None:
    """By the session that made it alone; who has opened it keeps what they have."""
    first, second = (sharer.enter().share() for _ in range(2))
    assert first.token
    assert second.token
    assert open_at(opener, first.token)
    assert not opener.enter().revoke_copy(first.copy_id)
    assert not sharer.enter().revoke_copy("another")
    assert [first, second] == [
        attrs.evolve(one, token=made.token)
        for one, made in zip(sharer.enter().shared_copies(), (first, second), strict=True)
    ]
    assert sharer.enter().revoke_copy(first.copy_id)
    assert not sharer.enter().revoke_copy(first.copy_id)
    other = server.tab()
    other.run()
    with pytest.raises(ShareGoneError):
        open_at(other, first.token)
    assert open_at(other, second.token)
    assert "Ghent" == opener.run().inputs["city"]


def test_the_links_of_a_session_are_listed_after_a_reload(
    server: Server, sharer: Tab, open_server: OpenServer
) -> None:
    """Without what opens them; also where the process died right after: a link that is not listed can't be revoked."""
    copy = sharer.enter().share()
    there = sharer.reload(open_server(FaultyStore(server.store.memory)))
    there.run()

    assert (attrs.evolve(copy, token=None),) == there.enter().shared_copies()


@pytest.mark.parametrize(
    "token", ["", "x", "shared-1", "ä" * 32, "a" * 31, "../" * 10 + "ab", "a" * 32]
)
def test_what_is_no_token_opens_nothing(server: Server, opener: Tab, token: str) -> None:
    """It is told as a link that is not whole."""
    with pytest.raises(ShareGoneError) as caught:
        open_at(opener, token)
    assert not caught.value.expired
    assert {} == opener.run().inputs
    assert [] == server.told(CopyOpened)


def test_no_session_and_nothing_set_aside_is_opened_by_its_id(
    server: Server, sharer: Tab, opener: Tab
) -> None:
    """A copy is in no list, nobody's session, and what was set aside has no token."""
    work(opener, note="mine")
    assert open_at(opener, token_of(sharer), replace=True)
    assert server.manager.flush()
    script = Server(server.store, script=True)
    copies = [one for one in server.store.memory._sessions if one.startswith(("shared-", "aside-"))]

    assert 2 == len(copies)
    assert [None, None] == [script.manager.recover(one) for one in copies]
    assert not set(copies) & {head.session_id for head in script.manager.repository.heads()}
    script.manager.close()


# -- bounds, and a store that is down ------------------------------------------


def test_a_session_has_so_many_copies_at_a_time(sharer: Tab) -> None:
    """Where one was revoked there is room for another one."""
    copies = [sharer.enter().share() for _ in range(MOST_SHARED)]
    with pytest.raises(ShareRefusedError, match="at most 20"):
        sharer.enter().share()
    assert sharer.enter().revoke_copy(copies[3].copy_id)
    assert sharer.enter().share().token


def test_what_is_too_large_is_refused_with_its_part(server: Server, sharer: Tab) -> None:
    """Nothing is stored."""
    work(sharer, picture=b"x" * 1_100_000)
    with pytest.raises(ShareRefusedError, match=r"largest part is 'inputs'.*leave something out"):
        sharer.enter().share()
    assert b"" == shared_record(server)
    assert sharer.enter().share(leave_out=["picture"]).token


@pytest.mark.parametrize(
    ("more", "error", "text"),
    [
        ({"expires": 7}, TypeError, r"timedelta\(days=7\), not int"),
        ({"expires": timedelta(0)}, ValueError, "above zero"),
        ({"expires": timedelta(days=367)}, ValueError, "at most 366 days"),
        ({"leave_out": "salary"}, TypeError, "list of names"),
        ({"leave_out": [1]}, TypeError, "list of names"),
    ],
    ids=["number", "zero", "too long", "text", "no text"],
)
def test_bad_arguments_are_told(
    server: Server, sharer: Tab, more: dict[str, Any], error: type[Exception], text: str
) -> None:
    """They say what would be right; nothing is stored."""
    with pytest.raises(error, match=text):
        sharer.enter().share(**more)
    assert b"" == shared_record(server)
    with pytest.raises(TypeError, match="token is the token of a copy"):
        sharer.enter().open_copy(None)  # type: ignore[arg-type]


def test_while_the_store_is_down_nothing_changes(server: Server, sharer: Tab, opener: Tab) -> None:
    """There is no link without its copy, and nothing is replaced that could not be set aside."""
    token = token_of(sharer)
    work(opener, note="mine")
    assert server.manager.flush()
    server.store.down = True
    with pytest.raises(UnavailableError):
        sharer.enter().share()
    with pytest.raises(UnavailableError):
        open_at(opener, token, replace=True)
    assert {"note": "mine"} == opener.run().inputs
    assert 1 == len(sharer.enter().shared_copies())
    server.store.down = False
    assert open_at(opener, token, replace=True)


def test_it_is_told_without_the_token(server: Server, sharer: Tab, opener: Tab) -> None:
    """Observers hear who shared what, and where it was opened."""
    copy = sharer.enter().share()
    assert copy.token
    assert open_at(opener, copy.token)
    [shared], [opened] = server.told(SessionShared), server.told(CopyOpened)

    assert (sharer.run().session_id, copy.copy_id) == (shared.session_id, shared.copy_id)
    assert (opener.run().session_id, copy.copy_id) == (opened.session_id, opened.copy_id)
    assert copy.token not in repr((copy, shared, opened))
