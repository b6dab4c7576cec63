# SPDX-License-Identifier: Apache-2.0
"""Forms: what was typed, what was wrong with it, undo and redo, and when what was typed is saved."""

from __future__ import annotations

from collections.abc import Container, Iterable
from copy import deepcopy
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import attrs

from sessionkit.errors import repr_of
from sessionkit.session.fields import (
    COUNT,
    NOTHING,
    SELDOM,
    in_utc,
    new_entry_id,
    of_type,
    utc_now,
)
from sessionkit.session.privacy import Privacy
from sessionkit.session.unreadable import Path, SetAside
from sessionkit.values import MAX_DEPTH
from sessionkit.values.dicts import DICT_TYPES, dict_like
from sessionkit.values.equality import same_content
from sessionkit.values.extent import holds_too_much

if TYPE_CHECKING:
    from sessionkit.session.session import UserSession

FORM: Final = "form:"
"""Begins the name of the part that holds a form."""

UNDO: Final = "undo:"
"""Begins the name of the part that holds a form's snapshots."""

_DICT: Final = of_type(dict)
_LIST: Final = of_type(list)
_TEXT: Final = of_type(str)


def _optional_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else in_utc(moment)


_BY_NAME: Final = Privacy()


@attrs.define(kw_only=True)
class FormState:
    """
    One form of a session.

    Attributes:
        form_id: The form's name.
        data: The fields by name.
        errors: Messages by field.
        last_saved: When the form was last marked clean, in UTC, or None.
        saved_data: The fields as they were then; empty where it never was. Of a dirty form, fields that differ are changed.
        auto_save: Whether the form is stored by itself whenever its session is. If False, its data,
            errors and snapshots stay as last stored until the app asks: by ``save_session``, a
            repository's ``save``, or ``mark_form_clean`` and the session's next save. Then they
            are stored once, as they are at that save. The switch itself is always stored.
        save_debounce_ms: While the form is dirty, and saves itself, its session's saves wait so
            many milliseconds for more changes, in place of the setting ``debounce_ms``. Of
            several dirty forms the shortest counts; ``max_wait_ms`` bounds it.
        max_snapshots: How many steps can be undone, at most; the oldest go first.
        unknown: Fields that a newer release stored; kept and written back.
        unreadable: Values that this process can't read, apart from the others; stored again as they were.
    """

    form_id: str = attrs.field(validator=_TEXT)
    data: dict[str, Any] = attrs.field(factory=dict, validator=_DICT)
    errors: dict[str, list[str]] = attrs.field(factory=dict, validator=_DICT)
    last_saved: datetime | None = attrs.field(default=None, converter=_optional_utc)
    saved_data: dict[str, Any] = attrs.field(factory=dict, validator=_DICT, metadata=SELDOM)
    auto_save: bool = attrs.field(default=True, validator=of_type(bool))
    save_debounce_ms: int = attrs.field(default=500, validator=COUNT)
    max_snapshots: int = attrs.field(default=20, validator=COUNT)
    unknown: dict[str, Any] = attrs.field(factory=dict, repr=False)
    unreadable: dict[Path, SetAside] = attrs.field(init=False, factory=dict, repr=False)
    _snapshots: list[FormSnapshot] = attrs.field(factory=list, validator=_LIST)
    _redo_snapshots: list[FormSnapshot] = attrs.field(factory=list, validator=_LIST)

    def note_saved(self) -> None:
        """Note that the data are saved as they are, now; ``mark_form_clean`` of a session calls it."""
        self.last_saved = utc_now()
        data = dict(self.data)  # in one step: the app may change them meanwhile
        self.saved_data = data if holds_too_much(data) else _apart(data)

    @property
    def snapshots(self) -> list[FormSnapshot]:
        """What can be undone, oldest first; never more than ``max_snapshots``, also when appended to by hand."""
        return _bounded(self._snapshots, self.max_snapshots)

    @snapshots.setter
    def snapshots(self, snapshots: list[FormSnapshot]) -> None:
        self._snapshots = snapshots

    @property
    def redo_snapshots(self) -> list[FormSnapshot]:
        """What can be redone, the next one last; never more than ``max_snapshots``."""
        return _bounded(self._redo_snapshots, self.max_snapshots)

    @redo_snapshots.setter
    def redo_snapshots(self, snapshots: list[FormSnapshot]) -> None:
        self._redo_snapshots = snapshots

    def snapshot(
        self, description: str = "", *, by: str | None = None, beside: Container[str] = ()
    ) -> FormSnapshot:
        """
        Keep the data as it is now, to come back to with :meth:`undo`.

        What could be redone until now is dropped: a new line of work begins.

        Args:
            description: What the user is about to do, or has done.
            by: Which page takes it, where several share the session's object; its own name for itself.
            beside: The other pages that show the form: what they can redo is theirs.

        Returns:
            The snapshot; its data are a copy.
        """
        taken = self._copy_of_now(description, by)
        self._snapshots.append(taken)
        _drop_ours(self._redo_snapshots, 0, beside)
        return taken

    def leave_to(self, names: Iterable[Any], pages: Container[str]) -> None:
        """
        Note that another page than these has changed fields: their undo and redo leave these fields as they are.

        Args:
            names: The fields.
            pages: The other pages that show the form, by the names for themselves.
        """
        for one in (*self._snapshots, *self._redo_snapshots):
            if one.taken_by is not None and one.taken_by in pages:
                one.leave_alone(names)

    def undo(self, *, by: str | None = None, beside: Container[str] = ()) -> bool:
        """
        Go back to the newest snapshot that differs from the data.

        It stays the newest one, so it does not matter whether an app takes its
        snapshots before each change or after it. Fields that someone else has changed
        since it was taken stay as they are, and their snapshots are theirs to go back to.

        Args:
            by: Which page asks, where several share the session's object.
            beside: The other pages that show the form: their snapshots are theirs.

        Returns:
            False when there is nothing to go back to.
        """
        place = self._newest_other(self.snapshots, beside)
        if place is None:
            return False
        reached = self._snapshots[place]
        left = self._copy_of_now(reached.description, by)
        self._go_to(reached)
        _drop_ours(self._snapshots, place + 1, beside)
        self._redo_snapshots.append(left)
        return True

    def redo(self, *, by: str | None = None, beside: Container[str] = ()) -> bool:
        """
        Take the last :meth:`undo` back; fields that someone else has changed since then stay as they are.

        Args:
            by: Which page asks, where several share the session's object.
            beside: The other pages that show the form: what they can redo is theirs.

        Returns:
            False when there is nothing to redo.
        """
        place = self._newest_other(self.redo_snapshots, beside)
        if place is None:
            return False
        reached = self._redo_snapshots[place]
        left = self._copy_of_now(reached.description, by)
        self._go_to(reached)
        _drop_ours(self._redo_snapshots, place, beside)
        if not self._snapshots or not same_content(self._snapshots[-1].data, left.data):
            self._snapshots.append(left)
        if len(self._snapshots) < self.max_snapshots:
            # Snapshots lie in time order, also for a merge.
            reached.timestamp = utc_now()
            self._snapshots.append(reached)
        return True

    def trim(self) -> None:
        """Drop the oldest snapshots over ``max_snapshots``."""
        for snapshots in (self._snapshots, self._redo_snapshots):
            if len(snapshots) > self.max_snapshots:
                _bounded(snapshots, self.max_snapshots)

    @property
    def can_undo(self) -> bool:
        """Whether :meth:`undo` would change the data."""
        return self.next_undo() is not None

    @property
    def can_redo(self) -> bool:
        """Whether :meth:`redo` would change the data."""
        return self.next_redo() is not None

    def next_undo(self, *, beside: Container[str] = ()) -> FormSnapshot | None:
        """Return the snapshot that :meth:`undo` would go to, or None."""
        place = self._newest_other(self.snapshots, beside)
        return None if place is None else self._snapshots[place]

    def next_redo(self, *, beside: Container[str] = ()) -> FormSnapshot | None:
        """Return the snapshot that :meth:`redo` would go to, or None."""
        place = self._newest_other(self.redo_snapshots, beside)
        return None if place is None else self._redo_snapshots[place]

    def differences(
        self, snapshot: FormSnapshot, *, privacy: Privacy = _BY_NAME
    ) -> tuple[FieldChange, ...]:
        """
        Return what going to a snapshot would change, field by field.

        Args:
            snapshot: One of the form's, or another draft of it: ``next_undo()`` for what :meth:`undo` would do.
            privacy: Says which fields are left out, by name: a session's ``never_stored``. Passwords and the like if
                none is given.
        """
        return _changes(self.data, self._data_at(snapshot), privacy)

    def history(self, *, privacy: Privacy = _BY_NAME) -> tuple[FormStep, ...]:
        """
        Return the steps that can be undone, oldest first, and then those that can be redone, next one first.

        A step ends where the next one begins. One in which nothing changes is left out, as is one that only changes
        fields that are never shown.

        Args:
            privacy: As for :meth:`differences`.
        """
        done: list[FormStep] = []
        after = self.data
        for one in reversed(self.snapshots):
            before = _before(one, after)
            changes = _changes(before, after, privacy)
            done.append(FormStep(one.timestamp, one.description, changes))
            after = before
        undone: list[FormStep] = []
        before = self.data
        for one in reversed(self.redo_snapshots):
            after = _before(one, before)
            changes = _changes(before, after, privacy)
            undone.append(FormStep(one.timestamp, one.description, changes, is_undone=True))
            before = after
        return tuple(step for step in (*reversed(done), *undone) if step.changes)

    @property
    def last_edited(self) -> datetime | None:
        """When the latest step began that can be undone or redone, in UTC; None where there is none."""
        times = [one.timestamp for one in (*self._snapshots, *self._redo_snapshots)]
        return max(times, default=None)

    def left_draft(self, otherwise: datetime, *, privacy: Privacy = _BY_NAME) -> LeftDraft | None:
        """
        Return what is filled in, for another session of the same user; None where nothing is.

        Args:
            otherwise: When it was edited last, where no step says so.
            privacy: As for :meth:`differences`.
        """
        data = privacy.public({"data": self.data})["data"]
        edited_at = self.last_edited or otherwise
        return LeftDraft(data=_copy(data), edited_at=edited_at) if data else None

    def _copy_of_now(self, description: str, by: str | None = None) -> FormSnapshot:
        taken = FormSnapshot(form_id=self.form_id, data=_copy(self.data), description=description)
        taken.unreadable = dict(self.unreadable)
        taken.is_own, taken.taken_by = True, by
        return taken

    def _go_to(self, snapshot: FormSnapshot) -> None:
        others = snapshot.left_alone
        unread = {
            path: one for path, one in snapshot.unreadable.items() if others.isdisjoint(path[1:2])
        }
        unread |= {
            path: one for path, one in self.unreadable.items() if not others.isdisjoint(path[1:2])
        }
        self.data, self.unreadable = _copy(self._data_at(snapshot)), unread

    def _data_at(self, snapshot: FormSnapshot) -> dict[str, Any]:
        """Return what the data become by going to a snapshot."""
        return _before(snapshot, self.data)

    def _newest_other(self, snapshots: list[FormSnapshot], beside: Container[str]) -> int | None:
        """Return the place of the newest snapshot that differs from the data, and is nobody else's."""
        places = range(len(snapshots) - 1, -1, -1)
        ours = (place for place in places if not snapshots[place].is_of(beside))
        return next((place for place in ours if self._leads_elsewhere(snapshots[place])), None)

    def _leads_elsewhere(self, snapshot: FormSnapshot) -> bool:
        return not same_content(self._data_at(snapshot), self.data)


def _before(snapshot: FormSnapshot, after: dict[str, Any]) -> dict[str, Any]:
    """Return a snapshot's data; what someone else has changed since is as in the data after it."""
    others = snapshot.left_alone
    if not others:
        return snapshot.data
    both = {key: value for key, value in snapshot.data.items() if key not in others}
    both |= {key: value for key, value in after.items() if key in others}
    return {key: both[key] for key in (*after, *both) if key in both}


def _changes(
    before: dict[str, Any], after: dict[str, Any], privacy: Privacy
) -> tuple[FieldChange, ...]:
    pairs = [
        (name, before.get(name, EMPTY), after.get(name, EMPTY)) for name in {**before, **after}
    ]
    changed = [pair for pair in pairs if not same_content(pair[1], pair[2])]
    if not changed:
        return ()
    here = privacy.public({"data": {name: one for name, one, _ in changed}})["data"]
    there = privacy.public({"data": {name: other for name, _, other in changed}})["data"]
    return tuple(
        FieldChange(name, here[name], there[name])
        for name, _, _ in changed
        if name in here and not same_content(here[name], there[name])
    )


def _copy(data: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a form's fields; what holds too much to be copied, and so to be stored, stays itself."""
    if not holds_too_much(data):
        return deepcopy(data)
    return {key: one if holds_too_much(one) else deepcopy(one) for key, one in data.items()}


def _apart(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - the app's own
    """Return a value with dicts and lists of its own; any other object in it, also one that can't be copied, stays itself."""
    kind = type(value)
    if depth > MAX_DEPTH or (kind is not list and kind not in DICT_TYPES):
        return value
    if kind is list:
        return [_apart(one, depth + 1) for one in value]
    return dict_like(value, {key: _apart(one, depth + 1) for key, one in value.items()})


def _bounded(snapshots: list[FormSnapshot], limit: int) -> list[FormSnapshot]:
    surplus = len(snapshots) - limit
    if surplus > 0:
        del snapshots[:surplus]
    return snapshots


def _drop_ours(snapshots: list[FormSnapshot], place: int, beside: Container[str]) -> None:
    """Drop the snapshots from a place on, but for those of someone else."""
    snapshots[place:] = [one for one in snapshots[place:] if one.is_of(beside)]


@attrs.define(kw_only=True)
class FormSnapshot:
    """
    A form's data at one moment.

    Someone else is another writer: another replica, script or object of the session. The tabs
    of one process share its object, and so its snapshots; a host that tells them apart says whose they are.

    Attributes:
        snapshot_id: Unique within the form.
        form_id: The form.
        data: The form's fields by name.
        timestamp: When it was taken, in UTC; a naive value is taken as local time.
        description: What the user is about to do, or has done.
        others: Names of fields that someone else has changed since: to come back to it leaves them as they are.
        unknown: Fields that a newer release stored; kept and written back.
        unreadable: Values that this process can't read, apart from the others; stored again as they were.
        is_own: True when it was taken in this object. Not stored, as all below.
        is_foreign: True when someone else has taken it, and it came with their changes.
        others_here: Names as in ``others``, where it was loaded: whose snapshot it is nobody knows.
        taken_by: Which page took it, where several share the session's object, or None.
    """

    snapshot_id: str = attrs.field(factory=new_entry_id, validator=_TEXT)
    form_id: str = attrs.field(validator=_TEXT)
    data: dict[str, Any] = attrs.field(validator=_DICT)
    timestamp: datetime = attrs.field(factory=utc_now, converter=in_utc)
    description: str = attrs.field(default="", validator=_TEXT)
    others: list[Any] = attrs.field(factory=list, validator=_LIST, metadata=SELDOM)
    unknown: dict[str, Any] = attrs.field(factory=dict, repr=False)
    unreadable: dict[Path, SetAside] = attrs.field(init=False, factory=dict, repr=False)
    is_own: bool = attrs.field(init=False, default=False, repr=False, eq=False)
    is_foreign: bool = attrs.field(init=False, default=False, repr=False, eq=False)
    others_here: frozenset[Any] = attrs.field(init=False, default=frozenset(), repr=False, eq=False)
    taken_by: str | None = attrs.field(init=False, default=None, repr=False, eq=False)

    def is_of(self, pages: Container[str]) -> bool:
        """Return whether another writer has taken it, or one of these pages."""
        return self.is_foreign or (self.taken_by is not None and self.taken_by in pages)

    @property
    def left_alone(self) -> frozenset[Any]:
        """Names of the fields that undo and redo leave as they are."""
        return self.others_here.union(self.others)

    def leave_alone(self, names: Iterable[Any]) -> None:
        """Take names of fields that someone else has changed; they are stored where the snapshot is our own."""
        if self.is_own:
            self.others = merge_names(self.others, names)
        elif not self.is_foreign:
            self.others_here |= set(names)


class _Empty(Enum):
    EMPTY = "empty"

    def __repr__(self) -> str:
        return "EMPTY"


EMPTY: Final = _Empty.EMPTY
"""Stands for a field that holds nothing: nobody has filled it in."""


@attrs.frozen
class FieldChange:
    """
    What became of one field.

    Attributes:
        name: The field's.
        before: What it held before, or :data:`EMPTY`.
        after: What it holds then, or :data:`EMPTY`.
    """

    name: Any
    before: Any = attrs.field(repr=False)
    after: Any = attrs.field(repr=False)


@attrs.frozen
class FormStep:
    """
    What was changed between two snapshots, or since the last one.

    Attributes:
        timestamp: When its snapshot was taken, in UTC.
        description: The snapshot's: what the user was about to do, or had done.
        changes: What was changed, field by field.
        is_undone: Whether it was taken back, and can be redone.
    """

    timestamp: datetime
    description: str
    changes: tuple[FieldChange, ...]
    is_undone: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen(kw_only=True)
class LeftDraft:
    """
    What a user has filled into a form in another session of theirs, and not handed in.

    Attributes:
        data: The fields by name; a copy, without what is never stored.
        edited_at: When the user edited it last, in UTC.
    """

    data: dict[str, Any] = attrs.field(repr=False)
    edited_at: datetime


def merge_names(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    """Return the names of fields in either, in an order that does not depend on whose they are."""
    return [name for _, name in sorted({repr_of(name): name for name in (*one, *other)}.items())]


# -- when they are saved: how long changes wait, and which wait until the app asks --


def form_debounce(session: UserSession) -> float | None:
    """
    Return how long a save of *session* waits for more changes to its forms.

    Asked at each change that is scheduled, without the session's lock.

    Returns:
        Seconds: the shortest ``save_debounce_ms`` of the dirty forms that save
        themselves; None when there is none, and the setting ``debounce_ms`` counts.
    """
    if not session.dirty_forms:
        return None
    # A copy made in one step: another thread may mark a form meanwhile.
    forms = [session.form_states.get(form_id) for form_id in tuple(session.dirty_forms)]
    waits = [
        form.save_debounce_ms for form in forms if isinstance(form, FormState) and form.auto_save
    ]
    return min(waits) / 1000 if waits else None


def ask_for_forms(session: UserSession) -> None:
    """Have the next save include all forms as they are then, also those that don't save themselves."""
    with session.lock:
        held = _held(session)
        if held:
            session.forms_asked_for |= held


def held_parts(session: UserSession) -> frozenset[str]:
    """Return the names of the parts that an automatic save leaves as they are stored; the caller has the lock."""
    held = _held(session)
    if not held:
        return NOTHING
    held -= session.forms_asked_for
    return frozenset(f"{kind}{form_id}" for form_id in held for kind in (FORM, UNDO))


def _held(session: UserSession) -> frozenset[str]:
    forms = tuple(session.form_states.items())
    # The app may have put anything there: what is no form is refused when it is saved.
    held = [form_id for form_id, form in forms if not getattr(form, "auto_save", True)]
    return frozenset(held) if held else NOTHING
