# SPDX-License-Identifier: Apache-2.0
"""What others changed enters a live session change by change: containers stay, what the app did stays."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from session_harness.data import SESSIONS, content

from sessionkit.encoding.parts import FIELDS, from_parts, to_parts
from sessionkit.merge.absorb import absorb_changes
from sessionkit.session import UserSession
from sessionkit.testing.serializers import assert_same

FEW = settings(max_examples=40)


def copy_of(session: UserSession) -> UserSession:
    """Return a session of the same content, as a decoder makes it."""
    return UserSession.from_json(session.to_json())


def names_of(*sessions: UserSession) -> list[str]:
    """Return the names of all their parts."""
    return sorted({name for session in sessions for name in to_parts(session)})


def apply(session: UserSession, after: UserSession, names: Iterable[str] | None = None) -> None:
    """Apply what leads from *session*, as it is, to *after*."""
    before = copy_of(session)
    absorb_changes(session, before, after, names_of(before, after) if names is None else names)


def containers(session: UserSession) -> dict[str, Any]:
    """Return every container that an app may hold, by where it lies."""
    held = {f"session.{name}": getattr(session, name) for fields in FIELDS.values() for name in fields}  # fmt: skip
    for form_id, form in session.form_states.items():
        held[f"form {form_id}"] = form
        for field in ("data", "errors", "snapshots", "redo_snapshots"):
            held[f"form {form_id}.{field}"] = getattr(form, field)
    return {where: held for where, held in held.items() if not isinstance(held, str | int | None)}


@FEW
@given(SESSIONS, SESSIONS)
def test_all_parts_of_another_session_make_it_the_same(
    session: UserSession, after: UserSession
) -> None:
    """Each part, and within it the order, which counts as content."""
    expected = dict(sorted(to_parts(copy_of(after)).items()))
    apply(session, after)

    assert_same(expected, dict(sorted(to_parts(session).items())))


@FEW
@given(SESSIONS, SESSIONS)
def test_containers_stay_the_same_objects(session: UserSession, after: UserSession) -> None:
    """The app may hold them: dicts, lists, sets and forms."""
    held = containers(session)
    held.pop("session.created_at")
    gone = {f"form {form_id}" for form_id in session.form_states if form_id not in after.form_states}  # fmt: skip
    apply(session, after)
    now = containers(session)

    for where, container in held.items():
        assert {where, where.rpartition(".")[0]} & gone or now[where] is container, where


@FEW
@given(SESSIONS)
def test_what_did_not_change_is_not_touched(session: UserSession) -> None:
    """Each value, page and snapshot is still the same object."""
    values = [
        *session.inputs.values(),
        *session.extensions.values(),
        *session.navigation_history,
        *(value for form in session.form_states.values() for value in form.data.values()),
        *(taken for form in session.form_states.values() for taken in form.snapshots),
    ]
    before = content(session)
    apply(session, copy_of(session))

    assert_same(before, content(session))
    assert list(map(id, values)) == [
        id(value)
        for value in (
            *session.inputs.values(),
            *session.extensions.values(),
            *session.navigation_history,
            *(value for form in session.form_states.values() for value in form.data.values()),
            *(taken for form in session.form_states.values() for taken in form.snapshots),
        )
    ]


def test_only_the_parts_that_are_named_change() -> None:
    """All else is what the app made of it."""
    session = UserSession(inputs={"a": 1}, theme="dark", roles={"r"})
    session.get_form_state("f").data = {"a": 1}
    after = UserSession(inputs={"a": 2}, theme="light", extensions={"x": 1, "y": 1})
    apply(session, after, ["inputs", "x:x"])

    assert ({"a": 2}, "dark", {"r"}) == (session.inputs, session.theme, session.roles)
    assert {"x": 1} == session.extensions
    assert {"a": 1} == session.form_states["f"].data


def test_what_the_app_did_meanwhile_stays() -> None:
    """Only what differs between before and after is changed."""
    session = UserSession(inputs={"a": 1}, roles={"r"}, theme="dark")
    session.get_form_state("f").data = {"a": 1}
    entry = session.add_navigation("home")
    before, after = copy_of(session), copy_of(session)
    after.inputs["theirs"] = 2
    after.roles.add("theirs")
    after.add_navigation("theirs")
    after.form_states["f"].data["theirs"] = 2
    after.language = "en"

    session.inputs["mine"] = 3
    session.inputs["a"] = 4
    session.roles.add("mine")
    session.theme = "light"
    session.form_states["f"].data["a"] = 5
    entry.params["mine"] = 6
    session.add_navigation("mine")
    session.get_form_state("mine")
    absorb_changes(session, before, after, names_of(before, after))

    assert {"a": 4, "theirs": 2, "mine": 3} == session.inputs
    assert {"r", "theirs", "mine"} == session.roles
    assert ("light", "en") == (session.theme, session.language)
    assert {"a": 5, "theirs": 2} == session.form_states["f"].data
    assert ["home", "theirs", "mine"] == [e.page for e in session.navigation_history]
    assert entry is session.navigation_history[0]
    assert {"f", "mine"} == set(session.form_states)


def test_what_could_not_be_encoded_stays() -> None:
    """An upload in inputs is in no encoded state, and no other tab removed it."""
    upload = object()
    session = UserSession(inputs={"a": 1, "upload": upload, "b": 2})
    before = UserSession(inputs={"a": 1, "b": 2})
    after = UserSession(inputs={"a": 1, "b": 3})
    absorb_changes(session, before, after, ["inputs"])

    assert [("a", 1), ("upload", upload), ("b", 3)] == list(session.inputs.items())


def test_dicts_change_in_place_all_the_way_down() -> None:
    """Other values of the app are whole: replaced, never edited."""
    held_dict, held_list = {"x": 1, "y": 2}, [1]
    session = UserSession(inputs={"d": held_dict, "l": held_list})
    apply(session, UserSession(inputs={"d": {"y": 3, "z": 4}, "l": [1, 2]}))

    assert session.inputs["d"] is held_dict
    assert {"y": 3, "z": 4} == held_dict
    assert session.inputs["l"] is not held_list
    assert ([1], [1, 2]) == (held_list, session.inputs["l"])


def test_a_dict_of_another_kind_changes_in_place_too() -> None:
    """The app may hold it; it stays of its kind."""
    mine = Counter(tea=1)
    session = UserSession(inputs={"cart": mine})
    apply(session, UserSession(inputs={"cart": Counter(tea=2, milk=1)}))

    assert mine is session.inputs["cart"]
    assert_same(Counter(tea=2, milk=1), mine)


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({"a": 1}, Counter(a=1)),
        (Counter(a=1), {"a": 1}),
        (OrderedDict(a=1), {"a": 1, "b": 2}),
        (defaultdict(int, a=1), defaultdict(list, a=1)),
    ],
    ids=str,
)
def test_a_dict_of_another_kind_is_taken_whole(mine: Any, theirs: Any) -> None:
    """Or the next save would find a change that nobody made."""
    session = UserSession(inputs={"cart": mine})
    apply(session, UserSession(inputs={"cart": theirs}))

    assert_same(theirs, session.inputs["cart"])


def test_the_order_of_a_dict_becomes_theirs() -> None:
    """Without this the next save would find a change."""
    session = UserSession(inputs={"a": 1, "b": 2, "c": 3})
    held = session.inputs
    apply(session, UserSession(inputs={"c": 3, "a": 1, "d": 4, "b": 2}))

    assert held is session.inputs
    assert ["c", "a", "d", "b"] == list(session.inputs)


def test_a_value_of_another_type_is_taken() -> None:
    """1 and True are equal, and not the same; neither are arrays of one shape."""
    session = UserSession(inputs={"n": 1, "l": [1], "a": np.zeros(2)})
    apply(session, UserSession(inputs={"n": True, "l": [True], "a": np.ones(2)}))

    assert session.inputs["n"] is True
    assert session.inputs["l"][0] is True
    assert [1.0, 1.0] == session.inputs["a"].tolist()


def test_forms_come_and_go() -> None:
    """A new one is taken over whole, one that was removed goes."""
    session, after = UserSession(), UserSession()
    session.get_form_state("old")
    after.get_form_state("new").data = {"a": 1}
    apply(session, after)

    assert ["new"] == list(session.form_states)
    assert {"a": 1} == session.form_states["new"].data


def test_snapshots_that_share_an_id_are_left_alone() -> None:
    """An app that makes its own ids badly loses nothing to a change beside them."""
    session = UserSession()
    form = session.get_form_state("f")
    for n in range(2):
        form.data = {"n": n}
        form.snapshot().snapshot_id = "same"
    after = copy_of(session)
    after.form_states["f"].data = {"n": 5}
    apply(session, after)

    assert {"n": 5} == form.data
    assert [{"n": 0}, {"n": 1}] == [taken.data for taken in form.snapshots]


def test_unknown_fields_come_and_go() -> None:
    """With the parts that they lie in."""
    session = UserSession(unknown={"profile": {"new": 1}, "inputs": {"new": 1}})
    after = UserSession(unknown={"profile": {"new": 2}, "undo:f": {"new": 3}})
    apply(session, after, ["profile", "inputs", "undo:f"])

    assert {"profile": {"new": 2}, "undo:f": {"new": 3}} == session.unknown


def test_a_form_of_which_only_snapshots_are_left_is_kept() -> None:
    """What one side removed and the other one changed stays."""
    session = UserSession()
    session.get_form_state("f").data = {"a": 1}
    session.get_form_state("f").snapshot()
    after = from_parts("s", {"undo:f": to_parts(session)["undo:f"]})
    apply(session, after)

    assert {} == session.form_states["f"].data
    assert 1 == len(session.form_states["f"].snapshots)
