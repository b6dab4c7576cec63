# SPDX-License-Identifier: Apache-2.0
"""Two visits of one session in a fixed order: what becomes of what each of them did."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Final, Protocol

import attrs


class RefusedError(Exception):
    """A library says that it did not store what a visit changed."""


class Visit(Protocol):
    """One request, or one run of a page, from loading the session to saving it."""

    @property
    def data(self) -> MutableMapping[str, Any]:
        """What the app keeps in the session."""

    def changed(self) -> None:
        """Do what an app does after each change by the library's documentation; often nothing."""

    def log_out(self) -> None:
        """End the session as the library's documentation says."""

    def finish(self) -> None:
        """
        Do what the library does when the request is over.

        Raises:
            RefusedError: If it says that the changes were not stored.
        """


class Library(Protocol):
    """Keeps sessions."""

    def begin(self, data: Mapping[str, Any]) -> str:
        """Store a new session and return its id."""

    def visit(self, session_id: str) -> Visit:
        """Begin a request by the browser that has this id."""


@attrs.frozen
class Schedule:
    """
    Two visits in a fixed order.

    Attributes:
        name: As tables call it.
        promise: What has to hold.
        holds: Runs it, and returns whether that does.
    """

    name: str
    promise: str
    holds: Callable[[Library], bool]


def different_keys(library: Library) -> bool:
    """Two tabs load, each writes a key of its own, one saves after the other."""
    session_id, one, other = _two_visits(library)
    _set(one, "one", 1)
    _set(other, "other", 2)
    one.finish()
    other.finish()
    return {"one": 1, "other": 2}.items() <= content(library, session_id).items()


def stale_save_after_logout(library: Library) -> bool:
    """One tab loads, another one logs out, the first one writes and saves."""
    session_id, stale, leaving = _two_visits(library)
    leaving.log_out()
    leaving.finish()
    _set(stale, "late", 1)
    with suppress(RefusedError):
        stale.finish()
    return {"user", "late"}.isdisjoint(content(library, session_id))


def nested_change(library: Library) -> bool:
    """A tab appends to a list in a dict in the session."""
    session_id = library.begin({"cart": {"items": ["milk"]}})
    visit = library.visit(session_id)
    visit.data["cart"]["items"].append("tea")
    visit.changed()
    visit.finish()
    stored: object = content(library, session_id)["cart"]
    return stored == {"items": ["milk", "tea"]}


def stale_tab_that_wrote_nothing(library: Library) -> bool:
    """Two tabs load; one writes and saves; the other one, which only read, is done after it."""
    session_id, idle, busy = _two_visits(library)
    _set(busy, "busy", 1)
    busy.finish()
    idle.finish()
    return "busy" in content(library, session_id)


SCHEDULES: Final = (
    Schedule("S1", "two tabs write different keys: both are kept", different_keys),
    Schedule("S2", "a stale save does not bring back who logged out", stale_save_after_logout),
    Schedule("S3", "a change inside a nested value is saved", nested_change),
    Schedule(
        "S4", "a stale tab that wrote nothing overwrites nothing", stale_tab_that_wrote_nothing
    ),
)


@attrs.frozen(kw_only=True)
class Race:
    """
    Two tabs of one session that come at random times; each visit reads at its begin, writes a key of its own and saves at its end.

    The times are those of a seeded generator, not of a clock: all libraries meet the
    same ones, on any machine.

    Attributes:
        pause: How long a tab waits between two visits, in average lengths of a visit.
        visits: How often each tab comes.
        seed: Makes the times.
    """

    pause: float
    visits: int = 200
    seed: int = 7

    def lost(self, library: Library) -> float:
        """Run it; return which share of the writes is not there at the end."""
        session_id = library.begin({"user": "ada"})
        open_visits: dict[str, Visit] = {}
        for _, key in sorted(self._moments()):
            visit = open_visits.pop(key, None)
            if visit is None:
                open_visits[key] = _visit(library, session_id)
            else:
                _set(visit, key, 1)
                visit.finish()
        kept = content(library, session_id).keys()
        keys = {key for _, key in self._moments()}
        return len(keys - kept) / len(keys)

    def _moments(self) -> Iterator[tuple[float, str]]:
        """Yield when each visit begins and when it is finished, with the key that it writes."""
        chance = random.Random(self.seed)  # noqa: S311 - no secret
        for tab in ("one", "other"):
            time = 0.0
            for number in range(self.visits):
                for longest in (2 * self.pause, 2.0):
                    time += longest * chance.random()
                    yield time, f"{tab}-{number}"


def content(library: Library, session_id: str) -> dict[str, Any]:
    """Return what a further visit finds."""
    visit = library.visit(session_id)
    found = dict(visit.data)
    visit.finish()
    return found


def _two_visits(library: Library) -> tuple[str, Visit, Visit]:
    """Store a session; return its id and two visits that both have looked at it."""
    session_id = library.begin({"user": "ada"})
    return session_id, _visit(library, session_id), _visit(library, session_id)


def _visit(library: Library, session_id: str) -> Visit:
    """Begin a request that looks at the session; some libraries load it no earlier than that."""
    visit = library.visit(session_id)
    if visit.data["user"] != "ada":
        msg = f"session {session_id!r}, which was stored, is not there"
        raise RuntimeError(msg)
    return visit


def _set(visit: Visit, key: str, value: object) -> None:
    visit.data[key] = value
    visit.changed()
