# SPDX-License-Identifier: Apache-2.0
"""Other libraries' saves and loads, and bursts of changes, against the raw driver of their store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from copy import deepcopy
from functools import partial
from time import perf_counter
from typing import Final

from session_benchmarks.backends import Backend
from session_benchmarks.bursts import Burst, burst_row
from session_benchmarks.data import SIZES, SMALL, Size, as_document, make_session
from session_benchmarks.peer_sessions import (
    GatheringSession,
    PeerSession,
    PeerStore,
    find_peer,
)
from session_benchmarks.plan import Plan
from session_benchmarks.raw_stores import RawStore
from session_benchmarks.rows import Point, Row
from session_benchmarks.saves_and_loads import RawWriter, warm_up
from session_benchmarks.timing import Pair, interleaved

_GATHERED: Final = 10_000
_WRITTEN: Final = 200
"""Changes in a burst: those of a library that writes each time take as long each, however many."""


def peer_rows(backend: Backend, plan: Plan, module: str) -> Iterator[Row]:
    """Time what the library that *module* adapts does; nothing when it is not installed."""
    open_store = find_peer(module)
    if open_store is None:
        return
    with ExitStack() as stack:
        raw = stack.enter_context(closing(backend.open_raw()))
        store = open_store(stack, backend.address)
        for size in SIZES:
            yield from _save_and_load(backend, plan, (raw, store), size)
        yield _burst(backend, plan, (raw, store))


def _save_and_load(
    backend: Backend, plan: Plan, stores: tuple[RawStore, PeerStore], size: Size
) -> Iterator[Row]:
    raw, store = stores
    rounds = plan.rounds(size.rounds)
    document = as_document(make_session(size))
    theirs = store.begin(deepcopy(document))
    writer = RawWriter(raw, document, size.name)
    warm_up(backend, writer.save, size.document_bytes)
    warm_up(backend, theirs.save, size.document_bytes)
    saves = interleaved(writer.save, theirs.save, rounds)
    check_stored(theirs)
    yield _row(Point(store.library, backend.name, "save", size.name), saves)
    load = partial(raw.load, size.name)
    loads = interleaved(lambda _: load(), lambda _: theirs.load(), rounds)
    yield _row(Point(store.library, backend.name, "load", size.name), loads)


def _row(point: Point, pair: Pair) -> Row:
    return Row(
        measured=f"{point.library}: {point.verb} {point.size}",
        against=f"{point.store}, raw driver",
        pair=pair,
        point=point,
    )


def check_stored(session: PeerSession) -> None:
    """Raise unless what is stored is what the app has: else it would not be a save that is timed."""
    if dict(session.load()) != dict(session.document):
        msg = f"{type(session).__name__} stored something else than it was given"
        raise RuntimeError(msg)


def _burst(backend: Backend, plan: Plan, stores: tuple[RawStore, PeerStore]) -> Row:
    raw, store = stores
    document = as_document(make_session(SMALL))
    session = store.begin(deepcopy(document))
    point = Point(store.library, backend.name, "burst", SMALL.name)
    return burst_row(point, RawWriter(raw, document, "burst"), partial(burst_of, session), plan)


def burst_of(session: PeerSession) -> Burst:
    """Make many changes; a library that gathers them writes as it will, another one after each."""
    if isinstance(session, GatheringSession):
        seconds, writes = session.burst(_GATHERED)
        return Burst(seconds, writes, _GATHERED)
    begin = perf_counter()
    for number in range(_WRITTEN):
        session.save(number)
    return Burst(perf_counter() - begin, _WRITTEN, _WRITTEN)
