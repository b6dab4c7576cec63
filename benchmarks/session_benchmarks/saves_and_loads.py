# SPDX-License-Identifier: Apache-2.0
"""One session, one field changed: saved and loaded, against the raw driver with the whole document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial

from session_harness.replicas import repository_over

from session_benchmarks.backends import Backend
from session_benchmarks.data import (
    SIZES,
    Document,
    as_document,
    change,
    change_document,
    make_session,
)
from session_benchmarks.ours import Stopwatch, opened
from session_benchmarks.plan import Plan
from session_benchmarks.raw_stores import RawStore
from session_benchmarks.rows import NO_TARGET, Row, Target, duration
from session_benchmarks.timing import Pair, interleaved
from sessionkit.repository import Repository
from sessionkit.session import UserSession
from sessionkit.storage import Storage

Targets = Mapping[str, Target]
"""By a size's name."""


class RawWriter:
    """Saves one document through a raw driver, version after version."""

    def __init__(self, raw: RawStore, document: Document, key: str) -> None:
        """Store the first version."""
        self._raw = raw
        self._document = document
        self._key = key
        self._version = 0
        self.save(0)

    def save(self, number: int) -> None:
        """Change one field and save all."""
        change_document(self._document, number)
        self._version += 1
        self._raw.save(self._key, self._version, self._document)


class Writer:
    """Saves one session through a repository."""

    def __init__(self, repository: Repository, session: UserSession) -> None:
        """Store it for the first time."""
        self._repository = repository
        self._session = session
        repository.save(session)

    def save(self, number: int) -> None:
        """Change one field and save."""
        change(self._session, number)
        self._repository.save(self._session)


def save_rows(backend: Backend, plan: Plan, targets: Targets) -> Iterator[Row]:
    """Time saves of each size."""
    for size in SIZES:
        with closing(backend.open_raw()) as raw, opened(backend) as storage:
            session = make_session(size)
            theirs = RawWriter(raw, as_document(session), session.session_id)
            ours = Writer(repository_over(storage), session)
            watch = _watched(storage)
            pair = interleaved(theirs.save, ours.save, plan.rounds(size.rounds))
        yield _row(f"{backend.name}: save {size.name}", pair, watch, targets.get(size.name))


def load_rows(backend: Backend, plan: Plan, targets: Targets) -> Iterator[Row]:
    """Time loads of each size: into dicts by the raw driver, into a session by ours."""
    for size in SIZES:
        with closing(backend.open_raw()) as raw, opened(backend) as storage:
            session = make_session(size)
            load_raw = partial(raw.load, session.session_id)
            RawWriter(raw, as_document(session), session.session_id)
            repository = repository_over(storage)
            load = partial(repository.load, session.session_id)
            repository.save(session)
            watch = _watched(storage)
            pair = interleaved(lambda _: load_raw(), lambda _: load(), plan.rounds(size.rounds))  # noqa: B023 - called at once
        yield _row(f"{backend.name}: load {size.name}", pair, watch, targets.get(size.name))


def _row(measured: str, pair: Pair, watch: Stopwatch, target: Target | None) -> Row:
    return Row(
        measured=measured,
        against="raw driver",
        pair=pair,
        target=target or NO_TARGET,
        note=f"{duration(watch.median)} in the storage",
    )


def _watched(storage: Storage) -> Stopwatch:
    watch = Stopwatch()
    # On the object itself: it stays what it is for whoever looks at its class.
    vars(storage).update(read=watch.around(storage.read), write=watch.around(storage.write))
    return watch
