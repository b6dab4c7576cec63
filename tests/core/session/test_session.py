# SPDX-License-Identifier: Apache-2.0
"""UserSession: what its methods note and count, and its content as a dict and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from threading import Lock
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_harness.data import APP_VALUES, JSON_VALUES, SESSIONS, content

from sessionkit.errors import InvalidSessionIdError, SerializationError
from sessionkit.session import UserSession
from sessionkit.session.session import Activity, NavigationEntry
from sessionkit.testing.serializer_samples import PROBES
from sessionkit.testing.serializers import assert_same

FEW = settings(max_examples=40)
EARLY = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)


# -- what the methods do -------------------------------------------------------


def test_a_new_session_is_empty_and_has_an_id_of_its_own() -> None:
    """Nothing is in it, it began now, and it was never stored."""
    one, other = UserSession(), UserSession()

    assert one.session_id != other.session_id
    assert (0, None, 0) == (one.version, one.save_id, one.interaction_count)
    assert ({}, {}, []) == (one.inputs, one.form_states, one.navigation_history)
    assert UTC == one.created_at.tzinfo
    assert one.inputs is not other.inputs


def test_two_sessions_are_equal_only_if_they_are_one() -> None:
    """A session is a thing, not a value; it can be a key."""
    session = UserSession(session_id="s")

    assert session != UserSession(session_id="s")
    assert session == session  # noqa: PLR0124 - what is tested
    assert isinstance(hash(session), int)


@pytest.mark.parametrize("session_id", ["", "x" * 129, "a\0b", "a\nb", "\ud800"])
def test_an_odd_session_id_is_refused(session_id: str) -> None:
    """An id that some store would mangle never gets that far."""
    with pytest.raises(InvalidSessionIdError):
        UserSession(session_id=session_id)


def test_opening_pages_is_noted_and_counted() -> None:
    """History, page views, the page opened last and the interactions."""
    session = UserSession()
    params = {"category": "electronics"}
    assert session.current_page is None
    session.add_navigation("home")
    entry = session.add_navigation("products", params)
    session.add_navigation("home")
    params["category"] = "changed"

    assert ["home", "products", "home"] == [e.page for e in session.navigation_history]
    assert entry is session.navigation_history[1]
    assert {"category": "electronics"} == entry.params
    assert {"home": 2, "products": 1} == session.page_views
    assert "home" == session.current_page
    assert 3 == session.interaction_count
    assert 3 == len({e.entry_id for e in session.navigation_history})


def test_the_history_keeps_the_newest_pages() -> None:
    """``max_history_size`` bounds the history, not the page views."""
    session = UserSession(max_history_size=2)
    for page in "abc":
        session.add_navigation(page)

    assert ["b", "c"] == [entry.page for entry in session.navigation_history]
    assert {"a": 1, "b": 1, "c": 1} == session.page_views


def test_a_history_of_length_zero_keeps_nothing() -> None:
    """Page views are counted all the same."""
    session = UserSession(max_history_size=0)
    session.add_navigation("a")

    assert [] == session.navigation_history
    assert {"a": 1} == session.page_views


def test_the_history_is_trimmed_however_it_grew() -> None:
    """Appended by hand, or bounded more tightly later: what leaves the session is within bounds."""
    session = UserSession(max_history_size=3)
    session.navigation_history.extend(NavigationEntry(page=page) for page in "abcde")
    assert ["c", "d", "e"] == [entry["page"] for entry in session.to_dict()["navigation_history"]]

    session.max_history_size = 1
    session.trim()
    assert ["e"] == [entry.page for entry in session.navigation_history]


def test_an_input_counts_when_it_changes() -> None:
    """A rerun that sets the same value again is no interaction."""
    session = UserSession()
    for value in ("a", "a", "b", None, None):
        session.set_input("name", value)

    assert {"name": None} == session.inputs
    assert 3 == session.interaction_count


def test_an_input_of_another_type_is_another_value() -> None:
    """1 and True are equal, and not the same."""
    session = UserSession(inputs={"n": 1})
    session.set_input("n", True)  # noqa: FBT003 - the value of a checkbox

    assert session.inputs["n"] is True
    assert 1 == session.interaction_count


def test_an_array_is_set_and_in_doubt_no_interaction() -> None:
    """Whether it changed is found by its bytes when it is saved; each rerun would count else."""
    session = UserSession(inputs={"a": np.zeros(3)})
    array = np.ones(3)
    session.set_input("a", array)

    assert session.inputs["a"] is array
    assert 0 == session.interaction_count


def test_a_value_whose_comparison_fails_is_set() -> None:
    """What ``==`` of an app's class raises is not persist_input's business."""

    class Odd:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise LookupError

    session = UserSession(inputs={"a": Odd()})
    odd = Odd()
    session.set_input("a", odd)

    assert session.inputs["a"] is odd


def test_forms_are_made_when_asked_for() -> None:
    """The same form each time; asking is no interaction."""
    session = UserSession()
    form = session.get_form_state("contact")

    assert form is session.get_form_state("contact")
    assert form is session.form_states["contact"]
    assert "contact" == form.form_id
    assert 0 == session.interaction_count


def test_a_form_is_dirty_until_it_is_clean() -> None:
    """Marking a dirty form dirty again counts nothing; clean says when."""
    session = UserSession()
    session.mark_form_dirty("f")
    session.mark_form_dirty("f")
    assert {"f"} == session.dirty_forms
    assert 1 == session.interaction_count
    assert session.form_states["f"].last_saved is None

    session.mark_form_clean("f")
    assert set() == session.dirty_forms
    assert session.form_states["f"].last_saved is not None
    assert 2 == session.interaction_count


def test_a_form_that_is_marked_clean_knows_what_it_held_then() -> None:
    """Apart from what is changed later, however deep; what can't be copied is no obstacle."""
    session = UserSession()
    lock = Lock()
    form = session.get_form_state("f")
    assert {} == form.saved_data
    form.data = {"to": {"city": "Ghent"}, "tags": ["a"], "lock": lock}
    session.mark_form_clean("f")
    form.data["to"]["city"] = "Bruges"
    form.data["tags"].append("b")
    assert {"to": {"city": "Ghent"}, "tags": ["a"], "lock": lock} == form.saved_data


def test_what_a_form_held_is_stored_where_it_held_something() -> None:
    """It comes back, without what is never stored; an older release's form has none."""
    session = UserSession()
    session.mark_form_clean("f")
    assert "saved_data" not in session.to_dict()["form_states"]["f"]
    session.form_states["f"].data = {"name": "Ada", "password": "secret"}
    session.mark_form_clean("f")
    again = UserSession.from_dict(session.to_dict())
    assert {"name": "Ada"} == again.form_states["f"].saved_data


def test_cache_keys_are_tracked_with_their_dependencies() -> None:
    """Adding replaces the dependencies; removing removes both; an unknown key is fine."""
    session = UserSession()
    session.add_cache_key("posts", {"user", "posts"})
    session.add_cache_key("posts", ["user"])
    session.add_cache_key("plain")
    assert {"posts", "plain"} == session.cache_keys
    assert {"posts": {"user"}, "plain": set()} == session.cache_dependencies

    session.remove_cache_key("posts")
    session.remove_cache_key("posts")
    assert {"plain"} == session.cache_keys
    assert {"plain": set()} == session.cache_dependencies


def test_roles_and_permissions_are_asked() -> None:
    """Whole names, not parts of them."""
    session = UserSession(roles={"admin"}, permissions=["read"])

    assert (True, False) == (session.has_role("admin"), session.has_role("adm"))
    assert (True, False) == (session.has_permission("read"), session.has_permission("write"))


def test_activity_never_moves_backwards() -> None:
    """A clock that was set back does not age the session."""
    ahead = datetime.now(UTC) + timedelta(hours=1)
    session = UserSession(created_at=EARLY, last_activity=ahead)
    session.touch()

    assert ahead == session.last_activity
    assert ahead - EARLY == session.session_duration


def test_activity_far_ahead_is_not_believed() -> None:
    """A clock that was a year ahead has written it: the next use counts, and the session can expire."""
    session = UserSession(last_activity=datetime.now(UTC) + timedelta(days=365))
    session.touch()

    assert session.last_activity <= datetime.now(UTC)


def test_activity_that_the_app_sets_back_moves_on_from_there() -> None:
    """What it sets is what it reads, to the microsecond; then the next input counts again."""
    session = UserSession()
    session.set_input("a", 1)
    used = session.last_activity
    session.interaction_count, session.last_activity = 41, EARLY
    set_back = session.last_activity

    session.set_input("a", 2)

    assert EARLY == set_back
    assert 42 == session.interaction_count
    assert used <= session.last_activity <= datetime.now(UTC)


@pytest.mark.parametrize(
    "moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
)
def test_any_moment_can_be_the_last_activity(moment: datetime) -> None:
    """Of a clock that is far off, too: nothing is rounded."""
    assert moment == UserSession(last_activity=moment).last_activity


def test_what_is_kept_in_the_activity_is_shown_as_fields() -> None:
    """Who looks at the session as attrs knows it finds both under their names."""
    session = UserSession(interaction_count=3, last_activity=EARLY)

    assert "interaction_count=3" in repr(session)
    assert f"last_activity={EARLY!r}" in repr(session)
    assert "activity=Activity" not in repr(session)
    with pytest.raises(TypeError):
        UserSession(activity=Activity())  # type: ignore[call-arg]


def test_times_are_kept_in_utc() -> None:
    """A zone is converted; a naive time is local, as ``datetime.now()`` gives it."""
    plus_two = timezone(timedelta(hours=2))
    session = UserSession(created_at=EARLY.astimezone(plus_two))
    naive = datetime(2026, 1, 31, 12)  # noqa: DTZ001 - what is tested

    assert (EARLY, UTC) == (session.created_at, session.created_at.tzinfo)
    assert naive.astimezone(UTC) == NavigationEntry(page="p", timestamp=naive).timestamp


# -- what it does not take -----------------------------------------------------

WRONG: dict[str, tuple[str, Callable[[UserSession], Any]]] = {
    "user_id": ("UserSession.user_id is a str or None, not int: 42", lambda _: UserSession(user_id=42)),  # type: ignore[arg-type]
    "theme": ("UserSession.theme is a str", lambda s: setattr(s, "theme", 1)),
    "authenticated": ("UserSession.authenticated is a bool", lambda s: setattr(s, "authenticated", 1)),
    "inputs": ("UserSession.inputs is a dict, not None", lambda s: setattr(s, "inputs", None)),
    "history": ("navigation_history is a list", lambda s: setattr(s, "navigation_history", ())),
    "page": ("NavigationEntry.page is a str, not int", lambda s: s.add_navigation(5)),
    "form id": ("FormState.form_id is a str, not int", lambda s: s.get_form_state(5)),
    "one role": ("a set of texts is needed, such as {'admin'}", lambda s: setattr(s, "roles", "admin")),
    "one dependency": ("a set of texts is needed", lambda s: s.add_cache_key("k", "user_id")),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_value_of_a_wrong_type_is_refused_where_it_is_assigned(name: str) -> None:
    """Stored, it would keep the session from being loaded."""
    message, assign = WRONG[name]
    session = UserSession()

    with pytest.raises(TypeError) as caught:
        assign(session)

    assert message in str(caught.value)
    assert content(UserSession(session_id=session.session_id, created_at=session.created_at)) == (
        content(session)
    )


@pytest.mark.parametrize("size", [-1, True, 1.5, None])
def test_a_size_is_a_whole_number(size: Any) -> None:
    """Anything else is refused at once, and the old one stays."""
    session = UserSession()
    with pytest.raises(ValueError, match="max_history_size is a whole number from 0 on, not"):
        session.max_history_size = size

    assert 100 == session.max_history_size


# -- to and from plain data ----------------------------------------------------


@FEW
@given(SESSIONS)
def test_a_dict_holds_all_of_a_session(session: UserSession) -> None:
    """From a dict comes a session of the same content, and the same dict."""
    data = session.to_dict()
    restored = UserSession.from_dict(data)

    assert session is not restored
    assert_same(data, restored.to_dict())
    assert session.created_at == restored.created_at
    assert session.roles == restored.roles
    assert list(session.form_states) == list(restored.form_states)


@FEW
@given(SESSIONS)
def test_json_holds_all_of_a_session(session: UserSession) -> None:
    """From its JSON comes a session of the same content, the app's values of the same types."""
    text = session.to_json()

    assert_same(session.to_dict(), UserSession.from_json(text).to_dict())
    assert text == UserSession.from_json(text).to_json()
    json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize("name", PROBES)
def test_json_keeps_every_value_that_a_serializer_keeps(name: str) -> None:
    """In inputs, forms, snapshots, parameters and extensions alike."""
    value = PROBES[name]
    session = UserSession(inputs={"k": value}, extensions={"x": [value]})
    session.get_form_state("f").data = {"k": value}
    session.get_form_state("f").snapshot()
    session.add_navigation("p", {"k": value})

    restored = UserSession.from_json(session.to_json())

    assert_same(session.to_dict(), restored.to_dict())


def test_a_dict_is_readable() -> None:
    """Times are ISO 8601 with microseconds, sets are sorted lists, the app's values as they are."""
    value = object()
    session = UserSession(created_at=EARLY, roles={"b", "a"}, inputs={"k": value})
    data = session.to_dict()

    assert "2026-01-31T12:00:00.123456+00:00" == data["created_at"]
    assert ["a", "b"] == data["roles"]
    assert data["inputs"]["k"] is value
    assert "lock" not in data
    assert "unknown" not in data


def test_a_round_trip_keeps_version_and_save_id() -> None:
    """By them the repository finds the base of a session that went through a dict."""
    session = UserSession(version=7, save_id="abc")
    restored = UserSession.from_dict(session.to_dict())

    assert (7, "abc") == (restored.version, restored.save_id)


def test_a_dict_is_a_copy() -> None:
    """Changing the session does not change the dict, nor the dict the session."""
    session = UserSession(inputs={"a": 1}, page_views={"p": 1})
    data = session.to_dict()
    session.inputs["a"] = 2
    data["page_views"]["p"] = 5

    assert {"a": 1} == data["inputs"]
    assert {"p": 1} == session.page_views


@FEW
@given(SESSIONS, st.dictionaries(st.text(max_size=6).map("new_{}".format), APP_VALUES))
def test_what_a_newer_release_wrote_is_kept_at_every_level(
    session: UserSession, newer: dict[str, Any]
) -> None:
    """Unknown fields of the session, a form, a snapshot and a page come back as they were."""
    session.get_form_state("f").snapshot()
    session.add_navigation("p")
    data = session.to_dict()
    form = data["form_states"]["f"]
    for level in (data, form, form["snapshots"][-1], data["navigation_history"][-1]):
        level.update(newer)

    restored = UserSession.from_dict(data).to_dict()
    assert_same(dict(sorted(data.items())), dict(sorted(restored.items())))


def test_unknown_fields_never_overrule_known_ones() -> None:
    """Not even when someone calls them so."""
    data = {"unknown": {"user_id": "someone else", "new": 1}, "newer": 2}
    session = UserSession.from_dict(data)

    assert session.user_id is None
    assert session.to_dict()["user_id"] is None
    assert (1, 2) == (session.to_dict()["new"], session.to_dict()["newer"])


def test_unknown_fields_of_a_part_called_like_a_field_are_kept() -> None:
    """The inputs part of a newer release beside the inputs."""
    unknown = {"inputs": {"new": 1}, "access": {"new": 2}}
    session = UserSession(inputs={"a": 1}, unknown=unknown)
    restored = UserSession.from_dict(session.to_dict())

    assert {"a": 1} == session.to_dict()["inputs"]
    assert ({"a": 1}, unknown) == (restored.inputs, restored.unknown)


def test_a_dict_without_anything_is_a_new_session() -> None:
    """What is missing has its default."""
    session = UserSession.from_dict({})

    assert content(UserSession(session_id=session.session_id, created_at=session.created_at)) == (
        content(session)
    )


def test_any_keys_of_the_app_come_back() -> None:
    """The rows of a form may well be numbered."""
    session = UserSession(inputs={5: "five", (1, 2): "pair"})  # type: ignore[dict-item]
    session.get_form_state("f").data = {1: "one"}  # type: ignore[dict-item]
    restored = UserSession.from_json(session.to_json())

    assert {5: "five", (1, 2): "pair"} == restored.inputs
    assert {1: "one"} == restored.form_states["f"].data


HOSTILE = [
    ({"user_id": 5}, "UserSession.user_id: a text is needed, not int"),
    ({"authenticated": "yes"}, "UserSession.authenticated: true or false is needed, not str"),
    ({"interaction_count": True}, "UserSession.interaction_count: a whole number is needed"),
    ({"created_at": "yesterday"}, "UserSession.created_at: Invalid isoformat string"),
    ({"created_at": 10**30}, "UserSession.created_at: "),
    ({"created_at": 1.5}, "UserSession.created_at: a time is ISO 8601 text or microseconds"),
    ({"roles": "admin"}, "UserSession.roles: a list of texts is needed, not str"),
    ({"roles": [1]}, "UserSession.roles: a text is needed, not int"),
    ({"inputs": [1]}, "UserSession.inputs: a mapping is needed, not list"),
    ({"page_views": {"p": "1"}}, "UserSession.page_views['p']: a whole number is needed, not str"),
    ({"page_views": 5}, "UserSession.page_views: "),
    ({"session_id": ""}, "UserSession: a session id has 1 to 128 characters"),
    ({"max_history_size": -1}, "UserSession: UserSession.max_history_size is a whole number"),
    ({"navigation_history": "home"}, "UserSession.navigation_history: a list is needed, not str"),
    (
        {"navigation_history": [{"page": "a"}, {}]},
        "UserSession.navigation_history[1].page: required field missing",
    ),
    (
        {"form_states": {"f": {"form_id": "f", "errors": {"e": "wrong"}}}},
        "UserSession.form_states['f'].errors['e']: a list is needed, not str",
    ),
    (
        {"form_states": {"f": {"form_id": "f", "snapshots": [{"form_id": "f", "data": 1}]}}},
        "UserSession.form_states['f'].snapshots[0].data: a mapping is needed, not int",
    ),
    ({"form_states": {"f": None}}, "UserSession.form_states['f']: a mapping of fields is needed"),
]


@pytest.mark.parametrize(("data", "message"), HOSTILE, ids=[message for _, message in HOSTILE])
def test_an_error_names_the_field(data: dict[str, Any], message: str) -> None:
    """Where it lies, what it is and what would be right; the path stands apart."""
    with pytest.raises(SerializationError) as caught:
        UserSession.from_dict(data)

    assert str(caught.value).startswith(message)
    assert caught.value.path == message.partition(": ")[0]


def test_an_error_names_each_wrong_field() -> None:
    """Several at once."""
    with pytest.raises(SerializationError) as caught:
        UserSession.from_dict({"theme": 1, "language": 2})

    assert {
        "UserSession.language: a text is needed, not int",
        "UserSession.theme: a text is needed, not int",
    } == set(str(caught.value).split("; "))


FIELDS = st.sampled_from([*sorted(UserSession().to_dict()), "unknown", "lock", "new"])
FORM_FIELDS = st.sampled_from(["form_id", "data", "errors", "snapshots", "last_saved", "unknown"])
NESTED = st.dictionaries(FORM_FIELDS, JSON_VALUES) | JSON_VALUES
FORMS = st.fixed_dictionaries({"form_states": st.dictionaries(st.text(max_size=4), NESTED)})


@given(JSON_VALUES | st.dictionaries(FIELDS, JSON_VALUES) | FORMS)
def test_any_json_is_a_session_or_refused(data: Any) -> None:
    """Nothing but SerializationError comes of hostile data; what is taken can be written again."""
    try:
        session = UserSession.from_dict(data)
    except SerializationError:
        return
    assert_same(session.to_dict(), UserSession.from_dict(session.to_dict()).to_dict())


@given(st.text() | JSON_VALUES.map(json.dumps))
def test_any_text_is_a_session_or_refused(text: str) -> None:
    """The same for JSON text, well formed or not."""
    try:
        session = UserSession.from_json(text)
    except SerializationError:
        return
    assert_same(session.to_dict(), UserSession.from_json(session.to_json()).to_dict())


def test_json_refuses_what_it_cannot_keep() -> None:
    """The path says which value."""
    session = UserSession(inputs={"upload": [object()]})
    with pytest.raises(SerializationError) as caught:
        session.to_json()

    assert "['inputs']['upload'][0]" == caught.value.path
