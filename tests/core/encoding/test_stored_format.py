# SPDX-License-Identifier: Apache-2.0
"""What release 0.1 stored is read as it was meant, and written to the byte as it was."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import pytest
from session_harness.data import content

from sessionkit import (
    FormSnapshot,
    FormState,
    NavigationEntry,
    SessionHead,
    SessionManager,
    SessionRepository,
    SessionWrite,
    UserSession,
    load_settings,
)
from sessionkit.defaults.memory import MemoryStorage
from sessionkit.testing.serializers import assert_same

RECORDS = json.loads(Path(__file__).with_name("stored_format.json").read_text(encoding="utf-8"))
"""Heads and parts, in base64, by kind; written by the first release that had this format, or patches in it."""

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
WORDS = {
    "msgpack, one part": 1,
    "msgpack, many parts": 4000,
    "msgpack, patched": 8000,
    "json, one part": 1,
}
KINDS = sorted(WORDS)


def sample(words: int) -> UserSession:
    """Return a session with something of each kind in it, twice changed."""
    snapshot = FormSnapshot(
        snapshot_id="p1", form_id="order", data={"item": "tea"}, timestamp=NOON, description="first"
    )
    form = FormState(
        form_id="order",
        data={"item": "tea", "amount": Decimal("1.50"), "when": date(2026, 11, 2)},
        errors={"item": ["sold out"]},
        last_saved=NOON,
        snapshots=[snapshot],
    )
    return UserSession(
        session_id="s",
        user_id="ada",
        authenticated=True,
        roles={"editor", "reader"},
        permissions={"write"},
        inputs={
            "name": "Ada",
            "range": (date(2026, 1, 1), date(2026, 2, 1)),
            "id": UUID(int=7),
            "raw": b"\x00\xff",
            "tags": frozenset({"a", "b"}),
            "counts": {1: "one", "two": [2, None, True, 0.5]},
            "text": "word " * words,
        },
        form_states={"order": form},
        dirty_forms={"order"},
        navigation_history=[
            NavigationEntry(page="home", params={"n": 1}, timestamp=NOON, entry_id="e1")
        ],
        page_views={"home": 1},
        cache_keys={"orders"},
        cache_dependencies={"orders": {"user"}},
        interaction_count=3,
        theme="dark",
        language="en",
        timezone="Europe/Vienna",
        created_at=NOON,
        last_activity=NOON,
        extensions={"plugin": {"kept": [1, 2]}},
    )


@pytest.fixture(name="manager", autouse=True)
def _manager() -> Iterator[None]:
    """Have settings of our own in force."""
    with SessionManager(load_settings(storage="memory")):
        yield


def stored(kind: str) -> MemoryStorage:
    """Save the sample, change it, and save again."""
    storage = MemoryStorage()
    serializer = kind.partition(",")[0]
    session = sample(WORDS[kind])
    for moment in (NOON, LATER):
        SessionRepository(storage, serializer, now=lambda moment=moment: moment).save(session)
        session.inputs["name"] = "Ada Lovelace"
        session.form_states["order"].data["item"] = "coffee"
    return storage


def record(storage: MemoryStorage) -> dict[str, Any]:
    """Return what is stored, for a file; what is random is left out."""
    found = storage.read("s")
    assert found is not None
    head = attrs.asdict(found.head)
    del head["save_id"], head["recent"]
    parts = {name: b64encode(part).decode() for name, part in sorted(found.parts.items())}
    return {"head": head, "parts": parts}


@pytest.mark.parametrize("kind", KINDS)
def test_is_written_as_it_was(kind: str) -> None:
    """Equal bytes: an older release that runs beside this one reads what it stores."""
    assert RECORDS[kind] == record(stored(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_is_read_as_it_was_meant(kind: str) -> None:
    """What was stored is there, value by value, and its next save stores nothing else."""
    storage = MemoryStorage()
    head = SessionHead(**RECORDS[kind]["head"], save_id="before", recent=())
    parts = {name: b64decode(part) for name, part in RECORDS[kind]["parts"].items()}
    storage.write(SessionWrite(head=head, expected=None, put=parts, remove=()))
    repository = SessionRepository(storage, kind.partition(",")[0], now=lambda: LATER)
    session = repository.load("s")
    assert session is not None
    repository.save(session)

    expected = sample(WORDS[kind])
    expected.inputs["name"] = "Ada Lovelace"
    expected.form_states["order"].data["item"] = "coffee"
    assert_same(content(expected), content(session))
    assert RECORDS[kind] == record(storage)
