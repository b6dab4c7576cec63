# SPDX-License-Identifier: Apache-2.0
"""UserSession: all the state of one user in one browser; data only, nothing here reads or writes a store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from threading import RLock
from time import time_ns
from types import NoneType
from typing import Any, Final, Self, TypeVar

import attrs

from sessionkit.errors import SerializationError
from sessionkit.records import is_ahead, short_repr
from sessionkit.session.caches import checked_name, checked_names, note_changed, reach, tie
from sessionkit.session.fields import (
    COUNT,
    NOTHING,
    SELDOM,
    from_micros,
    in_utc,
    micros_now,
    new_entry_id,
    new_or_checked_id,
    of_type,
    set_of_texts,
    to_micros,
    utc_now,
)
from sessionkit.session.forms import FormState
from sessionkit.session.privacy import Privacy
from sessionkit.session.typed_state import Migrate, TypedStates
from sessionkit.session.unreadable import Path, SetAside
from sessionkit.values import parse_json, to_tagged
from sessionkit.values.equality import equals

# The app's values may be anything, and the session's class is made with this module.
# ruff: noqa: ANN401

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])

_MICROSECOND: Final = 1000
"""In nanoseconds."""

_NOTHING: Final = object()
_DICT: Final = of_type(dict)
_TEXT_OR_NONE: Final = of_type(str, NoneType)


class Origin(StrEnum):
    """
    Where a session comes from, for whoever greets newcomers; equal to its text, such as ``"new"``.

    Attributes:
        NEW: Nothing was stored for this browser or this user.
        RESTORED: What was there before is there again: after a reload, in another tab, at another replica, after a restart.
        PROVISIONAL: That is not known yet: the store is down, or the browser has yet to say who it is.
        REFUSED: It is a fresh session in the place of one that was asked for and is not given.
    """

    NEW = "new"
    RESTORED = "restored"
    PROVISIONAL = "provisional"
    REFUSED = "refused"


@attrs.define(eq=False)
class Activity:
    """
    A session's count of interactions and its last moment.

    Attributes:
        count: How many interactions there were.
        last: When it was last used, in nanoseconds since the epoch.
        of_user: Whether its user is known to have done something, though what it holds may say nothing of it.
    """

    count: int = 0
    last: int = 0
    of_user: bool = False

    @property
    def micros(self) -> int:
        """When it was last used, in microseconds since the epoch: as stores keep it."""
        return self.last // _MICROSECOND

    @micros.setter
    def micros(self, micros: int) -> None:
        self.last = micros * _MICROSECOND

    def touch(self) -> None:
        """Note that the user is there, now."""
        now = time_ns()
        if now > self.last or is_ahead(self.last // _MICROSECOND, now // _MICROSECOND):
            self.last = now

    def count_interaction(self) -> None:
        """Count an interaction, now."""
        self.count += 1
        now = time_ns()
        if now > self.last:  # as nearly always: each input comes by
            self.last = now
        else:
            self.touch()


@attrs.define(eq=False)
class ChangeTimes:
    """
    When what has changed since the last save was changed: a save may come much later.

    Attributes:
        inputs: When inputs were set by :meth:`UserSession.set_input`, by key; in nanoseconds since the epoch.
        others: When whoever changes the session last said so: all else was changed before it. 0 if nobody has.
        clock: Returns the present moment, in nanoseconds, for whoever saves the session soon; None while nobody does.
    """

    inputs: dict[str, int] = attrs.field(factory=dict)
    others: int = 0
    clock: Callable[[], int] | None = None


def _kept_in_activity(cls: type[T]) -> type[T]:
    """Keep ``interaction_count`` and ``last_activity`` in ``activity``; for attrs both stay fields, where they are."""
    kept = {
        "interaction_count": property(attrgetter("activity.count"), _set_count),
        "last_activity": property(_last, _set_last),
    }
    for name, where in kept.items():
        setattr(cls, name, where)
    return cls


def _set_count(session: Any, count: int) -> None:
    session.activity.count = count


def _last(session: Any) -> datetime:
    return from_micros(session.activity.micros)


def _set_last(session: Any, moment: datetime) -> None:
    session.activity.last = to_micros(moment) * _MICROSECOND


def _note_owner(session: Any, _: attrs.Attribute[Any], user_id: Any) -> Any:
    """Note since when the session is its owner's."""
    if user_id != session.user_id:
        session.owned_at = micros_now()
    return user_id


@_kept_in_activity
@attrs.define(kw_only=True, eq=False)
class UserSession:
    """
    Everything that is kept for one user in one browser.

    Change the attributes as you like: what changed is found by comparison, not
    by announcement. The methods take the session's lock; two sessions are equal
    only if they are the same object (compare :meth:`to_dict` for the content).

    Attributes:
        session_id: 1 to 128 printable characters; random when not given.
        user_id: The owner, or None.
        authenticated: True when the host (such as ``st.user``) knew the owner, whatever the app calls them.
        roles: The owner's roles.
        permissions: The owner's permissions.
        inputs: Values by key, as ``persist_input`` stores them.
        form_states: Forms by id.
        dirty_forms: Ids of forms with unsaved changes.
        navigation_history: Opened pages, oldest first.
        page_views: How often each page was opened.
        cache_keys: Tracked cache keys.
        cache_dependencies: What each cache key depends on.
        cache_invalidations: What was invalidated last: names by random ids, several of a name where writers met.
        interaction_count: How often inputs, the history or a form's state were changed by the
            methods below.
        theme: A preference of the user, such as ``"dark"``.
        language: A preference of the user, such as ``"en"``.
        timezone: A preference of the user, an IANA name.
        max_history_size: Length of ``navigation_history``, at most; the oldest go first.
        created_at: When the session began, in UTC.
        last_activity: When it was last used, in UTC.
        extensions: Plain data of plugins, by plugin name.
        version: How often the session was stored; 0 for never. Set by the repository.
        save_id: The save that this state was last stored by, or None. Set by the repository.
        forms_asked_for: Ids of the forms that the next save includes even if their ``auto_save``
            is off. Not stored; set by the methods, and emptied by the repository.
        never: Patterns of names that are never stored, besides those of the settings. Not stored; see :meth:`leave_out`.
        privacy: What the settings say about that. Not stored; set by the repository.
        encoded_by: By which rules of what is never stored it was last encoded, or None. Not stored; set by the repository.
        encoded_size: How many bytes its parts had when it was last encoded; 0 for never. Not stored; set by the repository.
        not_kept: Values that the last save could not keep; it kept all else. Not stored; set by the repository.
        unknown: Fields that a newer release stored, by part; kept and written back.
        unreadable: Values that this process can't read, apart from the others; stored again as they were.
        origin: Where it comes from: new, restored, provisional or refused. Not stored; set by the manager.
        provisional: True while nobody could say what the store has under its id. Not stored; set by the manager.
        held_by: The devices whose connections were given this object. Not stored; set by the manager.
        unused: True while nothing of it is stored, since nothing was done in it. Not stored; set by the manager.
        ended: True when the session has moved to a fresh id: go on with what ``bootstrap_session`` or
            ``rotate_session`` returned; or when it was ended, here or elsewhere, or took the device of those that
            have this object off its list. This object is empty then, and nothing of it is stored any more.
        activity: Where ``interaction_count`` and ``last_activity`` are kept. Not stored itself.
        states: The objects of the app's classes that :meth:`state` has returned, or None. Not stored themselves: ``extensions``
            holds their fields.
        cached_functions: What the functions that :meth:`cached` tied depend on, by key; None before the first. Not stored: the
            code says it.
        owned_at: When the session was last known to be its owner's: made or assigned so, or found in the store as theirs, in
            microseconds since the epoch. Not stored.
        change_times: When what is not saved yet was changed. Not stored itself.
    """

    activity: Activity = attrs.field(init=False, repr=False, factory=Activity)
    change_times: ChangeTimes = attrs.field(init=False, repr=False, factory=ChangeTimes)
    session_id: str = attrs.field(default=None, converter=new_or_checked_id, repr=short_repr)
    user_id: str | None = attrs.field(
        default=None, validator=_TEXT_OR_NONE, on_setattr=[attrs.setters.validate, _note_owner]
    )
    authenticated: bool = attrs.field(default=False, validator=of_type(bool))
    roles: set[str] = attrs.field(factory=set, converter=set_of_texts)
    permissions: set[str] = attrs.field(factory=set, converter=set_of_texts)
    inputs: dict[str, Any] = attrs.field(factory=dict, validator=_DICT)
    form_states: dict[str, FormState] = attrs.field(factory=dict, validator=_DICT)
    dirty_forms: set[str] = attrs.field(factory=set, converter=set_of_texts)
    navigation_history: list[NavigationEntry] = attrs.field(factory=list, validator=of_type(list))
    page_views: dict[str, int] = attrs.field(factory=dict, validator=_DICT)
    cache_keys: set[str] = attrs.field(factory=set, converter=set_of_texts)
    cache_dependencies: dict[str, set[str]] = attrs.field(factory=dict, validator=_DICT)
    cache_invalidations: dict[str, str] = attrs.field(
        factory=dict, validator=_DICT, metadata=SELDOM
    )
    interaction_count: int = 0
    theme: str | None = attrs.field(default=None, validator=_TEXT_OR_NONE)
    language: str | None = attrs.field(default=None, validator=_TEXT_OR_NONE)
    timezone: str | None = attrs.field(default=None, validator=_TEXT_OR_NONE)
    max_history_size: int = attrs.field(default=100, validator=COUNT)
    created_at: datetime = attrs.field(factory=utc_now, converter=in_utc)
    last_activity: datetime = attrs.field(factory=utc_now, converter=in_utc)
    extensions: dict[str, Any] = attrs.field(factory=dict, validator=_DICT)
    version: int = 0
    save_id: str | None = None
    unknown: dict[str, Any] = attrs.field(factory=dict, repr=False)
    unreadable: dict[Path, SetAside] = attrs.field(init=False, factory=dict, repr=False)
    forms_asked_for: frozenset[str] = attrs.field(init=False, repr=False, default=NOTHING)
    never: frozenset[str] = attrs.field(init=False, repr=False, default=NOTHING)
    privacy: Privacy = attrs.field(init=False, repr=False, eq=False, default=Privacy())
    encoded_by: Privacy | None = attrs.field(init=False, repr=False, eq=False, default=None)
    encoded_size: int = attrs.field(init=False, repr=False, eq=False, default=0)
    not_kept: tuple[NotKept, ...] = attrs.field(init=False, repr=False, default=())
    origin: Origin = attrs.field(init=False, repr=False, default=Origin.NEW)
    provisional: bool = attrs.field(init=False, repr=False, default=False)
    held_by: frozenset[str] = attrs.field(init=False, repr=False, default=NOTHING)
    owned_at: int = attrs.field(init=False, repr=False, factory=micros_now)
    unused: bool = attrs.field(init=False, repr=False, default=False)
    ended: bool = attrs.field(init=False, repr=False, default=False)
    states: TypedStates | None = attrs.field(init=False, repr=False, default=None)
    cached_functions: dict[str, frozenset[str]] | None = attrs.field(
        init=False, repr=False, default=None
    )
    lock: RLock = attrs.field(init=False, repr=False, factory=RLock)

    @property
    def session_duration(self) -> timedelta:
        """The time from the session's beginning to its last activity."""
        return self.last_activity - self.created_at

    @property
    def current_page(self) -> str | None:
        """The page opened last, or None."""
        return self.navigation_history[-1].page if self.navigation_history else None

    def touch(self) -> None:
        """Note that the user is there; counts as no interaction."""
        self.activity.touch()

    def set_input(self, key: str, value: Any) -> None:
        """Keep *value* under *key*; a value equal to the one that is kept counts no interaction."""
        with self.lock:
            kept = self.inputs.get(key, _NOTHING)
            self.inputs[key] = value
            # In doubt not an interaction: it would make each rerun a change. Whether an
            # array changed is found by its bytes when it is saved.
            if type(kept) is not type(value) or not equals(kept, value, in_doubt=True):
                self.activity.count_interaction()
                times = self.change_times
                if times.clock is not None:
                    times.inputs[key] = times.clock()

    def add_navigation(self, page: str, params: Mapping[str, Any] | None = None) -> NavigationEntry:
        """
        Note that the user opened *page*, and count the view.

        Args:
            page: The page's name.
            params: What it was opened with; copied.

        Returns:
            The entry, which is now the last of ``navigation_history``.
        """
        entry = NavigationEntry(page=page, params=dict(params or {}))
        with self.lock:
            self.navigation_history.append(entry)
            self.page_views[page] = self.page_views.get(page, 0) + 1
            self.activity.count_interaction()
            self.trim()
        return entry

    def get_form_state(self, form_id: str) -> FormState:
        """Return the form called *form_id*; an empty one is made when there is none."""
        with self.lock:
            return self.form_states.setdefault(form_id, FormState(form_id=form_id))

    def mark_form_dirty(self, form_id: str) -> None:
        """Note that the form has unsaved changes; a form that is dirty already counts no interaction."""
        with self.lock:
            self.get_form_state(form_id)
            if form_id not in self.dirty_forms:
                self.dirty_forms.add(form_id)
                self.activity.count_interaction()

    def mark_form_clean(self, form_id: str) -> None:
        """Note that the form's data were saved, now; the next save of the session includes them in any case."""
        with self.lock:
            self.get_form_state(form_id).note_saved()
            self.dirty_forms.discard(form_id)
            self.forms_asked_for |= {form_id}
            self.activity.count_interaction()

    def state(
        self,
        cls: type[T],
        *,
        name: str | None = None,
        version: int = 1,
        migrate: Migrate | None = None,
    ) -> T:
        """
        Return the session's one object of a class: the same one at each call, for as long as the session lives here.

        Change it as you like: what changed is found when the session is saved, as with inputs,
        and stored and merged field by field. What others change enters this very object.

        Args:
            cls: An attrs class, a dataclass or a pydantic model; each field has a default.
            name: What its fields are stored under: a text of at most 100 characters without a colon. The class's own name
                if it is not given.
            version: Counts up, from 1, where a release gives fields another meaning. Each version's fields are stored apart.
            migrate: Takes the fields that an older version has stored (those that were ever changed, by name) and that
                version, and returns them as this one has them. Without it they are taken as they are.

        Raises:
            TypeError: If *cls* is no such class, is frozen, or can't be made without arguments.
            ValueError: If another class has this name in the session, or name or version can't be one.
        """
        with self.lock:
            if self.states is None:
                self.states = TypedStates()
            return self.states.get(self.extensions, cls, name, version, migrate)

    def capture_states(self, refuse: Callable[[SerializationError], None] = lambda _: None) -> None:
        """
        Put what has changed in the objects of :meth:`state` into ``extensions``; each save does it.

        Args:
            refuse: Takes an error for each value that can't be kept in its field.

        Raises:
            RuntimeError: If another thread changed a container in one meanwhile.
        """
        if self.states is not None:
            with self.lock:
                self.states.capture(self.extensions, refuse)

    def add_cache_key(self, key: str, dependencies: Iterable[str] = ()) -> None:
        """Track a cache key and what it depends on; calling it again replaces the dependencies."""
        needed = set_of_texts(dependencies)
        with self.lock:
            self.cache_keys.add(key)
            self.cache_dependencies[key] = needed

    def remove_cache_key(self, key: str) -> None:
        """Stop tracking a cache key; an unknown one is fine."""
        with self.lock:
            self.cache_keys.discard(key)
            self.cache_dependencies.pop(key, None)

    def cached(self, key: str, *, depends_on: Iterable[str] = ()) -> Callable[[Function], Function]:
        """
        Return a decorator that ties a cached function to a cache key of this session.

        From then on the function computes anew what the session has invalidated (:meth:`invalidate`), in every tab and on
        every replica. It goes above what caches, ``st.cache_data`` or ``functools.lru_cache``, whose own arguments hold.

        Args:
            key: The cache key.
            depends_on: Names of what it depends on; the name of another key stands for all that this one depends on. What
                :meth:`add_cache_key` has stored of the key counts, too.

        Raises:
            TypeError: If a name is no text, or (from the decorator) the function doesn't cache.
            ValueError: If a name is empty.
        """
        names = checked_names(depends_on) | {checked_name(key, "a cache key")}

        def decorate(function: Function) -> Function:
            tied: Any = tie(self, names, function)
            with self.lock:  # other tabs tie theirs
                if self.cached_functions is None:
                    self.cached_functions = {}
                self.cached_functions[key] = names
            return tied  # type: ignore[no-any-return]  # it is called as the function is, and has all that it has

        return decorate

    def invalidate(self, *names: str) -> set[str]:
        """
        Have what depends on *names* computed anew: by the functions of :meth:`cached`, in every tab and replica of this session.

        Call it once what they read was changed: what is read before is kept under the new version.

        Args:
            names: What changed, or cache keys themselves.

        Returns:
            The cache keys that depend on them, of those that are tracked or were tied here; an app
            drops what it keeps under them in a cache of its own.

        Raises:
            TypeError: If there is no name, or one is no text.
            ValueError: If one is empty.
        """
        if not names:
            msg = "invalidate() takes the names of what changed, such as invalidate('orders')"
            raise TypeError(msg)
        changed = {checked_name(name, "what is invalidated") for name in names}
        with self.lock:
            note_changed(self.cache_invalidations, changed)
            self.activity.count_interaction()
            tied = self.cached_functions or {}
            keys = self.cache_keys.union(self.cache_dependencies, tied)
            return {key for key in keys if changed & reach((key,), self.cache_dependencies, tied)}

    def cache_version(self, key: str) -> str:
        """
        Return a text that changes whenever what a cache key depends on is invalidated, here or elsewhere; "" before the first time.

        It belongs into the keys of a cache of the app's own.

        Args:
            key: A tracked cache key, or that of a function of :meth:`cached`.
        """
        return self.version_of((key,))

    def version_of(self, names: Iterable[str]) -> str:
        """Return the same for names of what something depends on."""
        if not self.cache_invalidations:  # as in most sessions: nothing is to be looked up
            return ""
        with self.lock:
            needed = reach(names, self.cache_dependencies, self.cached_functions or {})
            found = [one for one, name in self.cache_invalidations.items() if name in needed]
        return " ".join(sorted(found))

    def has_permission(self, permission: str) -> bool:
        """Return whether the owner has the permission."""
        return permission in self.permissions

    def has_role(self, role: str) -> bool:
        """Return whether the owner has the role."""
        return role in self.roles

    def leave_out(self, *patterns: str) -> None:
        """
        Have nothing stored or exported under these names: of inputs, of forms' fields, and in dicts in both.

        The object goes on holding it, as long as it lives.

        Args:
            patterns: Names, or patterns as for :mod:`fnmatch`; capitals don't count.
        """
        if not self.never.issuperset(patterns):
            self.never |= frozenset(patterns)

    @property
    def never_stored(self) -> Privacy:
        """What is never stored, by the settings and by :meth:`leave_out`."""
        return self.privacy.extended(self.never) if self.never else self.privacy

    def to_dict(self) -> dict[str, Any]:
        """
        Return the whole session as plain data.

        Typed fields become strings, numbers, lists and dicts (times are ISO
        8601, sets are sorted lists); the app's own values stay as they are. What
        is never stored (passwords and the like, by their names) is left out.
        """
        from sessionkit.session.plain import to_plain  # noqa: PLC0415 - imports cattrs, and makes converters

        with self.lock:
            self.trim()
            self.capture_states()
            return _exported(to_plain(self), self.never_stored)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """
        Return the session that :meth:`to_dict` was called on, as a new object.

        Raises:
            SerializationError: If a field has the wrong type; the message names it.
        """
        from sessionkit.session.plain import from_plain, keep_unread_apart  # noqa: PLC0415 - as above

        session = from_plain(data, cls)
        keep_unread_apart(session)
        return session

    def to_json(self) -> str:
        """
        Return the session as JSON text; what JSON lacks is tagged (:mod:`sessionkit.values`).

        Raises:
            SerializationError: If a value can't be kept; ``path`` says which.
        """
        return json.dumps(to_tagged(self.to_dict()), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """
        Return the session that :meth:`to_json` was called on, as a new object.

        Raises:
            SerializationError: If the text is no JSON, or a field has the wrong type.
        """
        return cls.from_dict(parse_json(text))

    def trim(self) -> None:
        """Drop what is over ``max_history_size`` and each form's ``max_snapshots``, the oldest first."""
        with self.lock:
            surplus = len(self.navigation_history) - self.max_history_size
            if surplus > 0:
                del self.navigation_history[:surplus]
            for form in self.form_states.values():
                if isinstance(form, FormState):  # an app may put anything there: a save tells
                    form.trim()


def _exported(plain: dict[str, Any], privacy: Privacy) -> dict[str, Any]:
    forms = {
        form_id: privacy.public(form) if isinstance(form, dict) else form
        for form_id, form in plain["form_states"].items()
    }
    extensions = {
        name: privacy.public({"value": value})["value"]
        for name, value in plain["extensions"].items()
    }
    return {**privacy.public(plain), "form_states": forms, "extensions": extensions}


@attrs.define(kw_only=True)
class NavigationEntry:
    """
    One page that the user opened.

    Attributes:
        page: The page's name.
        params: What it was opened with.
        timestamp: When, in UTC.
        entry_id: Unique within the session; histories are merged by it.
        unknown: Fields that a newer release stored; kept and written back.
        unreadable: Values that this process can't read, apart from the others; stored again as they were.
    """

    page: str = attrs.field(validator=of_type(str))
    params: dict[str, Any] = attrs.field(factory=dict, validator=of_type(dict))
    timestamp: datetime = attrs.field(factory=utc_now, converter=in_utc)
    entry_id: str = attrs.field(factory=new_entry_id, validator=of_type(str))
    unknown: dict[str, Any] = attrs.field(factory=dict, repr=False)
    unreadable: dict[Path, SetAside] = attrs.field(init=False, factory=dict, repr=False)


@attrs.frozen
class NotKept:
    """
    A value that can't be kept: the store has its last one that could be, or none.

    Attributes:
        path: Where it lies, such as ``inputs['upload']``.
        reason: Why, and what would be right.
    """

    path: str
    reason: str
