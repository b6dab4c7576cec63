# SPDX-License-Identifier: Apache-2.0
"""The conflict strategies that core ships."""

from __future__ import annotations

from sessionkit.conflict import Conflict
from sessionkit.merge import merge_part
from sessionkit.parts import from_parts, to_parts
from sessionkit.session import UserSession


class Merge:
    """Keeps both sides' changes, by the rules of :mod:`sessionkit.merge`."""

    def resolve(self, conflict: Conflict) -> UserSession:
        """Return a new session with what either side changed."""
        base = {} if conflict.base is None else to_parts(conflict.base)
        ours, theirs = to_parts(conflict.ours), to_parts(conflict.theirs)
        merged = {
            name: merge_part(base.get(name), ours.get(name), theirs.get(name))
            for name in dict.fromkeys((*ours, *theirs))
        }
        kept = {name: part for name, part in merged.items() if part is not None}
        return from_parts(conflict.session_id, kept)


class LastWriteWins:
    """Stores ours whole; what the other writer changed is lost."""

    def resolve(self, conflict: Conflict) -> UserSession:
        """Return ours."""
        return conflict.ours


class FirstWriteWins:
    """Keeps theirs whole; what we changed is lost."""

    def resolve(self, conflict: Conflict) -> UserSession:
        """Return theirs."""
        return conflict.theirs


class Refuse:
    """Stores nothing: the save raises ``ConflictError``."""

    def resolve(self, conflict: Conflict) -> None:
        """Return None, which refuses."""
