# SPDX-License-Identifier: Apache-2.0
"""What is due when: trailing debounce, an upper bound, one save of a session at a time."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sessionkit.persistence.queue import QueueLimits, SaveQueue, Slot
from sessionkit.session import UserSession

DEBOUNCE, MAX_WAIT = 0.5, 5.0


def queue() -> SaveQueue:
    """Return an empty queue with the default times."""
    return SaveQueue(DEBOUNCE, MAX_WAIT, QueueLimits())


def ids(slots: list[Slot]) -> list[str]:
    """Return the sessions' ids."""
    return [slot.session.session_id for slot in slots]


def session(session_id: str = "s") -> UserSession:
    """Return a session."""
    return UserSession(session_id=session_id)


def test_a_session_is_due_after_the_debounce() -> None:
    """Not a moment sooner."""
    waiting = queue()
    waiting.put(session(), None, 10.0)

    assert 10.5 == waiting.next_due()
    assert [] == waiting.take(10.49, 9)
    assert ["s"] == ids(waiting.take(10.5, 9))


def test_each_change_postpones_it() -> None:
    """The debounce is trailing: it counts from the last change."""
    waiting, one = queue(), session()
    assert waiting.put(one, None, 0.0) is not None
    for now in (0.3, 0.6, 0.9):
        assert waiting.put(one, None, now) is None

    assert [] == waiting.take(1.39, 9)
    assert ["s"] == ids(waiting.take(1.4, 9))
    assert 1 == len(waiting)


def test_changes_without_a_pause_wait_no_longer_than_the_bound() -> None:
    """Somebody who never stops typing is saved, too."""
    waiting, one = queue(), session()
    for tenth in range(50):
        waiting.put(one, None, tenth / 10)

    assert [] == waiting.take(4.99, 9)
    assert ["s"] == ids(waiting.take(5.0, 9))


def test_the_bound_counts_from_the_first_change_since_the_last_save() -> None:
    """A save begins a new window."""
    waiting, one = queue(), session()
    waiting.put(one, None, 0.0)
    [slot] = waiting.take(0.5, 9)
    waiting.saved(slot)
    for tenth in range(60):
        waiting.put(one, None, 3.0 + tenth / 10)

    assert [] == waiting.take(7.99, 9)
    assert ["s"] == ids(waiting.take(8.0, 9))


def test_no_more_than_the_limit_is_taken() -> None:
    """The rest stays due."""
    waiting = queue()
    for name in "abc":
        waiting.put(session(name), None, 0.0)

    assert ["a", "b"] == ids(waiting.take(1.0, 2))
    assert ["c"] == ids(waiting.take(1.0, 2))


def test_a_session_that_is_being_saved_is_not_taken_again() -> None:
    """There are never two saves of one session; what changed meanwhile is saved afterwards."""
    waiting, one = queue(), session()
    waiting.put(one, None, 0.0)
    [slot] = waiting.take(1.0, 9)
    waiting.put(one, None, 1.1)

    assert [] == waiting.take(9.0, 9)
    waiting.saved(slot)
    assert [slot] == waiting.take(9.0, 9)


def test_a_session_that_was_hurried_is_not_taken_twice() -> None:
    """It had two times to look at; one of them comes up while it is being saved."""
    waiting, one = queue(), session()
    waiting.put(one, None, 0.0)
    waiting.hurry(None)
    assert ["s"] == ids(waiting.take(0.1, 9))
    waiting.put(one, None, 0.2)

    assert [] == waiting.take(9.0, 9)


def test_a_saved_session_is_out() -> None:
    """Unless it was scheduled again meanwhile."""
    waiting, one = queue(), session()
    waiting.put(one, None, 0.0)
    [slot] = waiting.take(1.0, 9)
    waiting.put(one, None, 1.0)
    waiting.saved(slot)
    assert 1 == len(waiting)
    [slot] = waiting.take(2.0, 9)
    waiting.saved(slot)

    assert 0 == len(waiting)
    assert waiting.next_due() is None


def test_two_objects_under_one_id_have_a_place_each() -> None:
    """Neither takes the other's."""
    waiting = queue()
    one, two = session(), session()
    waiting.put(one, None, 0.0)
    waiting.put(two, None, 0.0)

    assert {id(one), id(two)} == {id(slot.session) for slot in waiting.take(1.0, 9)}
    assert 2 == len(list(waiting.of("s")))


def test_the_last_save_function_counts() -> None:
    """Scheduling replaces it, as it replaces the time."""

    def first(_: UserSession) -> None: ...
    def second(_: UserSession) -> None: ...

    waiting, one = queue(), session()
    waiting.put(one, first, 0.0)
    waiting.put(one, second, 0.0)

    assert [second] == [slot.save_fn for slot in waiting.take(1.0, 9)]


def test_a_failed_save_is_due_again_when_it_is_said_so() -> None:
    """A change in between doesn't bring it forward."""
    waiting, one = queue(), session()
    waiting.put(one, None, 0.0)
    [slot] = waiting.take(1.0, 9)
    waiting.failed(slot, 30.0)
    waiting.put(one, None, 2.0)

    assert [] == waiting.take(29.9, 9)
    assert [slot] == waiting.take(30.0, 9)
    assert 1 == slot.failures


def test_a_failed_save_waits_for_no_more_changes() -> None:
    """It has waited for them before; with changes all the time it is due when it may be tried."""
    waiting, one = SaveQueue(3600.0, 3600.0, QueueLimits()), session()
    waiting.put(one, None, 0.0)
    waiting.hurry(None)
    [slot] = waiting.take(1.0, 9)
    waiting.failed(slot, 2.0)

    assert [] == waiting.take(1.9, 9)
    assert [slot] == waiting.take(2.0, 9)


def test_a_failed_save_that_is_given_up_is_out() -> None:
    """Unless the session was scheduled again meanwhile: that state is new."""
    waiting, one = queue(), session()
    for meanwhile in (True, False):
        waiting.put(one, None, 0.0)
        [slot] = waiting.take(1.0, 9)
        if meanwhile:
            waiting.put(one, None, 1.0)
        waiting.failed(slot, None)
        assert meanwhile == bool(len(waiting))
        waiting.discard("s")


def test_hurry_makes_a_session_due_at_once() -> None:
    """That one, or all."""
    waiting = queue()
    for name in "abc":
        waiting.put(session(name), None, 0.0)

    assert ["b"] == ids(waiting.hurry("b"))
    assert ["b"] == ids(waiting.take(0.1, 9))
    assert ["a", "b", "c"] == ids(waiting.hurry(None))
    assert ["a", "c"] == sorted(ids(waiting.take(0.2, 9)))


def test_hurry_reaches_what_waits_for_a_new_try() -> None:
    """A flush tries it now."""
    waiting = queue()
    waiting.put(session(), None, 0.0)
    [slot] = waiting.take(1.0, 9)
    waiting.failed(slot, 30.0)
    waiting.hurry("s")

    assert [slot] == waiting.take(2.0, 9)


def test_hurry_reaches_what_was_scheduled_while_it_is_being_saved() -> None:
    """It follows as soon as the save is over."""
    waiting, one = queue(), session()
    waiting.put(one, None, 0.0)
    [slot] = waiting.take(1.0, 9)
    waiting.put(one, None, 1.0)
    assert [slot] == waiting.hurry(None)
    waiting.saved(slot)

    assert [slot] == waiting.take(1.1, 9)


def test_what_is_discarded_is_not_saved() -> None:
    """Nor is what was scheduled while it is being saved."""
    waiting, one = queue(), session()
    waiting.put(session("other"), None, 0.0)
    waiting.put(one, None, 0.0)
    waiting.discard("s")
    assert ["other"] == ids(waiting.take(9.0, 9))

    waiting.put(one, None, 10.0)
    [slot] = waiting.take(19.0, 9)
    waiting.put(one, None, 19.0)
    waiting.discard("s")
    waiting.saved(slot)
    assert [] == waiting.take(99.0, 9)


def test_a_session_may_have_a_debounce_of_its_own() -> None:
    """A shorter one brings it forward, a longer one postpones it; the bound stays."""
    waiting, one = queue(), session()
    waiting.put(one, None, 0.0)
    assert waiting.put(one, None, 0.1, 0.1) is not None
    assert ["s"] == ids(waiting.take(0.2, 9))
    waiting.saved(waiting.open(one))
    waiting.put(one, None, 10.0, 2.0)
    assert [] == waiting.take(11.9, 9)
    for tenth in range(50):
        waiting.put(one, None, 12.0 + tenth / 10, 2.0)

    assert [] == waiting.take(14.9, 9)
    assert ["s"] == ids(waiting.take(15.0, 9))


def test_what_someone_waits_for_is_left_to_them() -> None:
    """They save it themselves, to be told what went wrong; when nobody waits it comes up again."""
    waiting, one = queue(), session()
    waiting.put(one, None, 0.0)
    slot = waiting.open(one)
    slot.waiters = 1
    assert [] == waiting.take(9.0, 9)
    waiting.put(one, None, 9.0)
    assert [] == waiting.take(99.0, 9)
    slot.waiters = 0
    waiting.again_or_out(slot)

    assert [slot] == waiting.take(99.0, 9)


def test_a_flush_goes_before_all_others() -> None:
    """Also before those that are overdue."""
    waiting = queue()
    for name in "abc":
        waiting.put(session(name), None, 0.0)
    waiting.hurry("c")

    assert ["c"] == ids(waiting.take(99.0, 1))


def test_the_heap_stays_small_however_often_it_is_hurried() -> None:
    """Flushes during an outage would fill the memory."""
    waiting = SaveQueue(500.0, 5000.0, QueueLimits())
    waiting.put(session("calm"), None, 0.0)
    waiting.put(session("busy"), None, 1.0)
    for tenth in range(1000):
        now = tenth / 10
        waiting.hurry("busy")
        [slot] = waiting.take(now, 99)
        waiting.failed(slot, now + 1000.0)

    assert len(waiting._heap) <= 100
    assert ["calm", "busy"] == ids(waiting.take(9999.0, 99))


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(("put", "take", "saved", "failed", "hurry")),
        st.integers(0, 2),
        st.floats(0.0, 1.0),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_nothing_is_forgotten_taken_twice_or_late(actions: list[tuple[str, int, float]]) -> None:
    """Whatever happens, what was put is taken within the bound, by one at a time."""
    waiting, sessions, now = queue(), [session(name) for name in "abc"], 0.0
    since: dict[str, float] = {}
    flying: dict[str, Any] = {}
    for action, which, pause in actions:
        now += pause
        one = sessions[which]
        name = one.session_id
        if action == "put":
            waiting.put(one, None, now)
            since.setdefault(name, now)
        elif action == "take":
            for slot in waiting.take(now, 2):
                taken = slot.session.session_id
                assert taken not in flying
                assert now <= max(since.pop(taken) + MAX_WAIT, now)
                flying[taken] = slot
        elif action == "hurry":
            waiting.hurry(name)
        elif name in flying and action == "saved":
            waiting.saved(flying.pop(name))
        elif name in flying:
            since.setdefault(name, now)
            waiting.failed(flying.pop(name), now)
    for slot in flying.values():
        waiting.saved(slot)

    assert sorted(since) == sorted(ids(waiting.take(now + MAX_WAIT, 9)))
    assert waiting.next_due() is None or waiting.take(now + 2 * MAX_WAIT, 9) == []
