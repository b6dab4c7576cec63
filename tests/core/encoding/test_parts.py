# SPDX-License-Identifier: Apache-2.0
"""The parts of a session: which field lies where, what is unknown, and what could not be read again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from session_harness.data import APP_VALUES, JSON_VALUES, SESSIONS, content

from sessionkit.encoding.parts import (
    FIELDS,
    LONGEST_NAME,
    from_parts,
    is_known,
    misfits,
    path_of,
    to_parts,
    unreadable_fields,
)
from sessionkit.errors import SerializationError
from sessionkit.session import UserSession
from sessionkit.session.forms import FormState
from sessionkit.testing.serializers import assert_same

FEW = settings(max_examples=40)
HEAD_FIELDS = {"session_id", "last_activity", "version", "save_id"}
"""What the head holds of a session, not its parts."""


@FEW
@given(SESSIONS)
def test_parts_hold_all_of_a_session(session: UserSession) -> None:
    """From its parts comes a session of the same content, which has the same parts."""
    parts = to_parts(session)
    restored = from_parts("s", parts)

    assert_same(content(session), content(restored))
    assert_same(parts, to_parts(restored))


def test_every_field_lies_in_one_part() -> None:
    """None is forgotten, none is stored twice."""
    placed = [field for fields in FIELDS.values() for field in fields]
    apart = {"form_states", "extensions"} | HEAD_FIELDS

    assert sorted(placed) == sorted(set(placed))
    all_held = UserSession(cache_invalidations={"id": "orders"})
    assert set(all_held.to_dict()) == {*placed, *apart}


def test_each_part_holds_what_its_name_says() -> None:
    """Names and fields as they are stored."""
    session = UserSession(roles={"b", "a"}, extensions={"plugin": {"k": 1}})
    session.get_form_state("f").data = {"a": 1}
    session.get_form_state("f").snapshot()
    session.get_form_state("g")
    parts = to_parts(session)

    assert [*FIELDS, "form:f", "undo:f", "form:g", "x:plugin"] == list(parts)
    assert {"roles": ["a", "b"], "permissions": []} == parts["access"]
    assert {"value": {"k": 1}} == parts["x:plugin"]
    assert {"a": 1} == parts["form:f"]["data"]
    assert {"snapshots", "redo_snapshots"} == set(parts["undo:f"])
    assert not {"snapshots", "redo_snapshots"} & set(parts["form:f"])


def test_typing_leaves_the_snapshots_part_alone() -> None:
    """Or each keystroke would rewrite all of them."""
    session = UserSession()
    session.get_form_state("f").snapshot()
    before = to_parts(session)
    session.get_form_state("f").data["a"] = 1
    after = to_parts(session)

    assert ["form:f"] == [name for name in after if before[name] != after[name]]


def test_the_apps_values_are_not_copied() -> None:
    """They may be large; the serializer reads them once."""
    value = object()
    session = UserSession(inputs={"k": value}, extensions={"x": value})

    assert to_parts(session)["inputs"]["inputs"]["k"] is value
    assert to_parts(session)["x:x"]["value"] is value


def test_missing_parts_have_their_defaults() -> None:
    """As in a session that was stored before there was such a part."""
    session = from_parts("s", {})

    assert "s" == session.session_id
    expected = UserSession(session_id="s", created_at=session.created_at)
    assert content(expected) == content(session)


@pytest.mark.parametrize("kind", [OrderedDict, MappingProxyType])
def test_a_mapping_of_another_kind_is_read_as_a_dict(kind: type[Mapping[str, Any]]) -> None:
    """Whatever a serializer makes of a dict."""
    value = kind({"a": 1})  # type: ignore[call-arg]  # both take a dict
    session = from_parts("s", {"inputs": {"inputs": value}, "form:f": {"data": value}})

    read = [session.inputs, session.form_states["f"].data]
    assert [{"a": 1}] * 2 == read
    assert [dict] * 2 == [type(one) for one in read]


def test_a_form_comes_from_either_of_its_parts() -> None:
    """When one of the two was removed, the other stands for it."""
    session = UserSession()
    session.get_form_state("f").data = {"a": 1}
    session.get_form_state("f").snapshot()
    parts = to_parts(session)

    only_undo = from_parts("s", {"undo:f": parts["undo:f"]}).form_states["f"]
    only_form = from_parts("s", {"form:f": parts["form:f"]}).form_states["f"]
    assert ({}, [{"a": 1}]) == (only_undo.data, [taken.data for taken in only_undo.snapshots])
    assert ({"a": 1}, []) == (only_form.data, only_form.snapshots)


def test_a_session_was_not_last_used_before_it_began() -> None:
    """Clocks of two machines differ."""
    ahead = datetime(2990, 1, 1, tzinfo=UTC)
    parts = to_parts(UserSession(created_at=ahead))

    assert ahead == from_parts("s", parts).last_activity


@given(APP_VALUES)
def test_what_a_newer_release_stored_is_written_back(value: Any) -> None:
    """Unknown fields stay in their part, whichever it is, and at every level below."""
    session = UserSession()
    session.get_form_state("f").snapshot()
    session.add_navigation("home")
    session.extensions["plugin"] = 1
    parts = to_parts(session)
    for level in (
        *parts.values(),
        parts["undo:f"]["snapshots"][0],
        parts["navigation"]["navigation_history"][0],
    ):
        level["newer"] = value

    assert_same(parts, to_parts(from_parts("s", parts)))


def test_unknown_fields_never_overrule_known_ones() -> None:
    """A session's own fields are what is stored."""
    session = UserSession(user_id="me", unknown={"profile": {"user_id": "you", "new": 1}})
    profile = to_parts(session)["profile"]

    assert ("me", 1) == (profile["user_id"], profile["new"])


def test_unknown_fields_go_with_their_part() -> None:
    """A form that the app removed does not come back for the sake of a field nobody knows."""
    parts: dict[str, Any] = {
        "undo:f": {"new": 1},
        "x:p": {"value": 1, "new": 1},
        "form:f": {"form_id": "f"},
    }
    session = from_parts("s", parts)
    del session.form_states["f"], session.extensions["p"]

    assert set(FIELDS) == set(to_parts(session))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("profile", True),
        ("form:", True),
        ("form:a:b", True),
        ("undo:f", True),
        ("x:p", True),
        ("form", False),
        ("newer", False),
        ("*", False),
    ],
)
def test_which_parts_are_known(name: str, *, known: bool) -> None:
    """Fixed names, and those of forms, snapshots and extensions."""
    assert known == is_known(name)


@pytest.mark.parametrize(
    ("name", "field", "path"),
    [
        ("inputs", "inputs", "inputs"),
        ("profile", "theme", "theme"),
        ("form:a:b", "data", "form_states['a:b'].data"),
        ("undo:f", "snapshots", "form_states['f'].snapshots"),
        ("x:p", "value", "extensions['p']"),
    ],
)
def test_a_path_is_written_as_users_write_it(name: str, field: str, path: str) -> None:
    """Not as it is stored."""
    assert path == path_of(name, field)


@pytest.mark.parametrize(
    "key", [5, "\ud800", "a\0b", "x" * LONGEST_NAME], ids=["number", "surrogate", "NUL", "long"]
)
def test_a_name_that_no_part_can_bear_is_refused(key: Any) -> None:
    """Every other form and extension is there."""
    session = UserSession(extensions={key: 1, "good": 2})
    session.form_states[key] = FormState(form_id="odd")
    session.get_form_state("good")
    refused: list[SerializationError] = []
    parts = to_parts(session, refused.append)

    assert {"form:good", "x:good"} == set(parts) - set(FIELDS)
    assert [f"form_states: key {key!r:.80}", f"extensions: key {key!r:.80}"] == [
        error.path for error in refused
    ]
    with pytest.raises(SerializationError):
        to_parts(session)


def test_a_name_may_be_long() -> None:
    """As long as every database's keys."""
    key = "x" * (LONGEST_NAME - len("undo:"))
    session = UserSession()
    session.get_form_state(key).snapshot()

    assert key in from_parts("s", to_parts(session)).form_states


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"profile": [1]}, "profile: a part is a mapping of fields, not list"),
        ({"profile": {"theme": 5}}, "session.theme: a text is needed, not int"),
        (
            {"form:f": {"data": 5}},
            "session.form_states['f'].data: a mapping is needed, not int",
        ),
        (
            {"navigation": {"navigation_history": [{}]}},
            "session.navigation_history[0].page: required field missing",
        ),
    ],
)
def test_damaged_parts_are_named(parts: dict[str, Any], message: str) -> None:
    """The error says which field."""
    with pytest.raises(SerializationError) as caught:
        from_parts("s", parts)

    assert message == str(caught.value)


@given(JSON_VALUES)
def test_any_part_is_read_or_refused(value: Any) -> None:
    """Nothing but SerializationError comes of hostile parts."""
    for name in ("profile", "inputs", "form:f", "undo:f", "x:p", "newer"):
        fields = dict.fromkeys((*FIELDS.get(name, ()), "data", "snapshots", "value"), value)
        for part in (value, fields):
            try:
                session = from_parts("s", {name: part})
            except SerializationError:
                continue
            assert set(FIELDS) <= set(to_parts(session))


@FEW
@given(SESSIONS)
def test_what_a_session_holds_fits(session: UserSession) -> None:
    """No part that can be read again is refused."""
    assert {} == {name: wrong for name, part in to_parts(session).items() if (wrong := unreadable_fields(name, part))}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "field", "fits", "not_fit"),
    [
        ("profile", "created_at", (-62_135_596_800_000_000, 253_402_300_799_999_999), 1),
        ("profile", "interaction_count", (0, 2**70), True),
        ("profile", "max_history_size", (0, 1), -1),
        ("profile", "authenticated", (True, False), 0),
        ("profile", "user_id", ("", None), b""),
        ("profile", "dirty_forms", ([], ["f"]), {"f"}),
        ("inputs", "inputs", ({}, {"a": object()}), OrderedDict()),
        ("form:f", "save_debounce_ms", (0, 1), -1),
        ("form:f", "last_saved", (None, 0), "2026-01-01"),
        ("form:f", "errors", ({}, {"a": ["wrong"]}), []),
        ("undo:f", "snapshots", ([], []), {}),
    ],
)
def test_a_field_fits_by_its_type_and_its_bounds(
    name: str, field: str, fits: tuple[Any, Any], not_fit: Any
) -> None:
    """A time is one that a clock can show; a count is 0 or more; an app's own kind of dict is in doubt."""
    least, most = fits
    beyond = (least - 1, most + 1) if field == "created_at" else (not_fit,)

    assert [] == misfits({name: {field: least}}) == misfits({name: {field: most}})
    assert {(name,)} == {tuple(misfits({name: {field: value}})) for value in beyond}
    assert [] == misfits({name: {"field of a newer release": object()}})


def test_fields_that_cannot_be_read_are_named_field_by_field() -> None:
    """What the app put into a container, and could not be read again."""
    session = UserSession(session_id="s")
    session.page_views["p"] = "many"  # type: ignore[assignment]
    session.roles.add(5)  # type: ignore[arg-type]
    form = session.get_form_state("f")
    form.errors["email"] = "wrong"  # type: ignore[assignment]
    form.snapshots.append("snapshot")  # type: ignore[arg-type]
    parts = to_parts(session)

    assert {
        "page_views": "page_views['p']: a whole number is needed, not str",
        "roles": "roles: a text is needed, not int",
        "errors": "form_states['f'].errors['email']: a list is needed, not str",
        "snapshots": "form_states['f'].snapshots[0]: a mapping of fields is needed, not str",
    } == {
        field: str(error)
        for name, part in parts.items()
        for field, error in unreadable_fields(name, part).items()
    }
