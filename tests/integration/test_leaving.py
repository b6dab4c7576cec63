# SPDX-License-Identifier: Apache-2.0
"""Sessions that are rotated and revoked, on one SQLite file that two servers share."""

from __future__ import annotations

from collections.abc import Callable

from session_harness.servers import Server, Tab, session_of
from session_harness.stores import LANDED
from session_harness.visitors import ALICE, BOB

from sessionkit.session import UserSession

OpenReplica = Callable[..., Server]


def stored(tab: Tab) -> UserSession:
    """Return what is stored of the tab's browser's session."""
    session = tab.server.manager.repository.load(str(session_of(tab.cookie)))
    assert session is not None
    return session


def test_a_rotation_takes_both_replicas_work_along(open_replica: OpenReplica) -> None:
    """What the other replica stored before is there; what it stores later is not, and its tab begins anew."""
    here, there = open_replica(), open_replica()
    one = here.visited()
    two = one.beside(there)
    session, theirs = one.run(), two.run()
    old_id = session.session_id
    session.inputs["ours"] = 1
    session.add_navigation("cart")
    theirs.inputs["theirs"] = 2
    theirs.add_navigation("cart")
    assert there.manager.flush()
    here.store.next_writes(None, LANDED)

    one.enter().rotate_session()
    theirs.inputs["late"] = 3
    there.manager.schedule_save(theirs)
    there.manager.flush()
    assert here.manager.flush()

    found = stored(one)
    assert ({"ours": 1, "theirs": 2}, {"cart": 2}) == (found.inputs, found.page_views)
    assert here.store.stored(old_id).head.ended
    assert {} == here.store.stored(old_id).parts
    assert {} == two.run().inputs
    reloaded = there.tab(one.cookie).run()
    assert {"ours": 1, "theirs": 2} == reloaded.inputs


def test_a_login_takes_the_basket_along(open_replica: OpenReplica) -> None:
    """Under an id of the user's own; the old cookie opens nothing at either server."""
    here, there = open_replica(), open_replica()
    tab = here.visited()
    stale = tab.cookie
    tab.run().inputs["basket"] = 3
    tab.connection.account = ALICE
    tab.run()
    assert here.manager.flush()

    assert ({"basket": 3}, ALICE) == (stored(tab).inputs, stored(tab).user_id)
    assert {"basket": 3} == there.tab(account=ALICE).run().inputs
    for server in (here, there):
        assert {} == server.tab(stale).run().inputs


def test_logging_out_everywhere_ends_all_but_this_one(open_replica: OpenReplica) -> None:
    """Late saves at the other server bring nothing back."""
    here, there = open_replica(), open_replica()
    mine, phone, bobs = here.tab(account=ALICE), there.tab(account=ALICE), there.tab(account=BOB)
    session = mine.run()
    others = [tab.run(restore_from_db=False) for tab in (phone, bobs)]
    for server in (here, there):
        assert server.manager.flush()
    mine.enter()
    listed = here.manager.list_sessions(ALICE)
    assert {session.session_id: True, others[0].session_id: False} == {
        one.session_id: one.current for one in listed
    }

    assert 1 == here.manager.revoke_sessions(ALICE, keep_current=True)
    for late in others:
        late.inputs["late"] = 1
        there.manager.schedule_save(late)
    there.manager.flush()

    assert session is mine.run()
    assert [session.session_id] == [one.session_id for one in here.manager.list_sessions(ALICE)]
    assert others[0] is not phone.run()
    assert others[1] is bobs.run()
    assert {"late": 1} == stored(bobs).inputs
