# SPDX-License-Identifier: Apache-2.0
"""Two writers of encoded sessions: both sides' changes are kept, each changed value is stamped, and any order ends alike."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_harness.data import APP_VALUES, KINDS_OF_DICT, NAMES, SESSIONS, make_codec

from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.encoding.codec import Decoded, EncodedParts
from sessionkit.merge.fields import conflict_of
from sessionkit.merge.merger import Merger
from sessionkit.merge.stamps import (
    LIFETIME,
    NO_STAMP,
    STAMPS,
    at,
    latest,
    read_stamps,
    read_tree,
    stamp_changes,
    write_stamps,
)
from sessionkit.merge.strategies import Merge
from sessionkit.serializer import Serializer
from sessionkit.session import UserSession
from sessionkit.session.forms import FormSnapshot
from sessionkit.session.session import NavigationEntry
from sessionkit.testing.serializers import assert_same
from sessionkit.values import to_tagged
from sessionkit.values.dicts import kind_of_dict

FEW = settings(max_examples=40)
CODEC = make_codec()
MERGER = Merger()

Change = Callable[[UserSession], Any]


# -- what both changed ---------------------------------------------------------

EARLY = datetime(2026, 1, 31, tzinfo=UTC)


def began() -> UserSession:
    """Return the session that both sides start from."""
    session = UserSession(session_id="s", created_at=EARLY, roles={"r"}, inputs={"a": 0, "b": 0})
    session.get_form_state("f").data = {"a": 0, "b": 0}
    session.add_cache_key("k", {"d"})
    session.navigation_history.append(NavigationEntry(page="p", entry_id="e", timestamp=EARLY))
    session.form_states["f"].snapshots.append(
        FormSnapshot(form_id="f", data={}, snapshot_id="s", timestamp=EARLY)
    )
    return session


def encoded(*changes: Change) -> EncodedParts:
    """Return the beginning with changes made, encoded."""
    session = began()
    for change in changes:
        change(session)
    return CODEC.encode(session, {}).parts


def append_page(session: UserSession) -> None:
    """Open a page at a time that is known."""
    session.navigation_history.append(NavigationEntry(page="q", entry_id="f", timestamp=EARLY))


CHANGES: dict[str, Change] = {
    "preference": lambda s: setattr(s, "theme", "dark"),
    "other preference": lambda s: setattr(s, "language", "en"),
    "role": lambda s: s.roles.add("x"),
    "revoked": lambda s: s.roles.clear(),
    "permission": lambda s: s.permissions.add("x"),
    "input": lambda s: s.inputs.update(a=1),
    "other input": lambda s: s.inputs.update(b=2),
    "input gone": lambda s: s.inputs.pop("a"),
    "form data": lambda s: s.form_states["f"].data.update(a=1),
    "form errors": lambda s: s.form_states["f"].errors.update(a=["wrong"]),
    "undone": lambda s: s.form_states["f"].snapshots.clear(),
    "new form": lambda s: s.get_form_state("g"),
    "without form": lambda s: s.form_states.pop("f"),
    "page": append_page,
    "page views": lambda s: s.page_views.update(p=1),
    "interactions": lambda s: setattr(s, "interaction_count", 5),
    "cache key": lambda s: s.add_cache_key("l"),
    "cache key gone": lambda s: s.remove_cache_key("k"),
    "extension": lambda s: s.extensions.update(x=1),
}
NAMES_OF_CHANGES = st.sets(st.sampled_from(sorted(CHANGES)), max_size=6)
TOUCH_THE_SAME = [{"role", "revoked"}, {"input", "input gone"}]


def changes_of(names: set[str]) -> list[Change]:
    """Return changes by name, each in the same order."""
    return [CHANGES[name] for name in sorted(names)]


def decoded(parts: EncodedParts) -> dict[str, Any]:
    """Return parts as plain data, without the order of dicts."""
    return CODEC.decode_parts(parts, parts)


@FEW
@given(st.data())
def test_disjoint_changes_all_survive_and_commute(data: st.DataObject) -> None:
    """Whoever comes second: both sides' changes are in, as if one had made them all."""
    ours = data.draw(NAMES_OF_CHANGES)
    theirs = data.draw(NAMES_OF_CHANGES) - ours
    for pair in (*TOUCH_THE_SAME, {"without form", "form data"}, {"without form", "form errors"}, {"without form", "undone"}):  # fmt: skip
        if pair & ours and pair & theirs:
            theirs -= pair
    base, one, other = encoded(), encoded(*changes_of(ours)), encoded(*changes_of(theirs))
    together = encoded(*changes_of(ours | theirs))

    assert decoded(together) == decoded(MERGER.encoded(CODEC, base, one, other))
    assert decoded(together) == decoded(MERGER.encoded(CODEC, base, other, one))


@pytest.mark.parametrize("name", ["inputs", "form:f"])
def test_what_one_side_has_is_taken_as_it_is_there(name: str) -> None:
    """Both changed one field, and the part is as the later one left it: nothing is encoded again, nor are the stamps."""

    def changed_to(value: int) -> EncodedParts:
        return encoded(
            lambda session: (
                session.inputs.update(a=value)
                if name == "inputs"
                else session.form_states["f"].data.update(a=value)
            )
        )

    base = stamp_changes(CODEC, {}, encoded(), 1)
    earlier = stamp_changes(CODEC, base, changed_to(7), 2)
    later = stamp_changes(CODEC, base, changed_to(8), 3)

    for ours, theirs in ((earlier, later), (later, earlier)):
        merged = MERGER.encoded(CODEC, base, ours, theirs)
        assert later == merged
        assert later[name] is merged[name]
        assert later[STAMPS] is merged[STAMPS]


@FEW
@given(SESSIONS, SESSIONS)
def test_identity_of_whole_sessions(one: UserSession, other: UserSession) -> None:
    """m(b, b, x) = m(b, x, b) = x, byte by byte."""
    base, changed = (CODEC.encode(session, {}).parts for session in (one, other))

    assert changed == MERGER.encoded(CODEC, base, base, changed)
    assert changed == MERGER.encoded(CODEC, base, changed, base)


@FEW
@given(SESSIONS, SESSIONS, SESSIONS, st.booleans())
def test_a_revoked_right_never_comes_back(
    one: UserSession,
    two: UserSession,
    three: UserSession,
    known: bool,  # noqa: FBT001 - hypothesis hands it over
) -> None:
    """Neither one that either side removed, nor, without a base, one that the store lacks."""
    base, ours, theirs = (CODEC.encode(session, {}).parts for session in (one, two, three))
    merged = CODEC.decode("s", MERGER.encoded(CODEC, base if known else None, ours, theirs))
    for field in ("roles", "permissions"):
        b, o, t = (getattr(session, field) for session in (one, two, three))
        revoked = (b - o) | (b - t) if known else o - t
        assert not revoked & getattr(merged, field)


@FEW
@given(SESSIONS, SESSIONS, SESSIONS, st.booleans())
def test_the_strategy_merges_as_the_repository_does(
    one: UserSession,
    two: UserSession,
    three: UserSession,
    known: bool,  # noqa: FBT001 - hypothesis hands it over
) -> None:
    """Merging decoded sessions and merging encoded parts come to the same."""
    base, ours, theirs = (CODEC.encode(session, {}).parts for session in (one, two, three))
    merged = MERGER.encoded(CODEC, base if known else None, ours, theirs)
    conflict = conflict_of(
        CODEC, "s", base=base if known else None, ours=ours, theirs=theirs, merged=merged
    )

    decoded, resolved = CODEC.decode("s", merged), Merge().resolve(conflict)
    assert CODEC.encode(decoded, {}).parts == CODEC.encode(resolved, {}).parts


def test_equal_counts_are_two() -> None:
    """Both tabs counted once: the bytes are the same, and two have to be added."""
    one_more = encoded(CHANGES["interactions"], CHANGES["page views"])
    merged = CODEC.decode("s", MERGER.encoded(CODEC, encoded(), one_more, one_more))

    assert (10, {"p": 2}) == (merged.interaction_count, merged.page_views)


class Counting(MsgpackSerializer):
    """A serializer that counts what it decodes."""

    def __init__(self) -> None:
        """Begin to count."""
        super().__init__()
        self.loaded = 0

    def loads(self, data: bytes) -> Any:
        """Count, then do as ever."""
        self.loaded += 1
        return super().loads(data)


def test_what_one_side_changed_is_not_decoded() -> None:
    """Only parts in which two writers met cost anything, and the profiles, which say how long a history may be."""
    serializer = Counting()
    codec = make_codec(serializer)
    base = encoded()
    ours = encoded(CHANGES["input"], CHANGES["page"], CHANGES["new form"])
    theirs = encoded(CHANGES["preference"], CHANGES["role"], CHANGES["without form"])

    MERGER.encoded(codec, base, ours, theirs)
    assert 2 == serializer.loaded

    MERGER.encoded(codec, base, ours, encoded(CHANGES["other input"]))
    assert 2 + 3 == serializer.loaded


def test_parts_that_nobody_knows_are_bytes() -> None:
    """The side that changed; when both did, theirs, which a newer release wrote."""
    newer = {"newer": b"\xc1"}

    assert newer == MERGER.encoded(CODEC, {}, {}, newer)
    assert newer == MERGER.encoded(CODEC, {"newer": b"old"}, {"newer": b"old"}, newer)
    assert newer == MERGER.encoded(CODEC, {"newer": b"old"}, newer, {"newer": b"old"})
    assert newer == MERGER.encoded(CODEC, {"newer": b"old"}, {"newer": b"ours"}, newer)
    assert newer == MERGER.encoded(CODEC, None, {"newer": b"ours"}, newer)


def test_unknown_fields_are_merged_like_any() -> None:
    """A newer release's fields in parts that both know."""
    base, ours, theirs = (
        {"profile": CODEC.serializer.dumps({"theme": None, "new": new, "theirs": n})}
        for new, n in ((0, 0), (1, 0), (0, 1))
    )
    merged = MERGER.encoded(CODEC, base, ours, theirs)

    assert {"theme": None, "new": 1, "theirs": 1} == CODEC.serializer.loads(merged["profile"])


# -- stamps --------------------------------------------------------------------


def parts_of(*edits: Any) -> EncodedParts:
    """Return an edited session's parts, without stamps."""
    session = UserSession(session_id="s", inputs={"a": 0, "b": 0})
    for edit in edits:
        edit(session)
    return CODEC.encode(session, {}).parts


def test_each_changed_value_is_stamped() -> None:
    """And nothing else: counters, sets and histories lose nothing anyway."""

    def edit(session: UserSession) -> None:
        session.inputs["a"] = 1
        session.theme = "dark"
        session.roles.add("editor")
        session.add_navigation("page")
        session.get_form_state("f").data["city"] = "Ghent"
        session.extensions["x"] = {"n": 1}

    stamps = read_stamps(CODEC, stamp_changes(CODEC, parts_of(), parts_of(edit), 9))

    trees = {name: read_tree(CODEC, data) for name, data in stamps.items()}
    new = 9
    changed = {"inputs": [0, {"inputs": [0, {"a": 9}]}], "profile": [0, {"theme": 9}]}
    assert {**changed, "form:f": new, "x:x": new} == trees


def test_the_stamps_of_a_part_that_goes_go_with_it() -> None:
    """Or a form that comes back would have an old one."""
    with_form = parts_of(lambda session: session.get_form_state("f"))
    stamped = stamp_changes(CODEC, parts_of(), with_form, 9)
    gone = {name: data for name, data in stamped.items() if name != "form:f"}

    assert STAMPS in stamped
    assert STAMPS not in stamp_changes(CODEC, stamped, gone, 10)


def test_nothing_changed_costs_nothing() -> None:
    """The very same parts come back."""
    parts = stamp_changes(CODEC, {}, parts_of(), 1)

    assert parts is stamp_changes(CODEC, parts, parts, 2)


def test_many_stamps_are_kept_for_a_day() -> None:
    """A part of thousands of values does not carry their times for ever."""
    now = 2 * LIFETIME
    old = {f"key {number}": 2 for number in range(1000)}
    trees = {
        "form:few": [1, {"a": 2, "b": now}],
        "form:many": [1, {**old, "b": now, "c": now - LIFETIME}],
    }
    stamps = read_stamps(CODEC, write_stamps(CODEC, {}, {}, trees, Decoded()))

    assert [1, {"a": 2, "b": now}] == read_tree(CODEC, stamps["form:few"])
    assert [1, {"b": now, "c": now - LIFETIME}] == read_tree(CODEC, stamps["form:many"])


@pytest.mark.parametrize("data", [b"", b"\xc1", CODEC.serializer.dumps([1])])
def test_unreadable_stamps_are_none(data: bytes) -> None:
    """They only say which of two changes was later: no value is lost without them."""
    assert {} == read_stamps(CODEC, {STAMPS: data})
    parts = parts_of()
    assert parts == MERGER.encoded(CODEC, parts, {**parts, STAMPS: data}, parts)


@pytest.mark.parametrize("odd", [5, "x", None, {"a": 1}, [1], True])
@pytest.mark.parametrize("serializer", [MsgpackSerializer(), JsonSerializer()])
def test_stamps_of_another_shape_are_none(odd: object, serializer: Serializer) -> None:
    """Whatever stands where a part's stamps belong, and whatever a serializer raises at it."""
    codec = attrs.evolve(CODEC, serializer=serializer)

    assert NO_STAMP == read_tree(codec, odd)  # type: ignore[arg-type]  # that is the point


# -- laws ----------------------------------------------------------------------


def edited(base: EncodedParts, change: Any, now: int) -> EncodedParts:
    """Return what a writer has who took *base* and made a change that was first seen at *now*."""
    session = CODEC.decode("s", base)
    change(session)
    return stamp_changes(CODEC, base, CODEC.encode(session, base).parts, now)


DICTS = st.dictionaries(NAMES, st.integers(0, 2), max_size=2)
VALUES = st.one_of(
    APP_VALUES,
    DICTS,
    st.builds(lambda kind, held: kind(held), st.sampled_from(KINDS_OF_DICT), DICTS),
    st.integers(0, 2),
)
KEYS = st.sampled_from(["a", "b", "c"])


def _put(where: str, key: str, value: Any) -> Any:
    def change(session: UserSession) -> None:
        place = session.inputs if where == "inputs" else session.get_form_state("f").data
        place[key] = value

    return change


def _drop(key: str) -> Any:
    return lambda session: session.inputs.pop(key, None)


def _deep(key: str, value: Any) -> Any:
    def change(session: UserSession) -> None:
        below = session.inputs.get("a")
        session.inputs["a"] = below = copy(below) if isinstance(below, dict) else {}
        below[key] = value

    return change


def _open(page: str, ident: int, second: int) -> Any:
    moment = datetime(2026, 1, 1, second=second, tzinfo=UTC)
    entry = NavigationEntry(page=page, entry_id=f"{page}-{ident}", timestamp=moment)
    return lambda session: session.navigation_history.append(entry)


EDITS = st.lists(
    st.one_of(
        st.builds(_put, st.sampled_from(["inputs", "form"]), KEYS, VALUES),
        st.builds(_drop, KEYS),
        st.builds(_deep, KEYS, st.integers(0, 2)),
        st.builds(lambda t: lambda s: setattr(s, "theme", t), st.sampled_from(["x", "y", None])),
        st.builds(lambda r: lambda s: s.roles.symmetric_difference_update({r}), KEYS),
        st.builds(lambda p: lambda s: s.page_views.update({p: s.page_views.get(p, 0) + 1}), KEYS),
        st.builds(_open, KEYS, st.integers(0, 3), st.integers(0, 2)),
        st.builds(lambda k, v: lambda s: s.extensions.update({k: v}), KEYS, VALUES),
    ),
    min_size=1,
    max_size=3,
).map(lambda changes: lambda session: [change(session) for change in changes])
TIMES = st.integers(1, 6)


def content(parts: EncodedParts) -> Any:
    """Return what parts hold, stamps included, without the order of dicts."""
    plain = CODEC.decode_parts(parts, parts)
    trees = read_stamps(CODEC, parts)
    stamps = {name: spread(part, read_tree(CODEC, trees.get(name))) for name, part in plain.items()}
    return unordered({**plain, STAMPS: stamps})


def spread(value: Any, tree: Any) -> Any:
    """Return the stamp of each place, whichever way a tree says it."""
    if isinstance(value, dict):
        return {key: spread(entry, at(tree, key)) for key, entry in value.items()}
    return latest(tree)


def unordered(value: Any) -> Any:
    """Return a value as text that is alike for dicts of any order."""
    if isinstance(value, dict):
        entries = sorted((repr(key), unordered(entry)) for key, entry in value.items())
        return [kind_of_dict(value), *entries]
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(unordered, value)]
    return json.dumps(to_tagged(value))


@settings(max_examples=60, deadline=None)
@given(SESSIONS, st.lists(st.tuples(EDITS, TIMES), min_size=3, max_size=3))
def test_any_order_of_three_writers_ends_alike(
    began: UserSession, changes: list[tuple[Any, int]]
) -> None:
    """All start from one state; whoever comes later merges into what is stored."""
    base = stamp_changes(CODEC, {}, CODEC.encode(began, {}).parts, 1)
    writers = [edited(base, change, now) for change, now in changes]
    ends = []
    for first, *others in permutations(writers):
        stored = first
        for ours in others:
            stored = MERGER.encoded(CODEC, base, ours, stored)
        ends.append(content(stored))

    for end in ends[1:]:
        assert ends[0] == end


@settings(max_examples=50, deadline=None)
@given(SESSIONS, EDITS, EDITS, TIMES, TIMES)
def test_who_comes_second_does_not_matter(
    began: UserSession, one: Any, other: Any, soon: int, late: int
) -> None:
    """Commutative, stamps and all."""
    base = stamp_changes(CODEC, {}, CODEC.encode(began, {}).parts, 1)
    ours, theirs = edited(base, one, soon), edited(base, other, late)

    assert content(MERGER.encoded(CODEC, base, ours, theirs)) == content(
        MERGER.encoded(CODEC, base, theirs, ours)
    )


@settings(max_examples=40, deadline=None)
@given(SESSIONS, EDITS, TIMES)
def test_what_one_side_changed_is_taken_whole(began: UserSession, change: Any, now: int) -> None:
    """Identity: m(b, b, x) = m(b, x, b) = x, byte for byte, stamps and all."""
    base = stamp_changes(CODEC, {}, CODEC.encode(began, {}).parts, 1)
    ours = edited(base, change, now)

    assert ours == MERGER.encoded(CODEC, base, base, ours)
    assert ours == MERGER.encoded(CODEC, base, ours, base)


@pytest.mark.parametrize("made", KINDS_OF_DICT, ids=str)
def test_two_writers_of_a_counter_both_count(made: Any) -> None:
    """A dict of another kind is merged by key, too, and stays of its kind, its stamps and all."""
    base = stamp_changes(CODEC, {}, parts_of(_put("inputs", "a", made({"tea": 1, "rum": 1}))), 1)
    ours = edited(base, lambda session: session.inputs["a"].update({"milk": 1}), 2)
    theirs = edited(base, lambda session: session.inputs["a"].pop("rum"), 3)

    for merged in (
        MERGER.encoded(CODEC, base, ours, theirs),
        MERGER.encoded(CODEC, base, theirs, ours),
    ):
        assert_same(made({"tea": 1, "milk": 1}), CODEC.decode("s", merged).inputs["a"])
        stamps = read_tree(CODEC, read_stamps(CODEC, merged)["inputs"])
        assert [1, 2] == [at(at(at(stamps, "inputs"), "a"), key) for key in ("tea", "milk")]


def test_a_dict_that_became_a_counter_wins_over_a_change_of_the_dict() -> None:
    """Its entries go no way together with the other's, and it does not matter who comes second."""
    base = stamp_changes(CODEC, {}, parts_of(_put("inputs", "a", {"tea": 1})), 1)
    counter = edited(base, _put("inputs", "a", Counter(tea=1)), 2)
    later = edited(base, _put("inputs", "a", {"tea": 1, "milk": 1}), 3)

    for merged in (
        MERGER.encoded(CODEC, base, counter, later),
        MERGER.encoded(CODEC, base, later, counter),
    ):
        assert_same(Counter(tea=1), CODEC.decode("s", merged).inputs["a"])


def test_a_change_that_was_changed_back_is_a_change() -> None:
    """Whatever was saved in between: the later act counts."""
    base = stamp_changes(CODEC, {}, parts_of(), 1)
    there = edited(base, _put("inputs", "a", 1), 2)
    back = edited(there, _put("inputs", "a", 0), 5)
    other = edited(base, _put("inputs", "a", 7), 3)

    for merged in (
        MERGER.encoded(CODEC, base, other, back),
        MERGER.encoded(CODEC, base, back, other),
    ):
        assert 0 == CODEC.decode("s", merged).inputs["a"]
