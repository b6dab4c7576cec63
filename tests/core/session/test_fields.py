# SPDX-License-Identifier: Apache-2.0
"""Ids are random and checked, moments are UTC and whole microseconds."""

from __future__ import annotations

import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionkit.errors import InvalidSessionIdError
from sessionkit.session.fields import (
    EPOCH,
    MAX_ID_LENGTH,
    check_session_id,
    from_micros,
    in_utc,
    micros_now,
    new_entry_id,
    new_save_id,
    new_session_id,
    to_micros,
    utc_now,
)

ANY_ZONE = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
AWARE = st.datetimes(
    min_value=datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9999, 12, 29),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=ANY_ZONE,
)


@pytest.mark.parametrize(
    ("make", "length", "alphabet"),
    [
        (new_session_id, 22, string.ascii_letters + string.digits + "-_"),
        (new_save_id, 16, string.hexdigits),
        (new_entry_id, 16, string.hexdigits),
    ],
)
def test_ids_are_random(make: Callable[[], str], length: int, alphabet: str) -> None:
    """None comes twice, and each can stand in an address."""
    made = {make() for _ in range(1000)}

    assert 1000 == len(made)
    assert {length} == {len(one) for one in made}
    assert set("".join(made)) <= set(alphabet)


@pytest.mark.parametrize(
    "session_id", ["x", "a b", "Überraschung 🎉", "x" * MAX_ID_LENGTH, "'\"%_"]
)
def test_printable_ids_are_taken_as_they_are(session_id: str) -> None:
    """Blanks, other scripts and signs that databases know, too."""
    assert session_id is check_session_id(session_id)


@pytest.mark.parametrize(
    ("session_id", "message"),
    [
        (5, "a session id is a str, not int"),
        (None, "a session id is a str, not NoneType"),
        ("", "1 to 128 characters, this one has 0"),
        ("x" * 129, "1 to 128 characters, this one has 129"),
        ("a\0b", r"holds '\x00'; only printable"),
        ("a\tb", r"holds '\t'"),
        ("a\u200bb", r"holds '\u200b'"),
        ("a\ud800", r"holds '\ud800'"),
    ],
)
def test_odd_ids_are_refused(session_id: object, message: str) -> None:
    """The error says what is wrong, and what would be right."""
    with pytest.raises(InvalidSessionIdError) as caught:
        check_session_id(session_id)

    assert message in str(caught.value)


@given(st.text(max_size=140))
def test_an_id_that_is_taken_can_be_stored(session_id: str) -> None:
    """It has a length, UTF-8 knows it, and no text column chokes on it."""
    try:
        check_session_id(session_id)
    except InvalidSessionIdError:
        return
    assert 1 <= len(session_id) <= MAX_ID_LENGTH
    assert session_id == session_id.encode().decode()
    assert "\0" not in session_id


@given(AWARE)
def test_a_moment_is_whole_microseconds(moment: datetime) -> None:
    """There and back without a float's rounding, from any zone, before the epoch too."""
    micros = to_micros(moment)

    assert int is type(micros)
    assert moment == from_micros(micros)
    assert UTC == from_micros(micros).tzinfo
    assert micros + 1 == to_micros(moment + timedelta(microseconds=1))


def test_micros_count_from_the_epoch() -> None:
    """Which is zero."""
    assert (0, EPOCH) == (to_micros(EPOCH), from_micros(0))
    assert -1 == to_micros(EPOCH - timedelta(microseconds=1))


def test_a_naive_moment_is_local() -> None:
    """As ``datetime.now()`` gives it."""
    naive = datetime(2026, 7, 1, 12)  # noqa: DTZ001 - what is tested

    assert naive.astimezone() == in_utc(naive)
    assert UTC == in_utc(naive).tzinfo


def test_now_is_now_in_utc() -> None:
    """Both ways of asking."""
    before = utc_now()
    micros = micros_now()
    after = utc_now()

    assert UTC == before.tzinfo
    assert to_micros(before) <= micros <= to_micros(after)
