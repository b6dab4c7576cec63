# SPDX-License-Identifier: Apache-2.0
"""
What the functions that apps call take, checked where it is handed in.

Some of what is mistaken for another thing would do harm without a word: a
number of seconds in the place of an id flushes nothing, and nobody's id in the
place of a user's means everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType
from typing import Final

import attrs

from sessionkit.session.session import UserSession


@attrs.frozen
class Argument:
    """
    What a function takes under a name.

    Attributes:
        name: The argument's.
        right: What would be right, in words.
        kinds: The types that it may have.
        but: Those of their subtypes that are mistakes.
        instead: What stands for nobody or nothing, where an empty text is a mistake for it.
    """

    name: str
    right: str
    kinds: tuple[type, ...]
    but: tuple[type, ...] = ()
    instead: str = ""

    def check(self, given: object) -> None:
        """
        Refuse what can't be meant.

        Raises:
            TypeError: If it is of another type; the message doesn't show it, since it may be a secret.
            ValueError: If it is an empty text, and that is a mistake.
        """
        if not isinstance(given, self.kinds) or isinstance(given, self.but):
            found = "None" if given is None else type(given).__name__
            msg = f"{self.name} is {self.right}, not {found}"
            raise TypeError(msg)
        if given == "" and self.instead:
            msg = f"{self.name} is empty, {self.instead}"
            raise ValueError(msg)


USER_ID: Final = Argument(
    "user_id",
    "a user's id, a str",
    (str,),
    # Else all who are not logged in would be one user, and each get what the others typed.
    instead="which is nobody's id; it is None while nobody is logged in",
)
SESSION_ID: Final = Argument("session_id", "a session's id, a str", (str,))
SESSION_ID_OR_ALL: Final = Argument(
    "session_id",
    "a session's id, a str, or None for all (seconds to wait are given as timeout=...)",
    (str, NoneType),
)
SESSION: Final = Argument(
    "session", "a UserSession, such as bootstrap_session() returns", (UserSession,)
)
SESSION_OR_ID: Final = Argument(
    "session", "a UserSession or a session's id, or None for all", (UserSession, str, NoneType)
)
TIMEOUT: Final = Argument(
    "timeout",
    "a number of seconds, or None to wait as long as it takes",
    (int, float, NoneType),
    (bool,),
)
ONLY: Final = Argument(
    "only",
    "a list of session ids, such as [one.session_id], or None for all",
    (Iterable, NoneType),
    (str, bytes),
)
