# SPDX-License-Identifier: Apache-2.0
"""Saves: as commands, and what their answers mean."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import attrs

from sessionkit.errors import ConflictError, RejectedError, StorageError
from sessionkit.records import SessionHead, SessionWrite, short
from sessionkit_redis.calls import Calls
from sessionkit_redis.failures import encoding_failure
from sessionkit_redis.layout import Keys, ahead_field, head_of, part_field, values_of
from sessionkit_redis.registries import Entry, UserIndex
from sessionkit_redis.scripts import NOT_AHEAD, SAVE, STORED, UNLISTED, Command, call

LARGE: Final = 50_000
"""Bytes from which on a part is sent ahead of the script: below, a copy through Lua costs less."""


class Saver:
    """Saves many sessions in a few packets."""

    def __init__(
        self,
        calls: Calls,
        keys: Keys,
        index: UserIndex,
        *,
        max_part_bytes: int,
        message: Callable[[bytes], bytes] | None,
    ) -> None:
        """
        Save through *calls*.

        Args:
            calls: The way to the servers.
            keys: The names of keys.
            index: Lists sessions by owner.
            max_part_bytes: A larger part is refused.
            message: Returns what to tell of a session, or None to tell nothing.
        """
        self._calls = calls
        self._keys = keys
        self._index = index
        self._max_part_bytes = max_part_bytes
        self._message = message

    def save(self, writes: Sequence[SessionWrite]) -> list[StorageError | None]:
        """Save each, and return what came of it."""
        saves = [_Save(write) for write in writes]
        for save in saves:
            self._check(save)
        self._list([one for one in saves if one.entry and one.write.expected is None])
        # Three rounds at most: an answer that ends nothing sets a flag for the next one.
        while open_ := [one for one in saves if not one.is_done]:
            self._send(open_)
            self._list([one for one in open_ if one.entry and not one.listed])
        self._settle_owners([one for one in saves if one.is_new_to_owner])
        return [one.outcome for one in saves]

    def _check(self, save: _Save) -> None:
        write, head = save.write, save.write.head
        try:
            "".join(
                (head.session_id, head.save_id, head.user_id or "", *write.put, *write.remove)
            ).encode()
        except UnicodeEncodeError as error:
            save.end(encoding_failure(self._calls.place, error))
        for name, data in write.put.items():
            if len(data) > self._max_part_bytes:
                save.end(self._too_large(head.session_id, name, len(data)))

    def _too_large(self, session_id: str, name: str, size: int) -> RejectedError:
        msg = (
            f"{self._calls.place}: part {name!r} of session {short(session_id)!r} has {size} bytes,"
            f" max_part_bytes is {self._max_part_bytes}; keep large data elsewhere, or raise it"
        )
        return RejectedError(msg)

    def _list(self, saves: Sequence[_Save]) -> None:
        saves = [one for one in saves if not one.is_done]
        if not saves:
            return
        answers = self._index.add([one.entry for one in saves if one.entry])
        for save, answer in zip(saves, answers, strict=True):
            save.listed = True
            if isinstance(answer, BaseException):
                save.end(self._calls.failure(answer))

    def _send(self, saves: Sequence[_Save]) -> None:
        commands: list[Command] = []
        ends = []
        for save in saves:
            commands += self._commands(save)
            ends.append(len(commands) - 1)
        answers = self._calls.many(commands, durable=True)
        for save, end in zip(saves, ends, strict=True):
            self._note_answer(save, answers[end])

    def _commands(self, save: _Save) -> list[Command]:
        write, head = save.write, save.write.head
        session_id = head.session_id.encode()
        key, bucket = self._keys.session(session_id)
        ahead = () if save.inline or write.expected is None else _large_parts(write)
        parts = _fields_of(write, ahead)
        sent = [(name, ahead_field(head.save_id, name)) for name in ahead]
        owner = _owner_of(head)
        script = call(
            SAVE,
            (key, bucket.active, bucket.expiry, bucket.owners),
            write.expected or "",
            *values_of(head),
            "" if owner is None else f"u{owner}",
            self._more(save, len(parts), len(sent)),
            *parts,
            *(text for pair in sent for text in pair),
            *write.remove,
        )
        # The hash may hold fields that no head refers to: readers skip them.
        return [("HSET", key, field, write.put[name], "s", 1) for name, field in sent] + [script]

    def _more(self, save: _Save, parts: int, sent: int) -> bytes:
        """Return what the script has to know unless parts are all that follows."""
        if not (save.listed or sent or save.write.remove or self._message):
            return b""
        session_id = save.write.head.session_id.encode()
        message = self._message(session_id) if self._message else b""
        return b"%d,%d,%d,%s" % (save.listed, parts, sent, message)

    def _note_answer(self, save: _Save, answer: Any) -> None:  # noqa: ANN401 - whatever Redis answers
        if isinstance(answer, BaseException):
            save.end(self._calls.failure(answer))
        elif answer == STORED:
            save.end()
        elif answer == NOT_AHEAD:
            save.inline = True
        elif answer != UNLISTED:
            self._note_outcome(save, *answer)

    def _note_outcome(self, save: _Save, is_stored: int, found: Any) -> None:  # noqa: ANN401 - whatever Redis answers
        session_id = save.write.head.session_id
        if not is_stored:
            save.end(ConflictError(session_id, head_of(session_id, found)))
            return
        save.owned = found.decode()[1:] if found else None
        save.is_new_to_owner = True
        save.end()

    def _settle_owners(self, saves: Sequence[_Save]) -> None:
        # All is stored and listed. What fails here is healed when the index is read.
        if not saves:
            return
        self._index.add([one.entry for one in saves if one.entry])
        before = [(one.owned, one.write.head.session_id) for one in saves if one.owned is not None]
        try:
            self._index.remove(before)
        except StorageError:
            return


@attrs.define
class _Save:
    """
    A save on its way.

    Attributes:
        write: What is saved.
        listed: Whether its owner's index is written.
        inline: Whether large parts go through the script, too.
        owned: Who owned the session before, once it is stored for another owner.
        is_new_to_owner: Whether it is.
        is_done: Whether ``outcome`` stands.
        outcome: What came of it.
    """

    write: SessionWrite
    listed: bool = False
    inline: bool = False
    owned: str | None = None
    is_new_to_owner: bool = False
    is_done: bool = False
    outcome: StorageError | None = None

    def end(self, outcome: StorageError | None = None) -> None:
        """Be done."""
        self.is_done, self.outcome = True, outcome

    @property
    def entry(self) -> Entry | None:
        """What the index must hold."""
        owner = _owner_of(self.write.head)
        return None if owner is None else (owner, self.write.head.session_id)


def _owner_of(head: SessionHead) -> str | None:
    """Return whose index lists a session."""
    return None if head.ended else head.user_id


def _large_parts(write: SessionWrite) -> Collection[str]:
    return [name for name, data in write.put.items() if len(data) >= LARGE]


def _fields_of(write: SessionWrite, ahead: Collection[str]) -> list[bytes]:
    parts: list[bytes] = []
    for name, data in write.put.items():
        if name not in ahead:
            parts += (part_field(name), data)
    return parts
