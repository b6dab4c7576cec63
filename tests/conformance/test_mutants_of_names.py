# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - a mutant says in one place what is broken about it
"""The storage suite catches storages that are broken on purpose: names."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.records import SessionWrite, StoredSession

pytest_plugins = ["pytester"]


class Renaming(MemoryStorage):
    """Keeps names as *folded* makes them."""

    folded: Callable[[str], str]

    def write(self, write: SessionWrite) -> None:
        head = attrs.evolve(write.head, session_id=self._key(write.head.session_id))
        super().write(attrs.evolve(write, head=head))

    def read(self, session_id: str) -> StoredSession | None:
        stored = super().read(self._key(session_id))
        return stored and attrs.evolve(
            stored, head=attrs.evolve(stored.head, session_id=session_id)
        )

    def delete(self, session_id: str) -> bool:
        return super().delete(self._key(session_id))

    def _key(self, name: str) -> str:
        return type(self).folded(name)


class CaseBlind(Renaming):
    """'Ab' and 'ab' are one session."""

    folded = staticmethod(str.casefold)


class StripsBlanks(Renaming):
    """'ab ' and 'ab' are one session, as with PAD SPACE collations."""

    folded = staticmethod(str.rstrip)


class Normalizes(Renaming):
    """Composed and decomposed letters are one."""

    folded = staticmethod(lambda name: unicodedata.normalize("NFC", name))


class CutsIds(Renaming):
    """Ids end after 127 characters."""

    folded = staticmethod(lambda name: name[:127])


class HashTags(Renaming):
    """What stands in braces is taken for the whole id, as a cluster's slot is found."""

    folded = staticmethod(lambda name: name.partition("{")[2].partition("}")[0] or name)


class StripsUsers(MemoryStorage):
    """A user's name ends at its first line."""

    def write(self, write: SessionWrite) -> None:
        user_id = write.head.user_id and write.head.user_id.partition("\n")[0]
        super().write(attrs.evolve(write, head=attrs.evolve(write.head, user_id=user_id)))


class CutsParts(MemoryStorage):
    """Names of parts end after 128 characters, as ids do."""

    def write(self, write: SessionWrite) -> None:
        put = {name[:128]: data for name, data in write.put.items()}
        super().write(attrs.evolve(write, put=put))


class CaseBlindUsers(MemoryStorage):
    """A user finds the sessions of another whose name differs in case."""

    def find(self, *, user_id: str | None = None, **page: Any) -> Any:
        if user_id is None:
            return super().find(**page)
        found = super().find(limit=10_000)
        wanted = user_id.casefold()
        heads = [head for head in found.heads if (head.user_id or "").casefold() == wanted]
        return attrs.evolve(found, heads=heads)


class CaseBlindParts(MemoryStorage):
    """'Ab' and 'ab' are one part."""

    def write(self, write: SessionWrite) -> None:
        put = {name.casefold(): data for name, data in write.put.items()}
        super().write(attrs.evolve(write, put=put))


CAUGHT: Final = {
    CaseBlind: "test_session_ids_are_never_mixed",
    StripsBlanks: "test_session_ids_are_never_mixed",
    Normalizes: "test_session_ids_are_never_mixed",
    CutsIds: "test_session_ids_are_never_mixed",
    HashTags: "test_session_ids_are_never_mixed",
    StripsUsers: "test_user_ids_are_never_mixed",
    CutsParts: "test_part_names_are_never_mixed",
    CaseBlindUsers: "test_user_ids_are_never_mixed",
    CaseBlindParts: "test_part_names_are_never_mixed",
}


@pytest.mark.parametrize(
    ("mutant", "clause"),
    [pytest.param(mutant, clause, id=mutant.__name__) for mutant, clause in CAUGHT.items()],
)
def test_the_suite_catches(
    mutant: type[MemoryStorage], clause: str, failing_clauses: Callable[..., set[str]]
) -> None:
    """The clause that is about the defect fails."""
    assert {clause} == failing_clauses(mutant, [clause])
