# SPDX-License-Identifier: Apache-2.0
"""Other libraries that are timed: that they store what they are given, and what their rows say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from copy import deepcopy

import pytest
from session_benchmarks import peer_rows
from session_benchmarks.backends import Backend, postgresql, redis, sqlite
from session_benchmarks.data import SMALL, Document, as_document, change_document, make_session
from session_benchmarks.peer_rows import Burst, burst_of, check_stored
from session_benchmarks.peer_sessions import PeerStore, find_peer
from session_benchmarks.plan import Plan
from session_harness.processes import needed

ONCE = Plan(rounds_share=0.0)

# What others' code warns of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(name="stores", scope="module")
def _stores() -> Iterator[dict[str, Backend]]:
    """Return a store of each kind, for all tests."""
    opened: dict[str, AbstractContextManager[Backend]] = {
        "sqlite": sqlite("NORMAL"),
        "postgresql": postgresql(),
        "redis": redis(),
    }
    with ExitStack() as stack:
        with needed():
            stores = {name: stack.enter_context(store) for name, store in opened.items()}
        yield stores


@pytest.mark.parametrize(
    ("module", "store", "library"),
    [
        ("django_store", "sqlite", ", db"),
        ("django_store", "postgresql", ", db"),
        ("django_store", "redis", ", cache"),
        ("flask_store", "sqlite", ", sqlalchemy"),
        ("flask_store", "redis", ", redis"),
        ("starsessions_store", "redis", ", redis"),
        ("nicegui_store", "sqlite", ", file"),
    ],
)
def test_peers_store_each_change(
    module: str, store: str, library: str, stores: dict[str, Backend]
) -> None:
    """A save that is timed is one that another connection can load, the change included."""
    open_store = find_peer(module)
    if open_store is None:
        pytest.skip(f"the library of {module} is not installed: dependency group bench")
    document = as_document(make_session(SMALL))
    with ExitStack() as stack:
        peer = open_store(stack, stores[store].address)
        session = peer.begin(deepcopy(document))

        session.save(3)

        change_document(document, 3)
        assert document == dict(session.load())
        assert peer.library.endswith(library)


class Forgetful:
    """Keeps what it was given first, and counts its saves."""

    def __init__(self, document: Document) -> None:
        """Keep it."""
        self._stored = deepcopy(document)
        self.document = document
        self.saves = 0

    def save(self, number: int) -> None:
        """Change what the app sees, and store nothing."""
        change_document(self.document, number)
        self.saves += 1

    def load(self) -> Document:
        """Return what was kept."""
        return self._stored


def test_save_that_stores_nothing_ends_the_run() -> None:
    """An adapter that stores nothing would be the fastest of all."""
    session = Forgetful(as_document(make_session(SMALL)))
    check_stored(session)
    session.save(1)

    with pytest.raises(RuntimeError, match="Forgetful stored something else"):
        check_stored(session)


def test_ordinary_library_writes_each_change() -> None:
    """Where each change is saved at once, there are as many writes as changes."""
    session = Forgetful(as_document(make_session(SMALL)))

    burst = burst_of(session)

    assert Burst(burst.seconds, session.saves, session.saves) == burst


def test_rows_name_library_and_store(
    monkeypatch: pytest.MonkeyPatch, stores: dict[str, Backend]
) -> None:
    """Saves and loads of each size and a burst have a row each, at their place in the tables."""
    monkeypatch.setattr(peer_rows, "check_stored", lambda _: None)
    monkeypatch.setattr(peer_rows, "find_peer", lambda _: lambda *_: PeerStore("some", Forgetful))

    rows = list(peer_rows.peer_rows(stores["sqlite"], ONCE, "some_store"))

    points = [row.point for row in rows if row.point is not None]
    assert {("some", "SQLite NORMAL")} == {(point.library, point.store) for point in points}
    assert ["save", "load"] * 4 + ["burst"] == [point.verb for point in points]
    assert "some: save 2 kB" == rows[0].measured
    assert "200 writes for 200 changes" == rows[-1].note


def test_library_that_is_not_installed_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stores: dict[str, Backend]
) -> None:
    """Without a library the run goes on, and says what is not there."""
    monkeypatch.setitem(sys.modules, "starsessions", None)
    monkeypatch.delitem(
        sys.modules, "session_benchmarks.peer_stores.starsessions_store", raising=False
    )

    assert [] == list(peer_rows.peer_rows(stores["redis"], ONCE, "starsessions_store"))
    assert "left out: starsessions_store" in capsys.readouterr().err
