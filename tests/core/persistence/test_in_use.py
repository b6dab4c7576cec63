# SPDX-License-Identifier: Apache-2.0
"""Sessions in use are looked at before anyone says that they have changed."""

from __future__ import annotations

from queue import Empty

import pytest
from session_harness.writers import BatchStore, Make, Saves, Seconds, schedule, wait_until

from sessionkit.session import UserSession


def test_a_session_in_use_is_looked_at_every_max_wait(
    make: Make, saves: Saves, seconds: Seconds
) -> None:
    """However long the use takes; a session that nobody uses is not looked at."""
    persistence = make(500, 5000, save_many=saves.many)
    used, idle = UserSession(session_id="used"), UserSession(session_id="idle")
    use = persistence.begin_use(used)
    for number in range(3):
        used.inputs["n"] = idle.inputs["n"] = number
        seconds.move(persistence, seconds.time + 4.9)
        with pytest.raises(Empty):
            saves.done.get_nowait()
        seconds.move(persistence, seconds.time + 0.1)
        seconds.move(persistence, seconds.time + 0.5)
        assert ("used", {"n": number}) == saves.next()
        seconds.time -= 0.5

    persistence.end_use(use)
    seconds.move(persistence, seconds.time + 100)
    assert persistence.flush()
    assert saves.done.empty()


def test_a_session_is_in_use_until_all_its_uses_are_over(
    make: Make, saves: Saves, seconds: Seconds
) -> None:
    """Two tabs may run at once."""
    persistence = make(0, 5000, save_many=saves.many)
    session = UserSession(session_id="s")
    first, second = persistence.begin_use(session), persistence.begin_use(session)
    persistence.end_use(first)
    persistence.end_use(first)  # one too many says nothing
    seconds.move(persistence, 5.0)
    assert "s" == saves.next()[0]

    persistence.end_use(second)
    assert persistence.flush()
    assert saves.done.empty()


def test_nothing_in_use_keeps_no_thread(
    make: Make, saves: Saves, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle process wakes for nothing, whatever sessions live in it."""
    monkeypatch.setattr("sessionkit.persistence.writer._IDLE_WAIT", 0.01)
    persistence = make(0, 5000, save_many=saves.many)
    persistence.end_use(persistence.begin_use(UserSession()))
    seconds.time = 10.0
    with persistence._queue.changed:
        persistence._queue.changed.notify_all()

    wait_until(lambda: persistence._writer.thread is None)
    assert saves.done.empty()


def test_the_journal_gets_what_is_found_while_the_store_is_down(
    make: Make, store: BatchStore, seconds: Seconds
) -> None:
    """No pause of the store's holds a look back."""
    kept: list[dict[str, object]] = []
    persistence = make(
        0,
        5000,
        save_many=store.save_many,
        keep=lambda session: kept.append(dict(session.inputs)),
    )
    store.go_down()
    schedule(persistence, "other")
    assert not persistence.flush()
    persistence._health.retry_at = 1000.0  # a long outage
    kept.clear()
    session = UserSession(session_id="s")
    persistence.begin_use(session)
    session.inputs["n"] = 1
    seconds.move(persistence, 5.0)
    wait_until(lambda: kept)

    assert [{"n": 1}] == kept
    assert persistence.is_pending("s")


@pytest.mark.parametrize("how", ["flush", "flush of its id", "close", "exit"])
def test_an_orderly_end_looks_at_sessions_in_use(make: Make, saves: Saves, how: str) -> None:
    """Nobody has scheduled them, and no look was due yet."""
    persistence = make(save_many=saves.many)
    session = UserSession(session_id="s")
    persistence.begin_use(session)
    session.inputs["n"] = 1
    if how == "close":
        assert persistence.close()
    elif how == "exit":
        persistence.save_at_exit()
    else:
        assert persistence.flush("s" if "id" in how else None)

    assert ("s", {"n": 1}) == saves.next()


@pytest.mark.parametrize("how", ["close", "exit"])
def test_an_orderly_end_looks_at_all_live_sessions(make: Make, saves: Saves, how: str) -> None:
    """A thread may have changed one that no run uses, and announced nothing; a flush doesn't look at them."""
    session = UserSession(session_id="s")
    persistence = make(save_many=saves.many, live=lambda: [session])
    assert persistence.flush()
    assert saves.done.empty()
    if how == "close":
        assert persistence.close()
    else:
        persistence.save_at_exit()

    assert "s" == saves.next()[0]
    assert saves.done.empty()


def test_after_close_nothing_is_looked_at(make: Make, saves: Saves) -> None:
    """A run may still be under way."""
    persistence = make(save_many=saves.many)
    session = UserSession()
    persistence.begin_use(session)
    assert persistence.close()
    saves.next()
    persistence.begin_use(UserSession())

    assert persistence.close()
    assert saves.done.empty()


def test_a_writer_that_waits_for_work_hears_of_a_use(
    make: Make, saves: Saves, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither sleeps through the look nor ends before it."""
    monkeypatch.setattr("sessionkit.persistence.writer._IDLE_WAIT", 0.01)
    persistence = make(0, 5000, save_many=saves.many)
    schedule(persistence, "other")
    assert persistence.flush()
    saves.next()
    session = UserSession(session_id="s")
    persistence.begin_use(session)
    seconds.move(persistence, 5.0)

    assert "s" == saves.next()[0]
