# SPDX-License-Identifier: Apache-2.0
"""
Typed state: a session's one object of a class of the app, and the plain data that are stored of it.

They lie in ``UserSession.extensions``, so that they are stored, merged and carried along as those are, by
releases too that know no typed state:

* ``state:<name>`` holds the fields that were ever changed, by name: what nobody has changed has the default of
  the release that reads it, and two writers that begin at once don't overwrite each other's with defaults;
* ``state:<name>:<version>`` the same for a version other than 1;
* ``state:<name>:<version>:from`` what that version was migrated from, so that later changes of the older
  release are told from those that are known.

Changes of the object are found by comparing it with what it was when someone looked last, and are put into the
plain data field by field: what is stored and this release doesn't know, or can't read, stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import attrs

from sessionkit.errors import SerializationError, repr_of, text_of
from sessionkit.values import MAX_DEPTH
from sessionkit.values.dicts import DICT_TYPES, dict_like, of_one_kind, put_in_order
from sessionkit.values.equality import same_content
from sessionkit.values.extent import MOST, holds_too_much, too_much
from sessionkit.values.tables import find_table_kind

if TYPE_CHECKING:
    from sessionkit.session.schemas import Schema

# The app's classes and values may be anything.
# ruff: noqa: ANN401

T = TypeVar("T")

Plain = dict[str, Any]
"""An object's fields by name, as plain data."""

Migrate = Callable[[dict[str, Any], int], dict[str, Any]]
"""Takes the fields that an older version stored, and that version; returns them as the present one has them."""

STATE: Final = "state:"
"""Begins the names of the extensions that hold typed state."""

LONGEST: Final = 100
"""Characters that a name may have."""

_FROM: Final = "from"
_MISSING: Final = object()
_HOLDING: Final = DICT_TYPES | {list, tuple, set, frozenset}


class Misfit(NamedTuple):
    """
    A value that is not of its field's type.

    Attributes:
        path: The names of fields and the keys that lead to it.
        reason: Why.
    """

    path: tuple[Any, ...]
    reason: str


def place_of(extension: str) -> tuple[str, ...] | None:
    """Return where typed state lies as users write it, such as ``("state", "Cart")``; None for another extension."""
    if not extension.startswith(STATE):
        return None
    name, *more = extension.removeprefix(STATE).split(":")
    return None if _FROM in more else ("state", name)


@attrs.define(eq=False, kw_only=True)
class _Held:
    """
    One object, and what is known of it.

    Attributes:
        name: What it is called in a session.
        version: The version of its class.
        migrate: Makes its fields of those of an older version.
        schema: What is known of its class.
        cls: The class that it is of: a page may define it anew at each rerun.
        classes: Those that it may hold, where they were defined anew.
        value: The object.
        last: Its fields when someone looked last.
    """

    name: str
    version: int
    migrate: Migrate | None
    schema: Schema
    cls: type[Any]
    classes: Mapping[tuple[str, str], type[Any]] | None = None
    value: Any = None
    last: Plain = attrs.field(factory=dict)

    @property
    def key(self) -> str:
        """The extension that holds its fields."""
        return _key(self.name, self.version)

    def where(self, path: Iterable[Any] = ()) -> str:
        """Return where a value in it lies, for a message."""
        keys = (self.name, *path)
        return "state" + "".join(f"[{repr_of(key)}]" for key in keys)

    def read(self, plain: Any) -> tuple[Any, list[Misfit]]:
        """Return an object of stored fields."""
        from sessionkit.session.schemas import adopt  # noqa: PLC0415 - it imports cattrs, which only typed state needs here

        made, misfits = self.schema.read(_copied(plain) if isinstance(plain, dict) else {})
        if self.classes is not None:
            adopt(made, self.classes)
        return made, misfits


class TypedStates:
    """
    The objects of one session.

    Who calls has the session's lock.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._held: dict[str, _Held] = {}
        self._not_read: dict[str, str] = {}
        self._told: set[str] = set()

    def get(
        self,
        extensions: dict[str, Any],
        cls: type[T],
        name: str | None,
        version: int,
        migrate: Migrate | None,
    ) -> T:
        """Return the object; see ``UserSession.state``."""
        held = self._held.get(getattr(cls, "__qualname__", "") if name is None else name)
        if held is not None and held.cls is cls and held.version == version:
            held.migrate = migrate
            return cast("T", held.value)
        return cast("T", self._begin(extensions, cls, name, version, migrate))

    def _begin(
        self,
        extensions: dict[str, Any],
        cls: type[Any],
        name: str | None,
        version: int,
        migrate: Migrate | None,
    ) -> Any:
        from sessionkit.session.schemas import named, schema_of  # noqa: PLC0415 - as above

        schema = schema_of(cls)
        if schema.is_frozen:
            msg = f"{cls.__name__} is frozen: nothing could change in it; freeze the classes of what it holds"
            raise TypeError(msg)
        name = _checked_name(cls.__qualname__ if name is None else name)
        if type(version) is not int or version < 1:
            msg = f"a version is a whole number from 1 on, not {version!r}"
            raise ValueError(msg)
        known = self._held.get(name)
        if known is not None and named(known.cls) != named(cls):
            msg = (
                f"two classes are called {name!r} in this session: {'.'.join(named(known.cls))} and "
                f"{'.'.join(named(cls))}; give one of them another name, session.state({cls.__name__}, name=...)"
            )
            raise ValueError(msg)
        if known is not None:
            self._capture_one(extensions, known)
            if known.schema is schema and known.version == version:
                _follow(known, cls)
                return known.value
        held = _Held(name=name, version=version, migrate=migrate, schema=schema, cls=cls)
        if schema.cls is not cls:
            held.classes = _classes(cls)
        _take_older(extensions, held)
        held.value, misfits = held.read(extensions.get(held.key))
        self._note_misfits(held, misfits)
        held.last = _copied(schema.write(held.value)[0])
        self._held[name] = held
        return held.value

    def capture(
        self,
        extensions: dict[str, Any],
        refuse: Callable[[SerializationError], None] = lambda _: None,
    ) -> None:
        """
        Put what has changed in the objects into the session's plain data.

        Args:
            extensions: The session's.
            refuse: Takes an error for each value that is not of its field's type: it stays as it was.

        Raises:
            RuntimeError: If another thread changed a container in one meanwhile.
        """
        for held in tuple(self._held.values()):
            self._capture_one(extensions, held, refuse)

    def _capture_one(
        self,
        extensions: dict[str, Any],
        held: _Held,
        refuse: Callable[[SerializationError], None] = lambda _: None,
    ) -> None:
        now, misfits = held.schema.write(held.value)
        if holds_too_much(now):  # to compare and to copy it might take for ever
            large = [name for name, value in now.items() if holds_too_much(value)]
            misfits += [Misfit((name,), too_much(MOST).reason) for name in large]
            _restore(now, held.last, misfits)
        if not misfits and same_content(now, held.last):
            return
        now = _copied(now)
        misfits += held.schema.read(_copied(now))[1]
        for one in misfits:
            refuse(SerializationError(one.reason, held.where(one.path)))
        _restore(now, held.last, misfits)
        if same_content(now, held.last):
            return
        stored = extensions.get(held.key)
        plain = _copied(stored) if isinstance(stored, dict) else {}
        _change_fields(held.schema, plain, held.last, now)
        _keep_made(held.schema, plain, now)
        held.last = now
        extensions[held.key] = plain

    def absorb(self, extensions: dict[str, Any], extension: str, before: Any, after: Any) -> None:
        """
        Put what others have changed into the object, field by field: what the app did meanwhile stays.

        Args:
            extensions: The session's, as they are now.
            extension: The one that others have changed.
            before: What it was.
            after: What it became.
        """
        for held in tuple(self._held.values()):
            if held.key == extension:
                self._absorb_one(extensions, held, before, after)
            elif held.version > 1 and place_of(extension) == ("state", held.name):
                own = extensions.get(held.key)
                try:
                    _take_older(extensions, held)
                except Exception as error:  # noqa: BLE001 - an app's function may raise anything: the page goes on
                    self._not_read[held.where()] = f"migrate has failed: {text_of(error)}"
                self._absorb_one(extensions, held, own, extensions.get(held.key))

    def _absorb_one(self, extensions: dict[str, Any], held: _Held, before: Any, after: Any) -> None:
        if same_content(before, after):
            return
        fresh, misfits = held.read(extensions.get(held.key))
        self._note_misfits(held, misfits)
        was, becomes = (side if isinstance(side, dict) else {} for side in (before, after))
        plain = _copied(held.schema.write(fresh)[0])
        for name in _change_object(held.schema, held.value, fresh, was, becomes):
            held.last[name] = plain[name]

    def empty(self) -> None:
        """Have the objects hold nothing but defaults, whoever has them, and be this session's no more."""
        for held in self._held.values():
            fresh = held.schema.make()
            for name in held.schema.fields:
                object.__setattr__(held.value, name, getattr(fresh, name))
        self._held.clear()

    def _note_misfits(self, held: _Held, misfits: list[Misfit]) -> None:
        for one in misfits:
            self._not_read[held.where(one.path)] = one.reason

    def take_not_read(self) -> dict[str, str]:
        """Return what was stored and did not fit since someone asked last: reasons by place; each place once."""
        found = {where: why for where, why in self._not_read.items() if where not in self._told}
        self._told |= found.keys()
        self._not_read = {}
        return found


def _key(name: str, version: int) -> str:
    return f"{STATE}{name}" if version == 1 else f"{STATE}{name}:{version}"


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST or ":" in name:
        msg = f"the name of a session's state is a text of 1 to {LONGEST} characters without a colon, not {name!r}"
        raise ValueError(msg)
    return name


# -- classes that a page has defined anew --------------------------------------


def _classes(cls: type[Any]) -> Mapping[tuple[str, str], type[Any]]:
    from sessionkit.session.schemas import classes_in  # noqa: PLC0415 - as above

    return classes_in(cls)


def _follow(held: _Held, cls: type[Any]) -> None:
    """Make the object one of a class that was defined anew, just as it was."""
    from sessionkit.session.schemas import adopt  # noqa: PLC0415 - as above

    held.cls, held.classes = cls, _classes(cls)
    adopt(held.value, held.classes)


# -- from the object to plain data ---------------------------------------------


_Done = dict[int, tuple[Any, Any]]
"""What was copied, with its copy, by its ``id()``: lists that hold one another have no end else."""


def _copied(value: Any, done: _Done | None = None, depth: int = 0) -> Any:
    """Return plain data that share nothing that can be changed with these."""
    kind = type(value)
    if kind not in _HOLDING:
        # Of all else that can be kept only these can change.
        return value if find_table_kind(kind) is None else deepcopy(value)
    done = {} if done is None else done
    if id(value) in done:
        return done[id(value)][1]
    if depth > MAX_DEPTH:  # it can't be kept: whoever writes it tells
        return value
    made: Any
    if kind in DICT_TYPES:
        made = {} if kind is dict else dict_like(value, {})
        done[id(value)] = value, made
        for key, one in value.items():
            made[key] = _copied(one, done, depth + 1)
    elif kind is list:
        made = []
        done[id(value)] = value, made
        made += [_copied(one, done, depth + 1) for one in value]
    else:
        made = kind([_copied(one, done, depth + 1) for one in value])
    return made


def _restore(plain: Plain, last: Plain, misfits: Iterable[Misfit]) -> None:
    """Put what was there last in the place of what can't be kept."""
    for one in misfits:
        _put(plain, one.path, _at(last, one.path))


def _at(plain: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        if not isinstance(plain, dict) or key not in plain:
            return _MISSING
        plain = plain[key]
    return plain


def _put(plain: Plain, path: tuple[Any, ...], value: Any) -> None:
    """Put a value at the end of a path, or take what is there out; the last dict on the way is changed."""
    for depth, key in enumerate(path):
        if depth == len(path) - 1 or not isinstance(plain.get(key), dict):
            if value is _MISSING:
                plain.pop(key, None)
            else:
                plain[key] = value
            return
        plain = plain[key]


def _change_fields(schema: Schema | None, plain: Any, before: Any, after: Any) -> None:
    """Make the changes in stored fields that lead from *before* to *after*; what is in neither stays."""
    nested = {} if schema is None else schema.nested
    for key in dict.fromkeys((*before, *after)):
        was, becomes, stored = (side.get(key, _MISSING) for side in (before, after, plain))
        if same_content(was, becomes):
            continue
        if becomes is _MISSING:
            plain.pop(key, None)
        elif of_one_kind(was, becomes) and (key in nested or of_one_kind(stored, becomes)):
            if not isinstance(stored, dict):
                stored = plain[key] = {}
            _change_fields(nested.get(key), stored, was, becomes)
        else:
            plain[key] = _carried(stored, was, becomes)
    if schema is None:
        put_in_order(plain, after)


def _keep_made(schema: Schema, plain: Plain, now: Plain) -> None:
    """Have what was made for this object alone, such as its id, stored with the first change of it."""
    for name in schema.made & now.keys():
        if type(now[name]) not in _HOLDING:
            plain.setdefault(name, now[name])


def _carried(stored: Any, before: Any, after: Any) -> Any:
    """
    Return a value with the fields that another release keeps in the items of its lists.

    An item is the one that it was if it has not changed, or else where it stands if none was added or removed.
    """
    if not all(type(side) is list for side in (stored, before, after)):
        return after
    if len(stored) != len(before) or same_content(stored, before):
        return after
    left = dict(enumerate(before))
    found: dict[int, int] = {}
    for place, item in enumerate(after):
        same = next((at for at, one in left.items() if same_content(one, item)), None)
        if same is not None:
            found[place] = same
            del left[same]
    carried = []
    for place, item in enumerate(after):
        if place in found:
            carried.append(stored[found[place]])
        elif len(before) == len(after) and place in left:
            carried.append(_item(stored[place], before[place], item))
        else:
            carried.append(item)
    return carried


def _item(stored: Any, before: Any, after: Any) -> Any:
    if not all(type(side) is dict for side in (stored, before, after)):
        return after
    plain = dict(stored)
    _change_fields(None, plain, before, after)
    return plain


# -- from plain data to the object ---------------------------------------------


def _change_object(
    schema: Schema, mine: Any, fresh: Any, before: Plain, after: Plain
) -> Iterable[str]:
    """Put fields of *fresh* into an object whose stored fields others have changed; return their names."""
    changed = []
    for name in schema.fields:
        was, becomes = before.get(name, _MISSING), after.get(name, _MISSING)
        if same_content(was, becomes):
            continue
        changed.append(name)
        ours, theirs, nested = getattr(mine, name), getattr(fresh, name), schema.nested.get(name)
        sides = [side if isinstance(side, dict) else {} for side in (was, becomes)]
        if nested is not None and not nested.is_frozen and type(ours) is type(theirs):
            _change_object(nested, ours, theirs, *sides)
        elif of_one_kind(ours, theirs) and theirs.keys() == sides[1].keys():
            _change_dict(ours, theirs, *sides)
        else:
            object.__setattr__(mine, name, theirs)
    return changed


def _change_dict(ours: dict[Any, Any], theirs: dict[Any, Any], before: Plain, after: Plain) -> None:
    for key in (*before, *after):
        if key not in after:
            ours.pop(key, None)
        elif not same_content(before.get(key, _MISSING), after[key]):
            ours[key] = theirs[key]
    put_in_order(ours, after)


# -- versions ------------------------------------------------------------------


def _take_older(extensions: dict[str, Any], held: _Held) -> None:
    """Take what an older release has changed since this one looked last, migrated."""
    versions = (one for one in range(held.version - 1, 0, -1) if _key(held.name, one) in extensions)
    version = next(versions, None)
    if version is None:
        return
    old = extensions[_key(held.name, version)]
    source = f"{held.key}:{_FROM}"
    known = extensions.get(source)
    seen: Any = None
    if isinstance(known, dict) and known.get("version") == version:
        seen = known.get("fields")
    if not isinstance(old, dict) or same_content(seen, old):
        return
    before = _migrated(held, seen, version) if isinstance(seen, dict) else {}
    after = _migrated(held, old, version)
    own = extensions.get(held.key)
    plain = _copied(own) if isinstance(own, dict) else {}
    _change_fields(held.schema, plain, before, after)
    extensions[held.key] = plain
    extensions[source] = {"version": version, "fields": _copied(old)}


def _migrated(held: _Held, fields: Plain, version: int) -> Plain:
    migrate = held.migrate
    made: Any = _copied(fields) if migrate is None else migrate(_copied(fields), version)
    if not isinstance(made, dict):
        msg = f"migrate returns the fields of {held.name} as a dict, not {type(made).__name__}"
        raise TypeError(msg)
    plain: Plain = _copied(made)
    return plain
