# SPDX-License-Identifier: Apache-2.0
"""Saves: large parts go ahead of the script that makes them count, the owner's index before both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis.asyncio
from session_harness import valkeys

from sessionkit.errors import (
    ConflictError,
    RejectedError,
    UnavailableError,
)
from sessionkit.records import StoredSession
from sessionkit.testing.storage_samples import (
    NOW,
    first,
    following,
    head,
    save_id,
)
from sessionkit_redis.calls import Calls
from sessionkit_redis.layout import ahead_field
from sessionkit_redis.registries import UserIndex
from sessionkit_redis.saves import LARGE
from sessionkit_redis.storage import RedisStorage

BIG = b"\x00" * LARGE

BIGGER = b"\x01" * (LARGE + 1)

SMALL = b"s"


def _raw(valkey: valkeys.Node, session_id: str = "s") -> dict[str, Any]:
    (key,) = valkey.client.keys(f"sk:*:s:{session_id}")
    return valkey.client.hgetall(key)  # type: ignore[return-value]  # the driver's, for both its kinds


def _send_ahead(valkey: valkeys.Node, save: str, name: str = "p") -> None:
    """Do what a writer does who dies before its script is run."""
    (key,) = valkey.client.keys("sk:*:s:s")
    valkey.client.hset(key, mapping={ahead_field(save, name): BIG, "s": 1})


@pytest.mark.parametrize(
    "steps",
    [
        [{"p": BIG}, {"p": BIGGER}],
        [{"p": SMALL}, {"p": BIG}, {"p": SMALL}],
        [{"p": SMALL}, {"p": BIG}, {"q": BIG}, {"p": BIGGER}],
        [{"p": BIG, "q": BIGGER}, {"q": BIG}, {"p": SMALL, "q": SMALL}],
        [{}, {"p": BIG, "é}{ ": BIGGER, "q": SMALL}, {"é}{ ": SMALL}],
    ],
)
def test_parts_grow_and_shrink(
    storage: RedisStorage, valkey: valkeys.Node, steps: list[dict[str, bytes]]
) -> None:
    """Whatever size a part has and had, the last one is read, and no other is kept."""
    expected: dict[str, bytes] = {}
    for version, put in enumerate(steps, start=1):
        storage.write(first(put=put) if version == 1 else following(version, put=put))
        expected |= put

        assert StoredSession(head=head(version=version), parts=expected) == storage.read("s")
    kept = sum(len(data) >= LARGE for data in expected.values())
    assert kept == sum(len(data) >= LARGE for data in _raw(valkey).values())


def test_large_parts_are_removed(storage: RedisStorage, valkey: valkeys.Node) -> None:
    """A removed large part leaves nothing."""
    storage.write(first())
    storage.write(following(2, put={"p": BIG, "q": SMALL}))
    storage.write(following(3, remove=["p"]))

    assert StoredSession(head=head(version=3), parts={"q": SMALL}) == storage.read("s")
    assert {"i", "h", "a", "x", "p:q"} == _raw(valkey).keys()


def test_repeated_save_keeps_its_large_part(storage: RedisStorage) -> None:
    """A save that is sent again, also after a foreign one on top of it, takes no part away."""
    write = following(2, put={"p": BIG})
    storage.write(first())
    storage.write(write)
    storage.write(write)
    storage.write(following(3, put={"q": SMALL}))

    with pytest.raises(ConflictError):
        storage.write(write)

    parts = {"p": BIG, "q": SMALL}
    assert StoredSession(head=head(version=3), parts=parts) == storage.read("s")


def test_refused_save_leaves_nothing(storage: RedisStorage, valkey: valkeys.Node) -> None:
    """What was sent ahead of a save that meets a conflict is swept away, what is in use is not."""
    storage.write(first())
    storage.write(following(2, put={"p": BIG}))

    with pytest.raises(ConflictError):
        storage.write(following(2, put={"p": BIGGER, "q": BIGGER}, save_id="f" * 16))

    assert StoredSession(head=head(version=2), parts={"p": BIG}) == storage.read("s")
    assert 1 == sum(len(data) >= LARGE for data in _raw(valkey).values())


def test_refused_save_of_a_deleted_session_leaves_nothing(
    storage: RedisStorage, valkey: valkeys.Node
) -> None:
    """What was sent ahead to nothing makes no session."""
    with pytest.raises(ConflictError) as caught:
        storage.write(following(2, put={"p": BIG}))

    assert caught.value.current is None
    assert [] == valkey.client.keys("*")


def test_dead_writer_leaves_the_session_as_it_was(
    storage: RedisStorage, valkey: valkeys.Node
) -> None:
    """Of a save whose writer died half-way nothing is read, and the next save sweeps it away."""
    storage.write(first(put={"p": SMALL}))
    _send_ahead(valkey, "f" * 16)

    assert StoredSession(head=head(), parts={"p": SMALL}) == storage.read("s")

    storage.write(following(2))
    assert {"i", "h", "a", "x", "p:p"} == _raw(valkey).keys()


def test_what_was_sent_ahead_is_no_session(storage: RedisStorage, valkey: valkeys.Node) -> None:
    """A part without a session is none: not read, touched, deleted, listed or in the way."""
    storage.write(first())
    (key,) = valkey.client.keys("sk:*:s:s")
    storage.delete("s")
    valkey.client.hset(key, mapping={ahead_field(save_id(2), "p"): BIG, "s": 1})

    assert storage.read("s") is None
    assert not storage.touch("s", last_activity=NOW, expires_at=None)
    assert [] == list(storage.find().heads)
    assert not storage.delete("s")

    storage.write(first(put={"q": SMALL}))
    assert StoredSession(head=head(), parts={"q": SMALL}) == storage.read("s")


def test_part_that_was_swept_away_is_sent_again(
    storage: RedisStorage, monkeypatch: pytest.MonkeyPatch, valkey: valkeys.Node
) -> None:
    """A save whose part someone else swept away meanwhile sends it inside the script."""
    storage.write(first())
    sent = Calls.many
    commands: list[str] = []

    def many(calls: Calls, batch: Any, **keywords: Any) -> Any:
        commands.extend(command[0] for command in batch)
        kept = [command for command in batch if command[0] != "HSET"]
        return [None] * (len(batch) - len(kept)) + sent(calls, kept, **keywords)

    monkeypatch.setattr(Calls, "many", many)
    storage.write(following(2, put={"p": BIG}))

    assert ["HSET", "EVALSHA", "EVALSHA"] == commands
    assert StoredSession(head=head(version=2), parts={"p": BIG}) == storage.read("s")
    assert "p:p" in _raw(valkey)


def test_index_is_written_before_the_session(
    storage: RedisStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the index can't be written the session isn't either: none is ever unlisted."""
    storage.write(first("old"))
    failed = [redis.ConnectionError("no index")]
    monkeypatch.setattr(UserIndex, "add", lambda _, entries: failed * len(entries))

    outcomes = storage.write_many([first("new", user_id="u"), following(2, "old", user_id="u")])

    assert [UnavailableError] * 2 == [type(outcome) for outcome in outcomes]
    assert storage.read("new") is None
    stored = storage.read("old")
    assert stored is not None
    assert 1 == stored.head.version


def test_steady_saves_write_no_index(
    storage: RedisStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that stays its owner's is saved by one command."""
    storage.write(first(user_id="u"))
    sent: list[int] = []
    many = Calls.many

    def counted(calls: Calls, batch: Any, **keywords: Any) -> Any:
        sent.append(len(batch))
        return many(calls, batch, **keywords)

    monkeypatch.setattr(Calls, "many", counted)
    storage.write(following(2, user_id="u"))

    assert [1] == sent


def test_too_large_part(url: str, opened: Callable[..., RedisStorage]) -> None:
    """A part above the limit is refused before it is sent, and fails no other save."""
    storage = opened(url, max_part_bytes=10)

    outcomes = storage.write_many([first("a", {"p": b"x" * 11}), first("b", {"p": b"x" * 10})])

    assert [RejectedError, type(None)] == [type(outcome) for outcome in outcomes]
    assert "part 'p' of session 'a' has 11 bytes, max_part_bytes is 10" in str(outcomes[0])


@pytest.mark.parametrize("field", ["id", "part", "owner"])
def test_names_without_bytes(storage: RedisStorage, field: str) -> None:
    """A lone surrogate is no text: refused, and no other save fails."""
    bad = {
        "id": first("\ud800"),
        "part": first("bad", {"\ud800": b""}),
        "owner": first("bad", user_id="\ud800"),
    }[field]

    outcomes = storage.write_many([bad, first("fine")])

    assert [RejectedError, type(None)] == [type(outcome) for outcome in outcomes]
    with pytest.raises(RejectedError, match="UTF-8"):
        storage.read("\ud800")
