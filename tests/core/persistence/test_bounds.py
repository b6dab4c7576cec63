# SPDX-License-Identifier: Apache-2.0
"""How much may wait to be saved, and what is done with more: block, raise, or leave it to the journal."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Thread
from typing import Any
from weakref import WeakSet

import pytest
from session_harness.servers import Server
from session_harness.stores import PATIENCE
from session_harness.writers import Seconds

from sessionkit.errors import ConfigError, QueueFullError, UnavailableError
from sessionkit.events import SaveFailed
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.limits import QueueLimits
from sessionkit.session import UserSession
from sessionkit.settings.settings import PersistenceSettings

Make = Callable[..., SessionPersistence]


class Store:
    """A store that takes batches, or is down."""

    def __init__(self) -> None:
        """Begin with a store that is down."""
        self.down = True
        self.saved: dict[str, dict[str, Any]] = {}
        self.batches: list[int] = []

    def save_many(self, sessions: Sequence[UserSession]) -> list[Exception | None]:
        """Save a batch."""
        self.batches.append(len(sessions))
        if self.down:
            return [UnavailableError("down")] * len(sessions)
        self.saved.update({one.session_id: dict(one.inputs) for one in sessions})
        return [None] * len(sessions)


class Journal:
    """Keeps what sessions hold, outside of them."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.kept: dict[str, dict[str, Any]] = {}
        self.made: WeakSet[UserSession] = WeakSet()
        self.revived: list[str] = []
        self.errors: list[Exception] = []

    def keep(self, session: UserSession) -> None:
        """Keep a session."""
        self.kept[session.session_id] = dict(session.inputs)

    def revive(self, session_id: str) -> UserSession | None:
        """Make a session again."""
        if self.errors:
            raise self.errors.pop()
        self.revived.append(session_id)
        inputs = self.kept.get(session_id)
        return None if inputs is None else UserSession(session_id=session_id, inputs=dict(inputs))


@pytest.fixture(name="store")
def _store() -> Store:
    """Return a store that is down."""
    return Store()


@pytest.fixture(name="journal")
def _journal() -> Journal:
    """Return an empty journal."""
    return Journal()


@pytest.fixture(name="make")
def _make(seconds: Seconds, store: Store) -> Iterator[Make]:
    """Return a function that makes persistence over the store, with limits."""
    made: list[SessionPersistence] = []

    def make(
        limits: dict[str, Any], size_of: Callable[[UserSession], int] | None = None, **keywords: Any
    ) -> SessionPersistence:
        made.append(
            SessionPersistence(
                save_many=store.save_many,
                clock=seconds,
                limits=QueueLimits(**limits),
                size_of=size_of,
                on_failure=lambda *_: None,
                **keywords,
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close(timeout=0)


def sessions(count: int) -> list[UserSession]:
    """Return sessions."""
    return [UserSession(session_id=f"s{number}", inputs={"n": number}) for number in range(count)]


def test_one_more_than_may_wait_is_refused(make: Make) -> None:
    """The error says how many wait, and which setting is meant; nothing of the session is queued."""
    persistence = make({"max_pending": 2, "when_full": "raise"})
    one, two, three = sessions(3)
    persistence.schedule_save(None, one)
    persistence.schedule_save(None, two)
    with pytest.raises(QueueFullError, match=r"s2 can't wait.*2 sessions.*max_pending 2"):
        persistence.schedule_save(None, three)

    assert not persistence.is_pending("s2")
    assert isinstance(QueueFullError(), UnavailableError)


def test_what_waits_already_is_never_refused(make: Make, store: Store) -> None:
    """Nor what is being saved, however full it is."""
    persistence = make({"max_pending": 1, "when_full": "raise"})
    [one] = sessions(1)
    for number in range(3):
        one.inputs["n"] = number
        persistence.schedule_save(None, one)
    store.down = False
    assert persistence.flush()

    assert {"s0": {"n": 2}} == store.saved


def test_work_of_our_own_is_never_refused(make: Make) -> None:
    """Such as the end of an id that a session has left."""
    persistence = make({"max_pending": 1, "when_full": "raise"})
    one, two = sessions(2)
    persistence.schedule_save(None, one)
    persistence.schedule_save(None, two, bounded=False)

    assert 2 == persistence.status().pending


def test_bytes_are_bounded_too(make: Make, store: Store) -> None:
    """One that is larger than all may hold waits alone, or it never could."""
    sizes = {"s0": 600, "s1": 300, "s2": 300, "s3": 5000}
    persistence = make(
        {"max_pending_bytes": 1000, "when_full": "raise"}, lambda one: sizes[one.session_id]
    )
    one, two, three, large = sessions(4)
    persistence.schedule_save(None, one)
    persistence.schedule_save(None, two)
    with pytest.raises(QueueFullError, match="900 bytes"):
        persistence.schedule_save(None, three)
    assert 900 == persistence.status().pending_bytes
    store.down = False
    assert persistence.flush()

    assert 0 == persistence.status().pending_bytes
    persistence.schedule_save(None, large)
    with pytest.raises(QueueFullError):
        persistence.schedule_save(None, three)


def test_a_session_that_grew_is_weighed_again_when_it_is_tried(make: Make) -> None:
    """What it holds is known since then."""
    size = 100
    persistence = make({}, lambda _: size)
    [one] = sessions(1)
    persistence.schedule_save(None, one)
    size = 700
    assert not persistence.flush()

    assert 700 == persistence.status().pending_bytes


def test_the_writer_makes_room_sooner_than_it_would(make: Make, store: Store) -> None:
    """A full queue waits for no pause in the typing: the caller waits for room, and has it."""
    store.down = False
    persistence = make({"max_pending": 2, "full_timeout_ms": 1000 * PATIENCE})
    for one in sessions(50):
        persistence.schedule_save(None, one)

    assert len(store.saved) >= 48


def test_who_waits_for_room_in_vain_is_told(make: Make) -> None:
    """After its time."""
    persistence = make({"max_pending": 1, "full_timeout_ms": 10})
    one, two = sessions(2)
    persistence.schedule_save(None, one)
    assert not persistence.flush()

    with pytest.raises(QueueFullError, match="s1 can't wait"):
        persistence.schedule_save(None, two)


def test_who_waits_for_room_with_the_sessions_lock_lets_it_go(make: Make, store: Store) -> None:
    """The writer may need it."""
    store.down = False
    persistence = make({"max_pending": 1, "full_timeout_ms": 1000 * PATIENCE})
    one, two = sessions(2)
    seen = []

    def encode(batch: Sequence[UserSession]) -> list[Exception | None]:
        with two.lock:
            seen.append(batch[0].session_id)
        return [None]

    object.__setattr__(persistence._options, "save_many", encode)
    persistence.schedule_save(None, one)
    with two.lock:
        persistence.schedule_save(None, two)

    assert "s0" == seen[0]


def test_who_saves_never_waits_for_room(make: Make, store: Store) -> None:
    """It would wait for itself."""
    persistence = make({"max_pending": 1, "full_timeout_ms": 10_000_000})
    one, two = sessions(2)
    refused = []

    def save(_: UserSession) -> None:
        try:
            persistence.schedule_save(None, two)
        except QueueFullError as error:
            refused.append(error)

    persistence.schedule_save(None, one, save)
    assert persistence.flush()

    assert 1 == len(refused)
    assert [] == store.batches


# -- spilling ------------------------------------------------------------------


@pytest.fixture(name="spilling")
def _spilling(make: Make, journal: Journal) -> SessionPersistence:
    """Return persistence that leaves to the journal what is more than three sessions."""
    return make(
        {"max_pending": 3, "when_full": "spill"},
        keep=journal.keep,
        revive=journal.revive,
        batch_size=2,
    )


def test_what_is_too_much_is_left_to_the_journal(
    spilling: SessionPersistence, store: Store, journal: Journal
) -> None:
    """Only its id is kept; when the store is back all is saved, in batches of the usual size."""
    live: WeakSet[UserSession] = WeakSet()
    for session in sessions(50):
        live.add(session)
        spilling.schedule_save(None, session)
    del session
    gc.collect()
    assert 3 == len(live)
    assert (50, 47) == (spilling.status().pending, spilling.status().spilled)
    assert spilling.is_pending("s49")
    assert not spilling.flush()
    store.down = False
    assert spilling.flush()

    assert {f"s{number}": {"n": number} for number in range(50)} == store.saved
    assert max(store.batches) <= 2
    assert sorted(f"s{number}" for number in range(3, 50)) == sorted(journal.revived)
    assert ("saved", 0) == (spilling.status().state, spilling.status().spilled)


def test_a_session_that_still_lives_comes_back_itself(
    spilling: SessionPersistence, store: Store, journal: Journal
) -> None:
    """With what changed since; scheduling it again tells the journal again."""
    waiting = sessions(5)
    for session in waiting:
        spilling.schedule_save(None, session)
    waiting[4].inputs["n"] = "newer"
    spilling.schedule_save(None, waiting[4])
    assert (5, 2) == (spilling.status().pending, spilling.status().spilled)
    assert {"n": "newer"} == journal.kept["s4"]
    store.down = False
    assert spilling.flush()

    assert {"n": "newer"} == store.saved["s4"]
    assert [] == journal.revived


def test_what_the_journal_can_not_take_is_not_let_go_of(make: Make, journal: Journal) -> None:
    """A full disk: the caller is told."""

    def full(_: UserSession) -> None:
        raise OSError(28, "No space left on device")

    persistence = make(
        {"max_pending": 1, "when_full": "spill"}, keep=journal.keep, revive=journal.revive
    )
    one, two = sessions(2)
    persistence.schedule_save(None, one)
    object.__setattr__(persistence._options, "keep", full)
    with pytest.raises(QueueFullError, match="No space left"):
        persistence.schedule_save(None, two)

    assert 0 == persistence.status().spilled


def test_a_flush_of_one_that_was_let_go_of_brings_it_back(
    spilling: SessionPersistence, store: Store
) -> None:
    """It is no different from the others."""
    for session in sessions(5):
        spilling.schedule_save(None, session)
    assert not spilling.flush("s4")
    store.down = False
    assert spilling.flush("s4")

    assert {"n": 4} == store.saved["s4"]


def test_a_journal_that_has_to_wait_is_asked_again(
    spilling: SessionPersistence, store: Store, journal: Journal
) -> None:
    """To revive a session may need the store; an error of another kind loses that one alone."""
    journal.errors = [ValueError("damaged"), UnavailableError("down again")]
    for session in sessions(5):
        spilling.schedule_save(None, session)
    del session
    gc.collect()
    store.down = False
    while spilling.status().spilled:
        spilling.flush()
    assert spilling.flush()

    assert {"s0", "s1", "s2", "s4"} == set(store.saved)


def test_what_was_let_go_of_can_be_discarded(spilling: SessionPersistence, store: Store) -> None:
    """As the session was ended."""
    for session in sessions(4):
        spilling.schedule_save(None, session)
    spilling.discard("s3")
    store.down = False
    assert spilling.flush()

    assert {"s0", "s1", "s2"} == set(store.saved)


def test_growth_is_spilled_too(make: Make, journal: Journal) -> None:
    """Sessions that turn out to hold more than may wait are let go of as they are tried."""
    size = 1
    persistence = make(
        {"max_pending_bytes": 1000, "when_full": "spill"},
        lambda _: size,
        keep=journal.keep,
        revive=journal.revive,
    )
    for session in sessions(5):
        persistence.schedule_save(None, session)
    size = 400
    assert not persistence.flush()

    assert persistence.status().pending_bytes <= 1000
    assert 5 == persistence.status().pending


def test_spilling_needs_a_journal(make: Make) -> None:
    """Or it would be losing."""
    with pytest.raises(ConfigError, match="journal"):
        make({"when_full": "spill"})


@pytest.mark.parametrize(
    "wrong", [{"max_pending": 0}, {"max_pending_bytes": 0}, {"full_timeout_ms": -1}]
)
def test_wrong_limits_are_refused(wrong: dict[str, int]) -> None:
    """Each says what is right."""
    with pytest.raises(ConfigError, match="1 or more"):
        QueueLimits(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'block', 'raise', 'spill'"):
        QueueLimits(when_full="drop")


def test_a_close_wakes_who_waits_for_room(make: Make) -> None:
    """They are told that nothing is taken any more."""
    persistence = make({"max_pending": 1, "full_timeout_ms": 10_000_000})
    one, two = sessions(2)
    persistence.schedule_save(None, one)
    ended = []

    def wait() -> None:
        try:
            persistence.schedule_save(None, two)
        except Exception as error:  # noqa: BLE001 - looked at below
            ended.append(str(error))

    with persistence._lock:
        thread = Thread(target=wait, daemon=True)
        thread.start()
        # Whoever waits for room notices the end without any other save.
        persistence._breaker.retry_at = 1e9
    deadline = time.monotonic() + PATIENCE
    while not len(persistence._settled):
        assert time.monotonic() < deadline
        thread.join(0.01)
    persistence._queue.hurry = lambda _: []  # type: ignore[method-assign]
    persistence.close()
    thread.join(PATIENCE)

    assert not thread.is_alive()
    assert ["session 's1' is scheduled after close(): it would be lost"] == ended


# -- the manager ---------------------------------------------------------------


def test_a_manager_tells_hosts_by_an_event_and_the_app_by_an_error(
    open_server: Callable[..., Server],
) -> None:
    """A page is not ended by what its host does in the background; who asks for a save is told."""
    limits = PersistenceSettings(
        debounce_ms=2**31 - 1, max_wait_ms=2**31 - 1, max_pending=1, when_full="raise"
    )
    server = open_server(persistence=limits)
    server.store.down = True
    server.tab().run()
    session = server.tab().run()
    server.manager.schedule_save(session)

    told = server.told(SaveFailed)
    assert [(session.session_id, False)] * 2 == [(one.session_id, one.retrying) for one in told]
    assert "can't wait to be saved" in told[0].error
    with pytest.raises(QueueFullError):
        server.manager.save(session)
    with pytest.raises(QueueFullError):
        server.manager.persist_input("key", 1)
    assert {"key": 1} == session.inputs
