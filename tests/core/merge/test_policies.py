# SPDX-License-Identifier: Apache-2.0
"""Policies for single fields: what they decide, and which paths there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_harness.data import merge_sessions

from sessionkit import SessionManager, load_settings
from sessionkit.errors import ConfigError
from sessionkit.merge.merger import Merger
from sessionkit.merge.policies import POLICIES, read_policies
from sessionkit.session import UserSession
from sessionkit.testing.serializers import assert_same
from sessionkit.values.equality import same_content

Edit = Callable[[UserSession], Any]


def merged(fields: dict[str, str], base: Edit | None, ours: Edit, theirs: Edit) -> UserSession:
    """Return what comes of two edits of one session; *base* None: nobody knows what they began with."""

    def session(*edits: Edit) -> UserSession:
        made = UserSession(session_id="s")
        for edit in edits:
            edit(made)
        return made

    began = (base,) if base else ()
    before = session(base) if base else None
    merger = Merger(read_policies(fields))
    return merge_sessions(before, session(*began, ours), session(*began, theirs), merger=merger)


def inputs(**values: Any) -> Edit:
    """Return an edit that sets inputs."""
    return lambda session: session.inputs.update(values)


@pytest.mark.parametrize(
    ("policy", "before", "ours", "theirs", "expected"),
    [
        ("ours", "a", "b", "c", "b"),
        ("theirs", "a", "b", "c", "c"),
        ("max", 1, 5, 3, 5),
        ("min", 1, 5, 3, 3),
        ("sum", 10, 11, 12, 13),
        ("sum", 10, 11, 11, 12),
        ("sum", 1.5, 2.0, 1.0, 1.5),
        ("union", [1, 2], [1, 2, 3], [2, 4], [2, 3, 4]),
        ("union", [{"id": 1}], [{"id": 1}, {"id": 2}], [{"id": 1}, {"id": 3}], [1, 2, 3]),
        ("union", {1, 2}, {1, 2, 3}, {2, 4}, {2, 3, 4}),
        ("merge", "a", "b", "c", "c"),
        # What a policy does not know how to do is merged as usual.
        ("sum", "a", "b", "c", "c"),
        ("max", 1, "b", 3, 3),
        ("union", "a", "b", "c", "c"),
    ],
)
def test_what_both_changed(policy: str, before: Any, ours: Any, theirs: Any, expected: Any) -> None:
    """A policy decides where both writers changed the field."""
    found = merged({"inputs.x": policy}, inputs(x=before), inputs(x=ours), inputs(x=theirs)).inputs[
        "x"
    ]

    if isinstance(found, list) and isinstance(found[0], dict):
        found = [item["id"] for item in found]
    assert expected == found


@pytest.mark.parametrize(
    ("policy", "ours", "theirs"),
    [
        ("sum", Decimal("9.90"), 5.0),
        ("sum", Decimal("sNaN"), 5),
        ("sum", 10**400, 5.0),
        ("sum", "a", 1),
        ("max", np.arange(3), np.arange(3) + 1),
        ("min", pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})),
        ("max", pd.Series([1, 2]), pd.Series([2, 3])),
        ("max", Decimal("NaN"), 1),
        ("min", {"a": 1}, 5),
        ("union", "a", [1]),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_a_policy_can_not_do_is_merged_as_usual_and_told(
    policy: str, ours: Any, theirs: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the values raise; the log names policy and path."""
    before = inputs(x=7)
    found = merged({"inputs.x": policy}, before, inputs(x=ours), inputs(x=theirs)).inputs["x"]
    usual = merged({}, before, inputs(x=ours), inputs(x=theirs)).inputs["x"]

    assert same_content(usual, found)
    assert f"the policy {policy!r} of inputs.x can't decide: " in caplog.text


@pytest.mark.parametrize("policy", ["sum", "merge"])
def test_as_usual_means_the_rule_that_the_field_has(policy: str) -> None:
    """Roles are a set: what either side granted or revoked holds."""

    def roles(*names: str) -> Edit:
        return lambda session: setattr(session, "roles", set(names))

    found = merged({"roles": policy}, roles("a", "b"), roles("a", "b", "c"), roles("a", "d"))

    assert {"a", "c", "d"} == found.roles


def test_what_one_side_removed_needs_no_telling(caplog: pytest.LogCaptureFixture) -> None:
    """A sum with nothing is no mistake of anybody's."""
    gone: Edit = lambda session: session.inputs.pop("x")  # noqa: E731 - an edit

    assert {"x": 2} == merged({"inputs.x": "max"}, inputs(x=1), gone, inputs(x=2)).inputs
    assert not caplog.text


@pytest.mark.parametrize("policy", POLICIES)
@given(before=st.integers(), after=st.integers())
def test_what_one_side_changed_is_taken(policy: str, before: int, after: int) -> None:
    """Whatever the policy, a change that only one writer made is kept, and a removal too."""
    fields, base, untouched = {"inputs.x": policy}, inputs(x=before), inputs()

    for one, other in ((inputs(x=after), untouched), (untouched, inputs(x=after))):
        assert after == merged(fields, base, one, other).inputs["x"]
    gone: Edit = lambda session: session.inputs.pop("x")  # noqa: E731 - an edit
    assert {} == merged(fields, base, gone, untouched).inputs
    assert {} == merged(fields, base, untouched, gone).inputs


@pytest.mark.parametrize(
    ("base", "expected"), [(inputs(), 3), (inputs(n=1), 2), (None, 2)], ids=["none", "1", "unknown"]
)
def test_sums_begin_somewhere(base: Edit | None, expected: int) -> None:
    """A number that was not there is zero; where the base is unknown, nothing is counted twice."""
    assert expected == merged({"inputs.n": "sum"}, base, inputs(n=1), inputs(n=2)).inputs["n"]


def _form(form_id: str, **data: Any) -> Edit:
    return lambda session: session.get_form_state(form_id).data.update(data)


def test_deep_paths_and_stars() -> None:
    """A path goes into dicts; ``*`` is any key, and a key that is named goes before it."""
    fields = {
        "forms.*.data.n": "sum",
        "forms.special.data.n": "theirs",
        'inputs."a.b".deep': "theirs",
        "extensions.plugin.count": "sum",
        "theme": "theirs",
    }

    def edit(number: int) -> Edit:
        def change(session: UserSession) -> None:
            _form("any", n=number, other=number)(session)
            _form("special", n=number)(session)
            session.inputs["a.b"] = {"deep": number, "else": number}
            session.extensions["plugin"] = {"count": number}
            session.theme = f"theme {number}"

        return change

    found = merged(fields, edit(10), edit(11), edit(12))

    assert {"n": 13, "other": 12} == found.form_states["any"].data
    assert {"n": 12} == found.form_states["special"].data
    assert {"a.b": {"deep": 12, "else": 12}} == found.inputs
    assert {"plugin": {"count": 13}} == found.extensions
    assert "theme 12" == found.theme


def test_a_counter_counts_what_both_counted() -> None:
    """Where a policy says so of its entries; it stays a Counter."""

    def cart(**counts: int) -> Edit:
        return inputs(cart=Counter(counts))

    found = merged(
        {"inputs.cart.*": "sum"}, cart(tea=1, rum=1), cart(tea=2, rum=1, milk=1), cart(tea=3)
    )

    assert_same(Counter(tea=4, milk=1), found.inputs["cart"])


def test_a_counter_and_a_dict_are_not_added_up() -> None:
    """They are two values: what was made a Counter stays one."""
    sides = inputs(cart={"tea": 1}), inputs(cart=Counter(tea=2)), inputs(cart={"tea": 3})
    found = merged({"inputs.cart.*": "sum"}, *sides)

    assert_same(Counter(tea=2), found.inputs["cart"])


@pytest.mark.parametrize(
    ("fields", "before", "ours", "theirs", "expected"),
    [
        ({"inputs.x": "union"}, ["c"], ["c", "b"], ["c", "a"], ["c", "b", "a"]),
        ({"inputs.x": "sum"}, 5, 7, 6, 8),
        ({"inputs.x": "max"}, 5, 7, 9, 9),
        ({"inputs.x": "max"}, 9, 7, 9, 7),
        ({"inputs.x.*": "sum"}, {"tea": 1}, {"tea": 3}, {"tea": 2}, {"tea": 4}),
        ({"inputs.x": "ours"}, 5, 7, 9, 7),
        ({"inputs.x": "theirs"}, 5, 7, 9, 7),
        ({}, 5, 7, 9, 7),
    ],
)
def test_a_value_that_is_set_over_another_one_is_joined_with_it(
    fields: dict[str, str], before: Any, ours: Any, theirs: Any, expected: Any
) -> None:
    """By policies that join what both did; no save met another one."""
    assert expected == read_policies(fields).at("inputs", "x").joined(before, ours, theirs)


def test_equal_changes_are_summed_through_the_store() -> None:
    """Two tabs that each counted once make two, though their bytes are the same."""
    settings = load_settings(
        storage="memory",
        security={"secret_key": "k" * 16},
        conflict={"fields": {"inputs.n": "sum"}},
    )
    with SessionManager(settings) as manager:
        repository = manager.repository
        repository.save(UserSession(session_id="s", inputs={"n": 5}))
        one, other = repository.load("s"), repository.load("s")
        assert one is not None
        assert other is not None
        for tab in (one, other):
            tab.inputs["n"] += 1
            repository.save(tab)
        stored = repository.load("s")

    assert stored is not None
    assert_same(7, stored.inputs["n"])


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("inptus.cart", "there is no field 'inptus'; did you mean 'inputs'?"),
        ("user_id", "user_id is never a matter of policy"),
        ("theme.colour", "theme holds no dict to go into"),
        ("forms", "name a form, or *, and a field of it"),
        ("forms.order", "name a form, or *, and a field of it"),
        ("forms.*.dta", "a form has no field 'dta'; did you mean 'data'?"),
        ("forms.*.auto_save.x", "auto_save holds no dict to go into"),
        ("", "keys are parted by dots"),
        ("inputs.", "keys are parted by dots"),
        ("inputs..x", "keys are parted by dots"),
        ('inputs."x', "keys are parted by dots"),
    ],
)
def test_a_path_that_cannot_be_is_refused(path: str, why: str) -> None:
    """The message names the path and what would be right."""
    with pytest.raises(ConfigError) as caught:
        read_policies({path: "ours"})

    assert f"[conflict.fields] {path!r}: {why}" in str(caught.value)


def test_an_unknown_policy_is_an_error_at_start() -> None:
    """Before any session is asked for, with the place that said it."""
    settings = load_settings(storage="memory", conflict={"fields": {"theme": "our"}})

    with pytest.raises(
        ConfigError, match=r"configure\(...\): \[conflict.fields\] 'theme': 'our' is no policy; did"
    ):
        SessionManager(settings)


def test_tables_are_dotted_paths() -> None:
    """A table within the table says the same as a path in quotes."""
    nested = load_settings(conflict={"fields": {"inputs": {"cart": "union"}}})
    dotted = load_settings(conflict={"fields": {"inputs.cart": "union"}})

    assert nested == dotted


@pytest.mark.parametrize("fields", ["union", {"inputs.cart": 1}, {"inputs.cart": ["union"]}])
def test_a_policy_is_a_text(fields: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(ConfigError, match=r"conflict\.fields"):
        load_settings(conflict={"fields": fields})
