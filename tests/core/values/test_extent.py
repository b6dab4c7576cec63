# SPDX-License-Identifier: Apache-2.0
"""Values that hold one another again and again: a few lists, and no end to them."""

from __future__ import annotations

import gc
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from enum import Enum
from typing import Any

import pandas as pd
import pytest
from session_harness.data import LINKS, endless, make_codec

from sessionkit import FormState, UserSession
from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.errors import SerializationError
from sessionkit.session.privacy import Privacy
from sessionkit.session.unreadable import is_opaque
from sessionkit.values import Opaque, to_tagged
from sessionkit.values.equality import equals, same_content, written
from sessionkit.values.extent import holds_too_much
from sessionkit.values.tables import check_cells

EACH = pytest.mark.parametrize("link", LINKS)


@EACH
def test_what_is_held_several_times_counts_as_often(link: Callable[[Any], Any]) -> None:
    """As it would be written; lists, dicts, tuples, and one in another."""
    assert holds_too_much(endless(link))
    assert holds_too_much({"deep": [endless(link)]})
    assert not holds_too_much(endless(link, levels=7), 10_000)
    assert holds_too_much(endless(link, levels=7), 100)


@EACH
def test_what_the_garbage_collector_leaves_alone_counts_too(link: Callable[[Any], Any]) -> None:
    """It stops looking at tuples that hold nothing but texts, numbers and such tuples, and at dicts of them."""
    value = endless(link, levels=40)
    for _ in range(80):  # each one reaches the next tuple, if not all at once
        gc.collect()
    flat = {"a": value}

    assert (type(value) is tuple) != gc.is_tracked(flat)
    assert holds_too_much(value)
    assert holds_too_much(flat)
    assert holds_too_much({"form": {"data": flat}})
    for serializer in (MsgpackSerializer(), JsonSerializer()):
        if type(value) is tuple:  # lists and dicts are counted before they are handed over
            with pytest.raises(SerializationError, match="more than"):
                serializer.dumps({"data": flat})
    encoded = make_codec().encode(UserSession(inputs={"a": 1, "bomb": value}), {})
    assert ["inputs['bomb']"] == [error.path for error in encoded.refused]


def test_wide_values_count_as_often_as_they_are_held() -> None:
    """A list of a million lists is one of as many, were they the same or not."""
    row = list(range(1000))
    assert holds_too_much([[row] * 1000] * 1000)
    assert not holds_too_much([list(row) for _ in range(100)])
    assert holds_too_much([row] * 100, 100_000)
    assert not holds_too_much([row] * 100, 100_100)


def test_what_other_objects_hold_is_not_counted() -> None:
    """They are kept, or refused, as one value: their classes lead everywhere."""

    class Size(Enum):
        SMALL = 1

    others = [Size.SMALL, pd.DataFrame({"a": [1]}), object(), print, pytest, Opaque("k", [1], "")]
    assert not holds_too_much({"inputs": {str(n): one for n, one in enumerate(others)}}, 20)
    kinds = {"a": Counter("ab"), "b": OrderedDict(x=1), "c": defaultdict(list, y=[2])}
    assert not holds_too_much({"inputs": kinds}, 60)


def test_what_holds_itself_is_counted_once() -> None:
    """It has no end either: whoever writes it says so, in words of its own."""
    around: list[Any] = [1]
    around += [around, around]
    assert not holds_too_much(around)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert not holds_too_much(deep)


# -- whoever looks values through ends -----------------------------------------


@EACH
def test_a_comparison_ends(link: Callable[[Any], Any]) -> None:
    """Of two that can't be looked through neither is known to be the other; one is itself."""
    one, other = endless(link), endless(link)
    assert same_content(one, one)
    assert not same_content(one, other)
    assert [True, False] == [equals(one, other, in_doubt=doubt) for doubt in (True, False)]
    assert written(one)


@EACH
def test_a_look_for_secret_names_ends(link: Callable[[Any], Any]) -> None:
    """What is never stored is found wherever it lies, in each place where it is held."""
    bomb = endless(link, levels=30, bottom={"token": "secret", "kept": 1})
    inner = Privacy().public({"inputs": {"bomb": bomb}})["inputs"]["bomb"]
    while not isinstance(inner, dict) or "kept" not in inner:
        inner = next(iter(inner.values() if isinstance(inner, dict) else inner))
    assert {"kept": 1} == inner


@EACH
def test_a_look_for_what_cannot_be_read_ends(link: Callable[[Any], Any]) -> None:
    """Also in what holds itself."""
    assert not is_opaque(endless(link))
    assert is_opaque(endless(link, bottom=[Opaque("k", 1, "why")]))
    around: list[Any] = []
    around.append(around)
    assert not is_opaque(around)


@EACH
def test_forms_go_back_and_forth(link: Callable[[Any], Any]) -> None:
    """A form that holds such a value has snapshots, undo and redo."""
    form = FormState(form_id="f", data={"a": 1, "bomb": endless(link)})
    form.snapshot()
    form.data["a"] = 2
    assert form.undo()
    assert 1 == form.data["a"]
    assert form.redo()
    assert 2 == form.data["a"]


@EACH
def test_an_input_is_set_again(link: Callable[[Any], Any]) -> None:
    """By an equal value, too."""
    session = UserSession()
    session.set_input("bomb", endless(link))
    session.set_input("bomb", endless(link))
    assert 1 == session.interaction_count


@EACH
def test_an_export_ends(link: Callable[[Any], Any]) -> None:
    """As objects it is what it is; as text it is refused."""
    session = UserSession(inputs={"bomb": endless(link)})
    again = UserSession.from_dict(session.to_dict())
    assert again.inputs["bomb"] is session.inputs["bomb"]
    with pytest.raises(SerializationError, match="more than 16777216 values"):
        session.to_json()
    with pytest.raises(SerializationError):
        to_tagged(session.inputs)


@EACH
def test_a_table_with_such_a_cell_is_refused(link: Callable[[Any], Any]) -> None:
    """Before Arrow walks through it."""
    with pytest.raises(SerializationError, match=r"^column 'a' holds .* more than"):
        check_cells([1, "b", endless(link)], "column 'a'")
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["bomb"] = endless(link)
    with pytest.raises(SerializationError, match="more than"):
        to_tagged(frame)


def test_an_error_shows_the_beginning_of_such_a_value() -> None:
    """Where it is put in the place of something else."""
    with pytest.raises(TypeError, match=r"UserSession\.inputs is a dict, not list: \[\[\[\["):
        UserSession(inputs=endless(LINKS[0]))
