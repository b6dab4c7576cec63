# SPDX-License-Identifier: Apache-2.0
"""The conflict strategies that core ships."""

from __future__ import annotations

from sessionkit.conflict import Conflict
from sessionkit.merge.fields import ask, choose
from sessionkit.session.session import UserSession


class Merge:
    """Keeps both sides' changes, by the rules of :mod:`sessionkit.merge.rules` and the policies of ``[conflict.fields]``."""

    def resolve(self, conflict: Conflict) -> UserSession:
        """Return a new session with what either side changed."""
        return conflict.merged()


class Ask:
    """
    Merges, but leaves the choice to the user where both sides changed one field.

    Theirs stays until then; the question, with both values, is kept in the session
    (:mod:`sessionkit.merge.fields`), so any tab can show it and a restart does not lose it.
    """

    def resolve(self, conflict: Conflict) -> UserSession:
        """Return what both did, with a question for each field that can hold one value only."""
        result = conflict.merged()
        for field in conflict.fields:
            if field.taken != "merged":
                choose(result, field, "theirs")
                ask(result, field)
        return result


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
