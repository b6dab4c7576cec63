# SPDX-License-Identifier: Apache-2.0
"""Sessions of four sizes, and the same content as the plain document that a raw driver stores."""

from __future__ import annotations

import random
from typing import Any, Final

import attrs
import orjson

from sessionkit.session import UserSession

Document = dict[str, Any]

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"
_VOCABULARY: Final = 400
_SEED: Final = 7
_WORDS_A_FIELD: Final = 8


@attrs.frozen
class Size:
    """
    How large a session is.

    Attributes:
        name: What tables call it.
        document_bytes: Its size as JSON, about.
        forms: Over how many forms its fields are spread.
        rounds: How often it is saved and loaded in a measurement.
    """

    name: str
    document_bytes: int
    forms: int
    rounds: int


SIZES: Final = (
    Size("2 kB", 2_000, 1, 600),
    Size("20 kB", 20_000, 4, 300),
    Size("194 kB", 194_000, 10, 100),
    Size("970 kB", 970_000, 50, 40),
)
SMALL: Final = SIZES[0]


def make_session(size: Size, session_id: str | None = None) -> UserSession:
    """Return a session of *size*; always with the same content."""
    session = UserSession(session_id=session_id, user_id="user-1", theme="dark", language="en")
    fill(session, size)
    return session


def fill(session: UserSession, size: Size) -> None:
    """Make a new *session* as large as *size* says; always with the same content."""
    chance = random.Random(_SEED)  # noqa: S311 - sample data
    words = ["".join(chance.choices(_ALPHABET, k=chance.randint(3, 9))) for _ in range(_VOCABULARY)]
    forms = [session.get_form_state(f"form_{number}") for number in range(size.forms)]
    left = size.document_bytes - len(_as_json(session))
    number = 0
    while left > 0:
        value = _value(chance, words, number)
        forms[number % size.forms].data[f"field_{number}"] = value
        left -= len(orjson.dumps(value)) + len(f'"field_{number}":,')
        number += 1


def change(session: UserSession, number: int) -> None:
    """Change one field of *session*; each *number* makes another change, and another length."""
    place, text = _changed(number, len(session.form_states))
    session.form_states[f"form_{place}"].data[f"field_{place}"] = text


def as_document(session: UserSession) -> Document:
    """Return the content as JSON knows it."""
    document: Document = orjson.loads(_as_json(session))
    return document


def change_document(document: Document, number: int) -> None:
    """Change the field that :func:`change` changes."""
    forms = document["form_states"]
    place, text = _changed(number, len(forms))
    forms[f"form_{place}"]["data"][f"field_{place}"] = text


def _changed(number: int, forms: int) -> tuple[int, str]:
    """
    Return which field changes and to what.

    Never does a session keep its length, as it seldom does when somebody types:
    of a value as long as before, SQLite writes only the pages that differ.
    """
    again, place = divmod(number, forms)
    return place, f"changed for the {number}. time{', once more' * (again % 2)}"


def _value(chance: random.Random, words: list[str], number: int) -> object:
    match number % 8:
        case 5:
            return chance.randint(0, 10**6)
        case 6:
            return chance.random() * 1000
        case 7:
            return chance.random() < 0.5  # noqa: PLR2004 - one of two
        case _:
            return " ".join(chance.choices(words, k=_WORDS_A_FIELD))


def _as_json(session: UserSession) -> bytes:
    return orjson.dumps(session.to_dict())
