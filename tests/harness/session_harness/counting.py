# SPDX-License-Identifier: Apache-2.0
"""Many writers that count up keys of their own in one session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import Final

import attrs
from session_harness.crews import Crew, Task
from session_harness.replicas import repository_over

from sessionkit.errors import UnavailableError
from sessionkit.persistence import SessionPersistence
from sessionkit.repository.repository import Repository
from sessionkit.session import UserSession
from sessionkit.storage import Storage

Save = Callable[[UserSession], object]

_TRIES: Final = 20
"""How often a save that gave up is repeated."""


@attrs.frozen(kw_only=True)
class Counting:
    """
    Who counts what, and how far.

    Attributes:
        opener: Opens one more handle on the store, in any process.
        times: How often each thread adds one, and saves, in one round.
        rounds: How many rounds.
        processes: How many processes.
        threads: How many threads each of them has.
        session_id: The session that all share.
        live: True for threads that share one object and wait for their saves, as those of an app
            do; False for an object for each thread, as in scripts that use the repository itself.
    """

    opener: Callable[[], Storage]
    times: int
    rounds: int = 1
    processes: int = 2
    threads: int = 4
    session_id: str = "counted"
    live: bool = False

    @property
    def expected(self) -> dict[str, int]:
        """What the session holds when nothing was lost."""
        return {
            key_of(process, thread): self.times * self.rounds
            for process in range(self.processes)
            for thread in range(self.threads)
        }

    @property
    def found(self) -> dict[str, int]:
        """What it holds."""
        with closing(self.opener()) as storage:
            session = _load(repository_over(storage), self.session_id)
            return {key: session.inputs[key] for key in self.expected}

    def begin(self, session: UserSession | None = None) -> None:
        """Store the session, or *session* with its keys, at zero."""
        if session is None:
            session = UserSession(session_id=self.session_id)
        session.inputs.update(dict.fromkeys(self.expected, 0))
        with closing(self.opener()) as storage:
            repository_over(storage).save(session)

    @contextmanager
    def tasks(self, process: int) -> Iterator[Sequence[Task]]:
        """Open the store, load what the threads count in, and yield what each does in a round."""
        with closing(self.opener()) as storage:
            repository = repository_over(storage)
            with _saving(repository, live=self.live) as save:
                sessions = [_load(repository, self.session_id)] * self.threads
                if not self.live:
                    sessions = [_load(repository, self.session_id) for _ in sessions]
                yield [
                    partial(self._count, save, session, key_of(process, thread))
                    for thread, session in enumerate(sessions)
                ]

    def _count(self, save: Save, session: UserSession, key: str) -> None:
        for _ in range(self.times):
            session.inputs[key] += 1
            _until_stored(save, session)


def key_of(process: int, thread: int) -> str:
    """Return which key a thread counts in."""
    return f"count-{process}-{thread}"


def counted_by_processes(counting: Counting) -> dict[str, int]:
    """Let processes count, and return what is stored then."""
    counting.begin()
    members = [partial(counting.tasks, process) for process in range(counting.processes)]
    with Crew(members, counting.rounds) as crew:
        for _ in range(counting.rounds):
            crew.work()
    return counting.found


def counted_by_threads(counting: Counting) -> dict[str, int]:
    """Let threads of this process count, as many as there would be; return what is stored then."""
    counting.begin()
    with ExitStack() as stack:
        tasks = [
            task
            for process in range(counting.processes)
            for task in stack.enter_context(counting.tasks(process))
        ]
        pool = stack.enter_context(ThreadPoolExecutor(len(tasks)))
        for done in [pool.submit(task) for task in tasks]:
            done.result()
    return counting.found


@contextmanager
def _saving(repository: Repository, *, live: bool) -> Iterator[Save]:
    """Yield how a session is saved: as an app does it, or by the repository alone."""
    if not live:
        yield repository.save
        return
    with closing(SessionPersistence(save_many=repository.save_many)) as persistence:
        yield persistence.save_now


def _until_stored(save: Save, session: UserSession) -> None:
    """Save as the writer of a manager does: again, when other writers came between all its tries."""
    for _ in range(_TRIES):
        with suppress(UnavailableError):
            save(session)
            return
    save(session)


def _load(repository: Repository, session_id: str) -> UserSession:
    session = repository.load(session_id)
    if session is None:
        msg = f"session {session_id!r} is not stored"
        raise RuntimeError(msg)
    return session
