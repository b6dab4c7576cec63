# SPDX-License-Identifier: Apache-2.0
"""One session, one field changed: saved and loaded, against the raw driver with the whole document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from math import ceil
from typing import Final

from session_harness.replicas import repository_over

from session_benchmarks.backends import Backend
from session_benchmarks.data import (
    SIZES,
    Document,
    Size,
    as_document,
    change,
    change_document,
    make_session,
)
from session_benchmarks.ours import Stopwatch, opened
from session_benchmarks.plan import Plan
from session_benchmarks.raw_stores import RawStore
from session_benchmarks.rows import NO_TARGET, Point, Row, Target, duration
from session_benchmarks.timing import Pair, Step, interleaved
from sessionkit.repository.repository import Repository
from sessionkit.session import UserSession
from sessionkit.storage import Storage

OURS: Final = "sessionkit"

_MOST_WARM_UP: Final = 200

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


def save_rows(
    backend: Backend, plan: Plan, targets: Targets, sizes: Sequence[Size] = SIZES
) -> Iterator[Row]:
    """Time saves of each size."""
    for size in sizes:
        with closing(backend.open_raw()) as raw, opened(backend) as storage:
            session = make_session(size)
            theirs = RawWriter(raw, as_document(session), session.session_id)
            ours = Writer(repository_over(storage), session)
            warm_up(backend, theirs.save, size.document_bytes)
            warm_up(backend, ours.save, size.document_bytes // size.forms)
            watch = _watched(storage)
            pair = interleaved(theirs.save, ours.save, plan.rounds(size.rounds))
        point = Point(OURS, backend.name, "save", size.name)
        yield _row(point, pair, watch, targets.get(size.name))


def warm_up(backend: Backend, save: Step, written: int) -> None:
    """Save, each time so many bytes, until each save takes as long as the one before."""
    times = min(_MOST_WARM_UP, ceil(backend.log_bytes / written))
    # The numbers before those that follow: a change that was made already would be none.
    for number in range(-times, 0):
        save(number)


def load_rows(
    backend: Backend, plan: Plan, targets: Targets, sizes: Sequence[Size] = SIZES
) -> Iterator[Row]:
    """Time loads of each size: into dicts by the raw driver, into a session by ours."""
    for size in sizes:
        with closing(backend.open_raw()) as raw, opened(backend) as storage:
            session = make_session(size)
            load_raw = partial(raw.load, session.session_id)
            RawWriter(raw, as_document(session), session.session_id)
            repository = repository_over(storage)
            load = partial(repository.load, session.session_id)
            repository.save(session)
            watch = _watched(storage)
            pair = interleaved(lambda _: load_raw(), lambda _: load(), plan.rounds(size.rounds))  # noqa: B023 - called at once
        point = Point(OURS, backend.name, "load", size.name)
        yield _row(point, pair, watch, targets.get(size.name))


def _row(point: Point, pair: Pair, watch: Stopwatch, target: Target | None) -> Row:
    return Row(
        measured=f"{point.store}: {point.verb} {point.size}",
        point=point,
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
