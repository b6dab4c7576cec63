# SPDX-License-Identifier: Apache-2.0
"""
Stamps: the time of each field's last change, by which a merge takes the later of two changes.

A stamp is the moment when a repository first saw the change, in microseconds since
the epoch, never below the stamp that it replaces. The stamps of a part lie beside
it in a tree: an int is the stamp of all that there is; a pair is that of most
entries of a dict, and what is different for some keys. What is not there has none.
They are stored as a part of their own, which no session sees: a tree for each part, by its name, encoded.

With the session's ``last_activity`` for a judge, three writers would end
differently in different orders: a merged session is as active as its last writer,
not as the change that it took.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from sessionkit.encoding.codec import Decoded, EncodedParts, SessionCodec
from sessionkit.encoding.parts import FIELDS, PlainPart, is_known
from sessionkit.session.forms import UNDO
from sessionkit.values.dicts import DICT_TYPES, of_one_kind
from sessionkit.values.equality import COMPARED_AT_ONCE, same_stored

# What a part holds may be anything, and a tree of stamps is as deep as that.
# ruff: noqa: ANN401

STAMPS: Final = "stamps"
"""The name of the part that holds the stamps of all others."""

LIFETIME: Final = timedelta(days=1) // timedelta(microseconds=1)
"""How long a stamp is kept at least, in microseconds: two changes hardly lie further apart and still meet."""

NO_STAMP: Final = 0
"""Stands where there is no stamp."""

Tree = Any
"""A stamp, or a list of a stamp and a dict of trees by key."""

Times = Mapping[Any, Any]
"""Microseconds since the epoch by key, or such a mapping for what is in an entry."""

UNSTAMPED: Final = frozenset(
    {
        "user_id",
        "authenticated",
        "created_at",
        "interaction_count",
        "page_views",
        "dirty_forms",
        "cache_keys",
        "cache_dependencies",
        "cache_invalidations",
        "roles",
        "permissions",
        "navigation_history",
        "saved_data",
        "snapshots",
        "redo_snapshots",
    }
)
"""Fields that have no stamps: both sides' changes are kept, by a rule of their own, or it does not matter which was later."""

_UNSTAMPED_PARTS: Final = frozenset(
    name for name, fields in FIELDS.items() if UNSTAMPED.issuperset(fields)
)

_LARGE: Final = 4_096
"""Bytes of stamps above which old ones are looked for."""

_MISSING: Final = object()
_NO_TIMES: Final[Times] = {}
_NO_PARTS: Final[Mapping[str, bytes]] = {}

_PAIR: Final = 2


class When(NamedTuple):
    """
    When each of three sides got a value.

    Attributes:
        base: The stamps of what both started from.
        ours: Ours.
        theirs: Theirs.
    """

    base: Tree = NO_STAMP
    ours: Tree = NO_STAMP
    theirs: Tree = NO_STAMP

    def at(self, key: Any) -> When:
        """Return the same of an entry of the three dicts; of a side that lacks it, it says nothing."""
        base, ours, theirs = self
        if type(base) is type(ours) is type(theirs) is int:
            return self  # each is the stamp of all that there is
        return When(at(base, key), at(ours, key), at(theirs, key))

    def of(self, keys: Iterable[Any]) -> dict[Any, When]:
        """Return the same of several entries, by key."""
        return {key: self.at(key) for key in keys}


NO_STAMPS: Final = When()
"""Says nothing about any side."""


def restamp(before: Any, after: Any, tree: Tree, now: int, times: Times = _NO_TIMES) -> Tree:
    """
    Return the stamps of a value that was changed now, or when it is known to have been.

    Args:
        before: What it was.
        after: What it is.
        tree: The stamps of what it was.
        now: Microseconds since the epoch.
        times: When entries were changed, by key, or the same of what is in them; what lacks was changed now.
    """
    # No call for what most values are.
    if not isinstance(before, dict) or not (
        type(before) is type(after) is dict or of_one_kind(before, after)
    ):
        return max(now, (tree if type(tree) is int else latest(tree)) + 1)
    most, others = _split(tree)
    if others:
        others = {key: stamps for key, stamps in others.items() if key in after}
    for key in changed_keys(before, after):
        was, value = before.get(key, _MISSING), after[key]
        stamps = NO_STAMP if was is _MISSING else others.get(key, most)
        known = times.get(key, now)
        if type(known) is int:
            others[key] = restamp(was, value, stamps, known)
        else:
            others[key] = restamp(was, value, stamps, now, known)
    return _join(most, others)


def changed_keys(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> list[Any]:
    """Return the keys under which *after* has something else than *before*; of two dicts it may be the same."""
    return [
        key
        for key, value in after.items()
        # What every save and merge of a form comes by: hardly a call for an entry that is surely what it was.
        if (was := before.get(key, _MISSING)) is not value
        and (
            (kind := type(value)) is not type(was)
            or (
                was != value
                if kind in COMPARED_AT_ONCE
                else (kind is not dict or was or value)
                if kind in DICT_TYPES
                # 0.0 equals -0.0
                else not (kind is float and value and was == value)
                and not (kind is list and not was and not value)
                and not same_stored(was, value)
            )
        )
    ]


def merge_stamps(value: Any, base: Any, ours: Any, theirs: Any, when: When) -> Tree:
    """
    Return the stamps of a merged value: of each entry those of the side that changed it, or the later of both.

    What was removed and put back may have a lower stamp than it had: the later one of all
    would pass for a change that nobody made.

    Args:
        value: What was merged.
        base: What both sides started from.
        ours: Our value.
        theirs: Theirs.
        when: The stamps of all three.
    """
    if when.ours == when.theirs:
        return when.ours
    if not isinstance(value, dict):
        return _changed_at(when)
    sides = [
        base if isinstance(base, dict) else {},
        ours if type(ours) is type(value) is dict or of_one_kind(ours, value) else {},
        theirs if type(theirs) is type(value) is dict or of_one_kind(theirs, value) else {},
    ]
    (most_known, known), (most, mine), (most_others, others) = map(_split, when)
    apart = {*known, *mine, *others}
    if not sides[0].keys() == sides[1].keys() == sides[2].keys():
        apart |= value.keys() - (sides[0].keys() & sides[1].keys() & sides[2].keys())
    entries = {
        key: _merge_entry(entry, key, sides, when)
        for key, entry in value.items()
        # In a dict, too, one side may lack something: it matters if their stamps are not the same.
        if key in apart or (most != most_others and isinstance(entry, dict))
    }
    return _join(_changed_at(When(most_known, most, most_others)), entries)


def _merge_entry(value: Any, key: Any, sides: list[dict[Any, Any]], when: When) -> Tree:
    base, ours, theirs = sides
    if key not in ours:
        return at(when.theirs, key)
    if key not in theirs:
        return at(when.ours, key)
    stamps = when.at(key)
    if key not in base:
        stamps = stamps._replace(base=NO_STAMP)
    return merge_stamps(value, base.get(key), ours[key], theirs[key], stamps)


def _changed_at(when: When) -> int:
    """Return the stamp of a value that is no dict: that of the side that changed, or the later one."""
    if when.theirs == when.base:
        return latest(when.ours)
    if when.ours == when.base:
        return latest(when.theirs)
    return max(latest(when.ours), latest(when.theirs))


def prune(tree: Tree, oldest: int) -> Tree:
    """Return a tree in which no entry is told apart by a stamp before *oldest*."""
    most, others = _split(tree)
    recent = {
        key: prune(stamps, oldest) for key, stamps in others.items() if latest(stamps) >= oldest
    }
    return _join(most, recent)


# -- trees ---------------------------------------------------------------------


def at(tree: Tree, key: Any) -> Tree:
    """Return what is known of an entry that is there."""
    if type(tree) is int:
        return tree
    most, others = _split(tree)
    return others.get(key, most)


def latest(tree: Tree) -> int:
    """Return the latest stamp in a tree."""
    if type(tree) is int:
        return tree
    most, others = _split(tree)
    return max([most, *map(latest, others.values())])


def _split(tree: Tree) -> tuple[int, dict[Any, Tree]]:
    """Return the stamp of most entries, and the trees of the others."""
    if type(tree) is int:
        return tree, {}
    # It comes from a store: anything else is damage.
    if type(tree) is list and len(tree) == _PAIR:
        most, others = tree
        if type(most) is int and type(others) is dict:
            return most, others
    return NO_STAMP, {}


def _join(most: int, others: dict[Any, Tree]) -> Tree:
    kept = {key: tree for key, tree in others.items() if tree != most}
    return [most, kept] if kept else most


# -- beside encoded parts ------------------------------------------------


class Changes(NamedTuple):
    """
    What was changed in a session, and when.

    Attributes:
        parts: The fields of the parts that are not what they were, by part name.
        at: When they were changed, in microseconds since the epoch.
        inputs: When single inputs were, by key, where it is known.
    """

    parts: Mapping[str, PlainPart]
    at: int
    inputs: Times = _NO_TIMES


def stamped(
    codec: SessionCodec,
    before: EncodedParts,
    after: EncodedParts,
    changes: Changes,
    decoded: Decoded | None = None,
) -> EncodedParts:
    """
    Return a session's parts with stamps for what changed in them.

    Args:
        codec: Decodes what the parts were.
        before: The parts as they were last seen, with their stamps.
        after: The parts as they are.
        changes: What leads from the one to the other.
        decoded: What is decoded already; remembers what is decoded here.
    """
    decoded = Decoded() if decoded is None else decoded
    # What is not stamped has no tree, and what it was is not asked for.
    changed = {name: part for name, part in changes.parts.items() if _is_stamped(name)}
    gone = any(map(is_known, before.keys() - after.keys()))
    if not changed and not gone:
        return after
    [known] = stamps_of(codec, [before], decoded)
    trees = decoded.values(codec, [known.get(name) for name in changed])
    was = decoded.parts(codec, [(name, before.get(name)) for name in changed])
    new: dict[str, Tree] = {}
    for (name, part), part_was, tree in zip(changed.items(), was, trees, strict=True):
        fields = {field: part[field] for field in part if field not in UNSTAMPED}
        times = {name: changes.inputs} if name == "inputs" else _NO_TIMES
        before_it = tree or NO_STAMP
        restamped = restamp(part_was, fields, before_it, changes.at, times)
        # A tree has at least the stamps of the change; where it is as it was, nothing stamped has changed.
        if restamped not in (before_it, NO_STAMP):
            new[name] = restamped
    stamps = {name: data for name, data in known.items() if name in after}
    if not new and len(stamps) == len(known) and after.get(STAMPS) == before.get(STAMPS):
        return after
    return write_stamps(codec, after, stamps, new, decoded)


def _is_stamped(name: str) -> bool:
    return name not in _UNSTAMPED_PARTS and not name.startswith(UNDO)


def stamp_changes(
    codec: SessionCodec, before: EncodedParts, after: EncodedParts, now: int
) -> EncodedParts:
    """
    Return a session's parts with stamps for what changed in them.

    Args:
        codec: Decodes the parts that changed.
        before: The parts as they were last seen, with their stamps.
        after: The parts as they are.
        now: Microseconds since the epoch.
    """
    changed = [name for name, data in after.items() if before.get(name) != data]
    return stamped(codec, before, after, Changes(codec.decode_parts(after, changed), now))


def read_stamps(codec: SessionCodec, parts: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the stamps of a session's parts, each encoded, by part name."""
    [stamps] = stamps_of(codec, [parts], Decoded())
    return stamps


def stamps_of(
    codec: SessionCodec, states: Sequence[Mapping[str, bytes]], decoded: Decoded
) -> list[Mapping[str, bytes]]:
    """Do as :func:`read_stamps` for several sessions, of which some may be decoded already."""
    found = decoded.values(codec, [parts.get(STAMPS) for parts in states])
    return [stamps if type(stamps) is dict else _NO_PARTS for stamps in found]


def read_tree(codec: SessionCodec, data: bytes | None) -> Tree:
    """Return the stamps of one part."""
    [tree] = Decoded().values(codec, [data])
    return tree or NO_STAMP


def write_stamps(
    codec: SessionCodec,
    parts: EncodedParts,
    stamps: Mapping[str, bytes],
    trees: Mapping[str, Tree],
    decoded: Decoded,
) -> EncodedParts:
    """
    Return *parts* with the stamps of them.

    Args:
        codec: Encodes.
        parts: The parts.
        stamps: Stamps, each encoded, by part name.
        trees: Those that are new; of many in one part those that are far older than the latest are left out.
        decoded: Remembers what is encoded here.
    """
    dumps = codec.serializer.dumps
    written = {name: data for name, data in parts.items() if name != STAMPS}
    new = dict(stamps)
    known: list[tuple[bytes, Any]] = []
    for name, tree in trees.items():
        kept, data = tree, dumps(tree)
        if len(data) > _LARGE:
            kept = prune(tree, latest(tree) - LIFETIME)
            data = dumps(kept)
        new[name] = data
        known.append((data, kept))
    if new:
        new = dict(sorted(new.items()))
        written[STAMPS] = dumps(new)
        decoded.put(*known, (written[STAMPS], new))
    return written
