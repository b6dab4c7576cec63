# SPDX-License-Identifier: Apache-2.0
"""Sessions as plain data: nothing becomes another value, nothing is lost, and what is wrong is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_origin

import attrs
import pytest
from hypothesis import example, given
from session_harness.data import JSON_VALUES, MOMENTS

from sessionkit.errors import SerializationError
from sessionkit.session import UserSession
from sessionkit.session.forms import FormSnapshot, FormState
from sessionkit.session.plain import READABLE, STORED, from_plain, structure, to_plain
from sessionkit.session.session import NavigationEntry
from sessionkit.testing.serializers import assert_same

EARLY = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
MICROS = 1_769_860_800_123_456


@given(MOMENTS)
def test_times_keep_their_microseconds(moment: datetime) -> None:
    """In both ways of writing; a float would round them."""
    for converter in (STORED, READABLE):
        written = converter.unstructure(moment, datetime)
        assert moment == converter.structure(written, datetime)


@pytest.mark.parametrize("converter", [STORED, READABLE])
@pytest.mark.parametrize(
    "written",
    [
        MICROS,
        "2026-01-31T12:00:00.123456+00:00",
        "2026-01-31T13:00:00.123456+01:00",
        EARLY,
        EARLY.astimezone(timezone(timedelta(hours=5))),
    ],
)
def test_every_way_of_writing_a_time_is_read(converter: Any, written: Any) -> None:
    """Microseconds, ISO 8601 and a datetime, by either converter, as UTC."""
    entry = converter.structure({"page": "p", "timestamp": written}, NavigationEntry)

    assert (EARLY, UTC) == (entry.timestamp, entry.timestamp.tzinfo)


@pytest.mark.parametrize("written", [10**30, "soon", 1.5, True, None])
def test_what_is_no_time_is_refused(written: Any) -> None:
    """Too far away, too, with the place that it stands at."""
    with pytest.raises(SerializationError) as caught:
        structure(STORED, written, datetime, "created_at")

    assert "created_at" == caught.value.path


def test_times_are_written_in_two_ways() -> None:
    """As numbers where they are stored, as text where people read."""
    assert MICROS == STORED.unstructure(EARLY, datetime)
    assert "2026-01-31T12:00:00.123456+00:00" == READABLE.unstructure(EARLY, datetime)


def test_fields_bear_their_public_names() -> None:
    """Not those of the attributes that keep them."""
    form = FormState(form_id="f", snapshots=[FormSnapshot(form_id="f", data={})])

    assert {
        "form_id", "data", "errors", "last_saved", "auto_save", "save_debounce_ms",
        "max_snapshots", "snapshots", "redo_snapshots",
    } == set(to_plain(form))  # fmt: skip
    assert form == from_plain(to_plain(form), FormState)


@pytest.mark.parametrize("kind", [int, bool, str, set[str], dict[str, Any], list[str]])
@given(value=JSON_VALUES)
@example(value=True)
@example(value="ab")
@example(value=1)
def test_no_value_becomes_another_one(kind: Any, value: Any) -> None:
    """A field takes what is of its type, and refuses all else: "1" is no number, "ab" no list."""
    try:
        read = structure(STORED, value, kind, "it")
    except SerializationError:
        return
    assert_same(set(value) if kind == set[str] else value, read)
    assert (get_origin(kind) or kind) is type(read)


def test_what_the_app_misplaced_is_left_as_it_is() -> None:
    """Writing never fails: the other fields are as good as ever. Who reads refuses."""
    session = UserSession(session_id="s", theme="dark")
    session.roles.update({1, "a"})  # type: ignore[arg-type]
    session.add_navigation("first")
    session.navigation_history.append("home")  # type: ignore[arg-type]
    session.page_views["p"] = "many"  # type: ignore[assignment]
    session.cache_dependencies["k"] = "user_id"  # type: ignore[assignment]
    session.form_states["f"] = FormState(form_id="f", errors={"e": "wrong"})  # type: ignore[dict-item]
    plain = STORED.unstructure(session)

    assert "dark" == plain["theme"]
    assert {1, "a"} == plain["roles"]
    assert ("first", "home") == (
        plain["navigation_history"][0]["page"],
        plain["navigation_history"][1],
    )
    assert {"k": "user_id"} == plain["cache_dependencies"]
    assert {"e": "wrong"} == plain["form_states"]["f"]["errors"]
    with pytest.raises(SerializationError) as caught:
        from_plain(plain, UserSession)
    for path in (
        "UserSession.roles",
        "UserSession.navigation_history[1]",
        "UserSession.page_views['p']",
        "UserSession.cache_dependencies['k']",
        "UserSession.form_states['f'].errors['e']",
    ):
        assert path in str(caught.value)


def test_a_subclass_is_read_and_written_whole() -> None:
    """An app may add fields to the session's class."""

    @attrs.define(kw_only=True, eq=False)
    class Cart(UserSession):
        items: list[str] = attrs.field(factory=list)

    restored = Cart.from_dict(Cart(session_id="s", items=["a"]).to_dict())

    assert Cart is type(restored)
    assert ["a"] == restored.items
