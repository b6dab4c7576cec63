# SPDX-License-Identifier: Apache-2.0
"""What a rerun costs that asks whether somebody else has saved the session, when nobody has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Final

from session_harness.replicas import repository_over

from session_benchmarks.backends import Contended
from session_benchmarks.data import SIZES, as_document, make_session
from session_benchmarks.ours import Stopwatch, opened
from session_benchmarks.plan import Plan
from session_benchmarks.rows import Row
from session_benchmarks.timing import calls_in, interleaved
from sessionkit.storage import HeadStorage, Storage

_ROUNDS: Final = 300
_MEASURED: Final = (SIZES[0], SIZES[2])


def refresh_rows(store: Contended, plan: Plan) -> Iterator[Row]:
    """Time refreshes of a small and a large session, and count what they read."""
    rounds = plan.rounds(_ROUNDS)
    for size in _MEASURED:
        with closing(store.open_raw()) as raw, opened(store) as storage:
            heads, wholes = _watched(storage)
            session = make_session(size)
            repository = repository_over(storage)
            repository.save(session)  # the first one of a user's session reads, too
            saved = heads.calls, wholes.calls
            raw.swap(session.session_id, 1, as_document(session))
            look = partial(raw.version, session.session_id)
            refresh = partial(repository.refresh, session)
            pair = interleaved(lambda _: look(), lambda _: refresh(), rounds)  # noqa: B023 - called at once
        times = calls_in(rounds)
        read = heads.calls - saved[0], wholes.calls - saved[1]
        yield Row(
            measured=f"{store.name}: refresh of {size.name}, nothing new",
            against="raw driver reads the version",
            pair=pair,
            note=f"head reads: {read[0] / times:g}, whole reads: {read[1] / times:g}",
        )


def _watched(storage: Storage) -> tuple[Stopwatch, Stopwatch]:
    """Note reads of heads and of whole sessions."""
    heads, wholes = Stopwatch(), Stopwatch()
    # On the object itself: it stays what it is for whoever looks at its class.
    vars(storage).update(read=wholes.around(storage.read))
    if isinstance(storage, HeadStorage):
        vars(storage).update(read_head=heads.around(storage.read_head))
    return heads, wholes
