# SPDX-License-Identifier: Apache-2.0
"""What is stored of a session that can't be stored whole: each value that can, and the last one of those that can't."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_harness.data import KINDS_OF_DICT, LINKS, SESSIONS, content, endless, make_codec
from session_harness.ids import repr_without_address

from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.errors import RejectedError
from sessionkit.serializer import Serializer
from sessionkit.session import UserSession
from sessionkit.testing.serializers import assert_same

FEW = settings(max_examples=40)


# -- what can't be kept --------------------------------------------------------


def set_deep(session: UserSession, value: Any) -> None:
    """Put *value* wherever an app may put one, beside one that can be kept."""
    session.inputs.update({"upload": value, "deep": {"a": {"b": value, "c": 1}}, "fine": 1})
    form = session.get_form_state("f")
    form.data.update({"file": value, "fine": 1})
    if not session.navigation_history:
        session.add_navigation("p", {})
        session.add_navigation("q", {"n": "another page's"})
        form.snapshot()
        form.snapshot().data["file"] = "another snapshot's"
    session.navigation_history[0].params.update({"n": value, "fine": 1})
    form.snapshots[0].data.update({"file": value, "fine": 1})
    session.extensions.update({"x": {"deep": value, "fine": 1}, "whole": value})


REFUSED_PATHS = [
    "inputs['upload']",
    "inputs['deep']['a']['b']",
    "form_states['f'].data['file']",
    "navigation_history[0].params['n']",
    "form_states['f'].snapshots[0].data['file']",
    "extensions['x']['deep']",
    "extensions['whole']",
]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("serializer", [MsgpackSerializer(), JsonSerializer()])
def test_lists_that_hold_one_another_again_and_again_are_refused(
    serializer: Serializer, link: Callable[[Any], Any]
) -> None:
    """Each by its path, as soon as it is met: a save ends, and stores the rest."""
    codec = make_codec(serializer)
    session = UserSession(session_id="s")
    set_deep(session, "kept")
    last = codec.encode(session, {})
    expected = codec.decode("s", last.parts)
    set_deep(session, endless(link))
    session.theme = expected.theme = "dark"

    for _ in range(2):
        encoded = codec.encode(session, last.parts)
        assert sorted(REFUSED_PATHS) == sorted(error.path for error in encoded.refused)
        assert {True} == {"more than 16777216 values" in error.reason for error in encoded.refused}
        assert_same(content(expected), content(codec.decode("s", encoded.parts)))


def test_two_values_that_hold_one_another_cost_nobody_else() -> None:
    """Several in one dict are each refused by their own path."""
    bomb = endless(LINKS[1])
    session = UserSession(inputs={"one": bomb, "two": {"x": bomb, "fine": 1}, "fine": 2})
    encoded = make_codec().encode(session, {})
    assert {"inputs['one']", "inputs['two']['x']"} == {error.path for error in encoded.refused}
    kept = make_codec().decode("s", encoded.parts)
    assert {"two": {"fine": 1}, "fine": 2} == kept.inputs


def test_a_session_that_is_merely_large_is_refused_for_its_size() -> None:
    """Not value by value: each of them could be stored."""
    codec = make_codec(max_bytes=1000)
    session = UserSession(inputs={str(number): [number] * 100 for number in range(20)})
    encoded = codec.encode(session, {})
    assert [] == encoded.refused
    with pytest.raises(RejectedError, match=r"limits\.session_bytes = 1000"):
        codec.seal(encoded.parts, {}, ())


def test_what_cannot_be_kept_keeps_its_last_value_and_all_else_is_kept() -> None:
    """Wherever it lies; each is named by its path."""
    codec = make_codec()
    session = UserSession(session_id="s")
    set_deep(session, "kept")
    last = codec.encode(session, {})
    expected = codec.decode("s", last.parts)
    set_deep(session, object())
    session.theme = expected.theme = "dark"
    encoded = codec.encode(session, last.parts)

    assert sorted(REFUSED_PATHS) == sorted(error.path for error in encoded.refused)
    assert {"builtins.object can't be kept; store text, numbers, lists and dicts instead"} == {
        error.reason for error in encoded.refused
    }
    assert_same(content(expected), content(codec.decode("s", encoded.parts)))


def test_what_never_could_be_kept_is_left_out() -> None:
    """There is no last value; all else is kept."""
    codec = make_codec()
    session = UserSession(session_id="s")
    set_deep(session, object())
    encoded = codec.encode(session, {})
    decoded = codec.decode("s", encoded.parts)

    assert sorted(REFUSED_PATHS) == sorted(error.path for error in encoded.refused)
    assert {"deep": {"a": {"c": 1}}, "fine": 1} == decoded.inputs
    assert {"fine": 1} == decoded.form_states["f"].data
    assert {"fine": 1} == decoded.form_states["f"].snapshots[0].data
    assert {"fine": 1} == decoded.navigation_history[0].params
    assert {"x": {"fine": 1}} == decoded.extensions


def test_the_session_itself_keeps_what_cannot_be_stored() -> None:
    """Only what is stored lacks it."""
    upload = object()
    session = UserSession(inputs={"upload": upload})
    make_codec().encode(session, {})

    assert session.inputs["upload"] is upload


def test_a_list_is_kept_whole_or_not_at_all() -> None:
    """The path says which item was wrong."""
    codec = make_codec()
    session = UserSession(inputs={"files": [1, 2]})
    last = codec.encode(session, {}).parts
    session.inputs["files"] = [1, object(), 3]
    encoded = codec.encode(session, last)

    assert ["inputs['files'][1]"] == [error.path for error in encoded.refused]
    assert {"files": [1, 2]} == codec.decode("s", encoded.parts).inputs


class Cart(dict[str, Any]):
    """A dict that is more than a dict, and no kind that is kept."""


@pytest.mark.parametrize(
    "value", [Cart(tea=2), defaultdict(lambda: 0, tea=2)], ids=repr_without_address
)
def test_no_dict_comes_back_as_another_kind_of_dict(value: Any) -> None:
    """Its entries could be kept, but whoever reads it again wants what it was: it is refused."""
    codec = make_codec()
    last = codec.encode(UserSession(inputs={"cart": 1}), {}).parts
    encoded = codec.encode(UserSession(inputs={"cart": value, "fine": 1}), last)

    (error,) = encoded.refused
    assert "inputs['cart']" == error.path
    assert "store it as a dict" in error.reason
    assert {"cart": 1, "fine": 1} == codec.decode("s", encoded.parts).inputs


@pytest.mark.parametrize("kind", KINDS_OF_DICT, ids=str)
def test_of_any_kind_of_dict_all_else_is_kept(kind: Any) -> None:
    """What can't be kept is left out, and the kind stays."""
    codec = make_codec()
    cart = kind({"tea": 2, "file": object(), "deep": kind({"file": object(), "n": 1})})
    encoded = codec.encode(UserSession(inputs={"cart": cart}), {})

    paths = ["inputs['cart']['file']", "inputs['cart']['deep']['file']"]
    assert paths == [error.path for error in encoded.refused]
    kept = kind({"tea": 2, "deep": kind({"n": 1})})
    assert_same(kept, codec.decode("s", encoded.parts).inputs["cart"])


def test_an_entry_that_was_removed_does_not_come_back() -> None:
    """Last values are for what can't be kept, not for what is gone."""
    codec = make_codec()
    session = UserSession(inputs={"upload": 1, "gone": 1, "d": {"x": 1, "y": 2}})
    last = codec.encode(session, {}).parts
    session.inputs = {"upload": object(), "d": {"x": object()}}

    assert {"upload": 1, "d": {"x": 1}} == codec.decode("s", codec.encode(session, last).parts).inputs  # fmt: skip


@pytest.mark.parametrize("key", [object(), "\ud800", (1, object())])
def test_a_key_that_cannot_be_kept_is_left_out(key: Any) -> None:
    """With its value; the path says that it is the key."""
    codec = make_codec()
    session = UserSession(inputs={"a": {key: 1, "fine": 2}, "b": 3})
    encoded = codec.encode(session, {})

    assert [f"inputs['a']: key {key!r:.80}"] == [error.path for error in encoded.refused]
    assert {"a": {"fine": 2}, "b": 3} == codec.decode("s", encoded.parts).inputs


def test_a_page_whose_name_cannot_be_kept_is_left_out_whole() -> None:
    """What would be left of the entry could not be read; the pages beside it stay."""
    codec = make_codec()
    session = UserSession()
    for page in ("home", "\ud800", "cart"):
        session.add_navigation(page)
    encoded = codec.encode(session, {})
    decoded = codec.decode("s", encoded.parts)

    assert ["home", "cart"] == [entry.page for entry in decoded.navigation_history]
    assert {"home": 1, "cart": 1} == decoded.page_views
    assert ["navigation_history[1].page", "page_views: key '\\ud800'"] == [
        error.path for error in encoded.refused
    ]


def loop() -> dict[str, Any]:
    """Return a dict that holds itself."""
    data: dict[str, Any] = {"fine": 1}
    data["self"] = data
    return data


def test_what_holds_itself_is_kept_as_far_as_it_goes() -> None:
    """One way down, and not the way back."""
    codec = make_codec()
    session = UserSession(inputs={"loop": loop(), "list": [loop()], "fine": 1})
    encoded = codec.encode(session, {})
    in_dict, in_list = encoded.refused

    assert {"loop": {"fine": 1}, "fine": 1} == codec.decode("s", encoded.parts).inputs
    assert "inputs['loop']['self']: it holds itself; store it flat" == str(in_dict)
    assert in_list.path.startswith("inputs['list'][0]['self']")


@pytest.mark.parametrize("serializer", [MsgpackSerializer(), JsonSerializer()])
@pytest.mark.parametrize("wrap", [lambda inner: {"d": inner}, lambda inner: (inner,)])
def test_at_any_depth_all_else_is_kept(serializer: Serializer, wrap: Any) -> None:
    """What is nested too deeply is refused, be it only by the part that it lies in."""
    codec = make_codec(serializer)
    refused = []
    for depth in (50, *range(94, 104), 1100):
        value: Any = 1
        for _ in range(depth):
            value = wrap(value)
        session = UserSession(inputs={"deep": value, "fine": 1})
        encoded = codec.encode(session, {})

        decoded = codec.decode("s", encoded.parts)
        assert 1 == decoded.inputs["fine"]
        assert encoded.refused or value == decoded.inputs["deep"]
        refused.append(bool(encoded.refused))
    assert (False, True) == (refused[0], refused[-1])
    assert sorted(refused) == refused


# -- what could not be read again ----------------------------------------------


def misplace(session: UserSession, value: Any) -> None:
    """Put *value* into containers of which the session knows what belongs there."""
    session.page_views["p"] = value
    session.roles.add(value)
    session.cache_dependencies["k"] = value
    session.get_form_state("f").errors["e"] = value
    session.get_form_state("f").snapshots.append(value)
    session.navigation_history.append(value)


MISPLACED_PATHS = [
    "page_views['p']",
    "roles",
    "cache_dependencies['k']",
    "form_states['f'].errors['e']",
    "form_states['f'].snapshots[0]",
    "navigation_history[0]",
]


@pytest.mark.parametrize("value", [None, 5.5, b"x", ("a", 2)])
def test_what_belongs_elsewhere_never_spoils_what_is_stored(value: Any) -> None:
    """The field keeps its last value, all else is saved, and the session can be loaded."""
    codec = make_codec()
    session = UserSession(session_id="s", roles={"r"}, page_views={"q": 1})
    last = codec.encode(session, {}).parts
    misplace(session, value)
    session.theme = "dark"
    encoded = codec.encode(session, last)
    decoded = codec.decode("s", encoded.parts)

    for path, error in zip(sorted(MISPLACED_PATHS), sorted(encoded.refused, key=str), strict=True):
        assert error.path.startswith(path)
    assert ("dark", {"r"}, {"q": 1}) == (decoded.theme, decoded.roles, decoded.page_views)
    assert [] == decoded.navigation_history


@FEW
@given(SESSIONS, st.sampled_from(["text", 5, None, object(), {"a": object()}, "\ud800", loop()]))
def test_whatever_the_app_put_in_the_rest_is_kept(session: UserSession, value: Any) -> None:
    """No value anywhere makes a session that can't be encoded, or can't be decoded again."""
    codec = make_codec()
    last = codec.encode(session, {}).parts
    session.theme = "changed"
    for container in (
        *(session.inputs, session.page_views, session.cache_dependencies, session.extensions),
        *(form.data for form in session.form_states.values()),
        *(form.errors for form in session.form_states.values()),
    ):
        container["odd"] = value
    encoded = codec.encode(session, last)

    assert "changed" == codec.decode("s", encoded.parts).theme
    again = codec.encode(session, encoded.parts)
    assert encoded.parts == again.parts
