# SPDX-License-Identifier: Apache-2.0
"""
What is known about one connection: one browser tab and one Streamlit session.

The records here only hold it; who fills them stands in the rooms above. A
:class:`Connection` is made of what is known about its widgets, about the browser's
identity and about its page, and lies in ``st.session_state`` as a hidden entry.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from datetime import date, datetime, time
from fnmatch import translate
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet, ref

import attrs
import streamlit as st
from streamlit.errors import StreamlitAPIException

from sessionkit.records import hidden_repr, short_repr
from sessionkit_streamlit.internals.component import Drawn
from sessionkit_streamlit.internals.rerun import by_browser
from sessionkit_streamlit.internals.state import MISSING, PREFIX, Private, context, hidden, peek

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.conflict import FieldDecision
    from sessionkit.events import SessionEvent
    from sessionkit.host import Keeper
    from sessionkit.tokens import TokenContent
from sessionkit.session import UserSession
from sessionkit.session.fields import new_entry_id
from sessionkit.session.forms import FORM, LeftDraft

CONNECTION_KEY: Final = f"{PREFIX}_streamlit"
EXTENSION: Final = "streamlit"
"""This plugin's name in ``UserSession.extensions``."""


# -- its widgets ---------------------------------------------------------------


@attrs.define(eq=False)
class FormerValues:
    """
    What a widget showed before another value was put there.

    Attributes:
        values: The former values, oldest first.
        sent_at: When the run ended that put the latest one there; None while it lasts.
    """

    values: list[Any] = attrs.field(factory=list)
    sent_at: float | None = None


class Placed(NamedTuple):
    """
    A value that was put back and that a widget took.

    Attributes:
        stored: As the session holds it.
        taken: As the widget was given it: its own option, say, that equals it.
    """

    stored: Any
    taken: Any


@attrs.define(eq=False)
class Marks:
    """
    Marks of what widgets show.

    Attributes:
        session_id: The session whose they are.
        values: What is marked, by key.
        page: The marks, as the page is told.
    """

    session_id: str = attrs.field(repr=short_repr)
    values: dict[str, Any]
    page: Mapping[str, Any]


@attrs.define(eq=False)
class ClearOnSubmitForms:
    """
    The forms of a page that the browser clears when they are submitted.

    Attributes:
        ids: Their ids, as far as a run has made them.
        fields: The form of each keyed widget in one; empty while it is known from earlier alone.
        submitted: The ids of those that this run was asked for by.
    """

    ids: set[str] = attrs.field(factory=set)
    fields: dict[str, str] = attrs.field(factory=dict)
    submitted: set[str] = attrs.field(factory=set)

    def is_submitted(self, key: str) -> bool:
        """Return whether a widget's value was handed in just now."""
        return self.fields.get(key) in self.submitted


@attrs.define(eq=False)
class Widgets:
    """
    What is known about the keyed widgets of a connection, and the values that the app sets.

    They show a session, and what they show is that session's: when the connection gets
    another one, an era begins, whose widgets have other ids. What the browser still holds
    of the era before is nobody's.

    Attributes:
        shown_for: The session that they show, or None before the first bootstrap.
        era: Counts the sessions that the connection showed before this one.
        shown: Values in Streamlit's state when they were last looked at, by key.
        kept: Values in ``session.inputs`` at the same moment.
        typed: What this connection's user made of them last.
        waiting: Values for widgets that existed already; set when the next run begins.
        fresh: Values that were put back and that no widget has taken yet.
        placed: Values that were put back and that a widget took during this run.
        sent: Keys of widgets that came with the browser's request before we saw them.
        deleted: Keys that the app deleted; they are not put back while it lasts.
        passwords: Keys of fields for passwords: nothing is captured of them and nothing put back.
        unsettable: Keys of widgets that Streamlit lets nobody set.
        forms: The forms that clear on submit: nothing is put into their fields.
        replaced: What widgets showed before; the browser may still send it.
        marks: The marks of what widgets show that the page was told last.
        unasked: When a run that nobody asked for put a value into a widget, by key.
        overtaken: What the user typed over that was changed elsewhere and not shown yet, by path.
        editors: The data editors that keep their edits, by key.
        lock: Held while values go from the session to the widgets, or back.
    """

    shown_for: UserSession | None = None
    era: int = 0
    shown: dict[str, Any] = attrs.field(factory=dict)
    kept: dict[str, Any] = attrs.field(factory=dict)
    typed: dict[str, Any] = attrs.field(factory=dict)
    waiting: dict[str, Any] = attrs.field(factory=dict)
    fresh: dict[str, Any] = attrs.field(factory=dict)
    placed: dict[str, Placed] = attrs.field(factory=dict)
    sent: set[str] = attrs.field(factory=set)
    deleted: set[str] = attrs.field(factory=set)
    passwords: set[str] = attrs.field(factory=set)
    unsettable: set[str] = attrs.field(factory=set)
    forms: ClearOnSubmitForms = attrs.field(factory=ClearOnSubmitForms)
    replaced: dict[str, FormerValues] = attrs.field(factory=dict)
    marks: Marks = attrs.field(factory=lambda: Marks("", {}, {}))
    unasked: dict[str, float] = attrs.field(factory=dict)
    overtaken: dict[str, FieldDecision] = attrs.field(factory=dict)
    editors: dict[str, Any] = attrs.field(factory=dict, repr=False)
    lock: RLock = attrs.field(factory=RLock, repr=False)

    def begin_era(self) -> None:
        """Note nothing any more of what was shown until now; which keys can't be set is the page's."""
        self.era += 1
        for held in (self.shown, self.kept, self.typed, self.waiting, self.fresh, self.placed):
            held.clear()
        for noted in (self.replaced, self.unasked, self.overtaken, self.sent, self.deleted):
            noted.clear()
        self.editors.clear()

    def agree(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value a widget may return
        """Note that Streamlit's state and the session hold *value*."""
        self.shown[key] = self.kept[key] = value
        self.deleted.discard(key)

    def forget(self, key: str) -> None:
        """Note nothing about *key* any more."""
        for values in (self.shown, self.kept, self.typed, self.waiting, self.fresh, self.placed):
            values.pop(key, None)
        self.replaced.pop(key, None)
        self.unasked.pop(key, None)


def is_plain_same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any value a widget may return
    """
    Return whether two values are one object, or plain ones that are equal and of one type: asked of each widget in each run.

    Rows of plain ones, as a slider of two ends and a multiselect give, are, too.
    """
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if kind in _PLAIN:
        return bool(one == other)
    return kind in _ROWS and len(one) == len(other) and all(map(is_plain_same, one, other))


_PLAIN: Final = frozenset({bool, date, datetime, float, int, str, time})
_ROWS: Final = frozenset({list, tuple})


def is_same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any value a widget may return
    """Return whether two values are surely equal and of one type; arrays only if they are one object."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    try:
        return bool(one == other)
    except (TypeError, ValueError):
        return False


# -- its browser ---------------------------------------------------------------


@attrs.define(eq=False)
class Identity:
    """
    What the browser was told about its id.

    Attributes:
        granted: The token that the manager gave last, or the browser said and was believed; None when its cookie stands.
        replaced: Tokens that were presented once and count no more.
        ticket: What the browser is to trade for a cookie, or None.
        traded: What the cookies say that tickets were issued for, oldest first.
        opened_by: What stands for the request that :attr:`cookie` came with, or None.
        cookie: What the browser sent with that request, or None.
        readable: What the browser is to keep by script, or None.
        max_age: For how many seconds the browser is to keep its id.
        renew_at: When, by the clock that never goes back, the browser is to be told of it again.
        renewals: How often that moment has come.
    """

    granted: str | None = attrs.field(default=None, repr=hidden_repr)
    replaced: set[str] = attrs.field(factory=set, repr=hidden_repr)
    ticket: str | None = attrs.field(default=None, repr=hidden_repr)
    traded: list[TokenContent] = attrs.field(factory=list, repr=hidden_repr)
    opened_by: object | None = attrs.field(default=None, repr=False)
    cookie: str | None = attrs.field(default=None, repr=hidden_repr)
    readable: str | None = attrs.field(default=None, repr=hidden_repr)
    max_age: int = 0
    renew_at: float = 0.0
    renewals: int = 0


# -- its page ------------------------------------------------------------------


SHARE_PARAMETER: Final = "sk_share"
"""Where a page's address has the token of a copy that somebody shared."""


@attrs.define(eq=False)
class Arrival:
    """
    What becomes of the share link that a tab was opened by.

    Attributes:
        token: The copy's.
        outcome: None before it was tried; ``"asked"``, ``"opened"``, ``"declined"``, ``"expired"``, ``"unknown"`` or ``"failed"``.
        session: The session that it was tried for.
        session_id: Its id.
        has_changed: Whether the copy was put there: it may have been as the session was.
    """

    token: str = attrs.field(repr=hidden_repr)
    outcome: str | None = None
    session: UserSession | None = attrs.field(default=None, repr=False)
    session_id: str | None = attrs.field(default=None, repr=short_repr)
    has_changed: bool = False


@attrs.define(eq=False)
class TabGroup:
    """
    The tabs of this process that show one session.

    Attributes:
        tabs: They.
        edits: What a tab changed last, and when, by key.
        changes: Counts the users' runs that ended: each may have changed the session.
    """

    tabs: WeakSet[Tab] = attrs.field(factory=WeakSet)
    edits: dict[str, tuple[Any, datetime]] = attrs.field(factory=dict)
    changes: int = 0


@attrs.define(eq=False)
class Tab:
    """
    One tab.

    Attributes:
        name: What Streamlit calls it.
        group: The tabs that show its session.
        seen: Of the session's changes, how many its latest run of the script began after.
        made: Which of them was the latest that it made.
        running: Whether a run of the script that its user asked for is under way.
        due: Whether it is to rerun by itself.
        asked: Whether we asked for the run that begins next.
        ours: Whether we asked for the latest run of the script.
        request: What asked for that run, if we did.
        ident: What tells it from all others of this process.
    """

    name: str
    group: TabGroup
    seen: int = 0
    made: int = 0
    running: bool = False
    due: bool = False
    asked: bool = False
    ours: bool = False
    request: Any = None
    ident: str = attrs.field(factory=new_entry_id)

    def begin(self, request: Any) -> None:  # noqa: ANN401 - Streamlit's
        """Note that a run of the script begins to show the session."""
        again = self.ours and request is self.request  # the app called st.rerun()
        self.ours = again or (self.asked and not by_browser(request))
        self.request = request if self.ours else None
        self.seen, self.due, self.asked = self.group.changes, False, False
        self.running = not self.ours

    def lacks(self, other: Tab) -> bool:
        """Return whether *other* may have changed what this one does not show yet."""
        return other is not self and (other.running or other.made > self.seen)


class StatusContent(NamedTuple):
    """
    The part of a save status that a status line is made of.

    Attributes:
        state: The status's.
        since: Since when the store is down.
        names: What the line quotes.
    """

    state: str
    since: datetime | None = None
    names: tuple[str | None, ...] = ()


class StatusLine(NamedTuple):
    """
    A status line as it was drawn.

    Attributes:
        content: What it says.
        interactions: The session's count of interactions at that moment.
    """

    content: StatusContent
    interactions: int


class Told(NamedTuple):
    """
    What the part of ours in the browser was told last.

    Attributes:
        rests_on: What decides of the news.
        marks: The marks of what widgets show, or None.
        news: All else, but for what is another one in each run.
    """

    rests_on: tuple[object, ...]
    marks: Mapping[str, Any] | None
    news: Mapping[str, Any]


class Visit(NamedTuple):
    """
    A page that was opened.

    Attributes:
        page: What the session's history calls it.
        params: What stood in its address.
    """

    page: str
    params: dict[str, Any]


@attrs.define(eq=False)
class Trail:
    """
    The pages that were opened in a tab: what its user goes back and forward in.

    Attributes:
        session_id: The session that they were opened for.
        visits: They, oldest first.
        position: Which of them the tab shows.
        wanted: Which of them it was asked to show, or None.
    """

    session_id: str = attrs.field(repr=short_repr)
    visits: list[Visit]
    position: int
    wanted: int | None = None

    def arrive(self, visit: Visit, most: int) -> bool:
        """
        Note what the tab shows now.

        Args:
            visit: That.
            most: How many pages are noted at most, above 0; the oldest go first.

        Returns:
            Whether it showed another page, or the same with other parameters.
        """
        wanted, self.wanted = self.wanted, None
        if wanted is not None and self.visits[wanted] == visit:
            self.position = wanted
            return True
        if self.visits and self.visits[self.position] == visit:
            return False
        self.visits[self.position + 1 :] = [visit]
        del self.visits[:-most]
        self.position = len(self.visits) - 1
        return True


@attrs.define(eq=False)
class Page:
    """
    What is known about the page that the browser shows.

    Attributes:
        run: The context of the run that bootstrapped last, weakly.
        has_ended: Whether that run has.
        tab: The tab among those of this process; None before the first bootstrap.
        strayed: Whether the page shows another session, and is to be loaded anew.
        refreshing: The fragments that are to run again by themselves.
        status_lines: The status lines on the page, by fragment.
        component: The part of ours in the browser, as it was drawn last, or None.
        told: What it was told last.
        flushed_by: The manager that flushes when Streamlit lets go of the page's session, or None.
        trail: The pages that were opened before it in this tab, or None where the app has no router.
        router: The app's router in the latest run, or None.
        asked_for: The page that a callback asked for, or None.
        sees_ends: Whether the ends of its runs are seen; None before the first bootstrap.
        arrival: The share link that the tab was opened by, or None.
        link: The share link that was made in this tab last, and the copy that it opens, or None.
        spent: The parameters that the browser is to take out of the page's address.
        early: What the user pressed before the page was drawn by this connection, by request: served after that.
    """

    run: ref[ScriptRunContext] | None = None
    has_ended: bool = False
    tab: Tab | None = None
    strayed: bool = False
    refreshing: set[str] = attrs.field(factory=set)
    status_lines: dict[str, StatusLine] = attrs.field(factory=dict)
    component: Drawn | None = None
    told: Told | None = attrs.field(default=None, repr=False)
    flushed_by: Keeper | None = None
    sees_ends: bool | None = None
    trail: Trail | None = None
    router: Any = attrs.field(default=None, repr=False)
    asked_for: Visit | None = None
    arrival: Arrival | None = None
    link: tuple[str, str] | None = attrs.field(default=None, repr=False)
    spent: frozenset[str] = frozenset()
    early: deque[Sequence[Any]] = attrs.field(factory=deque, repr=False)

    def serves(self, run: ScriptRunContext) -> bool:
        """Return whether a run that is under way has bootstrapped; one context may serve several, one after the other."""
        return self.run is not None and self.run() is run and not self.has_ended


# -- its forms -----------------------------------------------------------------


class Place(NamedTuple):
    """
    Where in a session the value of a widget lies.

    Attributes:
        path: As users write it.
        part: The part of the session.
        keys: Its path in there.
    """

    path: str
    part: str
    keys: tuple[str, ...]


@attrs.define(eq=False)
class FormField:
    """
    A field of a form that keeps itself.

    Attributes:
        form_id: The form.
        name: The field's name.
        default: What its widget begins with; :data:`MISSING` before it was drawn.
        label: What its widget is called; empty before it was drawn.
    """

    form_id: str
    name: str
    default: Any = MISSING
    label: str = ""


@attrs.define(eq=False)
class Draft:
    """
    What one tab did to a form.

    Attributes:
        edited: The field that its user changed last, or None.
        edited_at: When, by the clock that never goes back.
        pressed: The button that a former run saw pressed when it had drawn the fields already, or None.
        answered: What the latest run found in the form's first place on the page: the button that was pressed, whether all
            was right with what was handed in, and that.
        user_id: Whose form it was in the last run; None for nobody's, MISSING before the first.
        left: What the user has left in another session of theirs, until they say what becomes of it.
    """

    edited: str | None = None
    edited_at: float = 0.0
    pressed: str | None = None
    answered: tuple[str | None, bool, Any] = attrs.field(default=(None, False, None), repr=False)
    user_id: Any = MISSING
    left: LeftDraft | None = None


# -- all of it -----------------------------------------------------------------


class KnownKeys(NamedTuple):
    """
    The keys that are captured and put back.

    Attributes:
        rests_on: What decides besides the session's inputs.
        inputs: The keys of those.
        keys: They.
    """

    rests_on: tuple[object, ...]
    inputs: frozenset[str]
    keys: frozenset[str]


class KeyPatterns:
    """
    Patterns of keys, as for :mod:`fnmatch`, in which capitals count.

    Attributes:
        texts: They.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.texts: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self._others: set[str] = set()

    def add(self, texts: Iterable[str]) -> None:
        """Add patterns."""
        self.texts |= frozenset(texts)
        self._pattern = re.compile("|".join(map(translate, sorted(self.texts))) or "(?!)")
        self._others.clear()

    def fits(self, key: str) -> bool:
        """Return whether one fits a key; that none does is found out once."""
        if self._pattern is None or key in self._others:
            return False
        if self._pattern.match(key):
            return True
        self._others.add(key)
        return False


@attrs.define(eq=False)
class Connection:
    """
    What is known about one connection.

    Attributes:
        session: The session that the connection shows, or None before the first bootstrap.
        session_id: Its id.
        keeper: The manager, or None before the first bootstrap.
        persisted: Keys that ``persist`` or a kept widget named, or that a pattern fits.
        patterns: Patterns of keys of widgets.
        value_patterns: Those of them that hold for values that the app sets itself, too.
        left_out: Names of what is never stored, which ``persist`` said or a field for a password is called.
        fields: Fields of forms that keep themselves, by the keys of their widgets.
        drafts: What this tab did to these forms.
        widgets: What is known about its keyed widgets.
        identity: What the browser was told about its id.
        page: What is known about the page that the browser shows.
        is_loading: Whether its first run is still under way.
        live: Whether what is typed into kept fields is sent after each pause, or the pause, as Streamlit's ``live=`` takes it.
        entries: What the manager keeps for the connection.
    """

    session: UserSession | None = None
    session_id: str | None = attrs.field(default=None, repr=short_repr)
    keeper: Keeper | None = None
    persisted: set[str] = attrs.field(factory=set)
    patterns: KeyPatterns = attrs.field(factory=KeyPatterns)
    value_patterns: KeyPatterns = attrs.field(factory=KeyPatterns)
    left_out: set[str] = attrs.field(factory=set)
    fields: dict[str, FormField] = attrs.field(factory=dict)
    drafts: dict[str, Draft] = attrs.field(factory=dict)
    widgets: Widgets = attrs.field(factory=Widgets)
    identity: Identity = attrs.field(factory=Identity)
    page: Page = attrs.field(factory=Page)
    is_loading: bool = True
    live: bool | str = False
    entries: dict[str, Any] = attrs.field(factory=dict, repr=False)
    _known: KnownKeys | None = attrs.field(init=False, default=None, repr=False)

    @property
    def live_session(self) -> UserSession | None:
        """The session, unless it has moved away from this connection: then there is none before the next bootstrap."""
        return None if self.session is None or self.session.ended else self.session

    @property
    def known(self) -> frozenset[str]:
        """The keys that are captured and put back; found anew where what that rests on has changed."""
        session, widgets, known = self.session, self.widgets, self._known
        if session is None:
            return frozenset(key for key in self.persisted if not self.is_private(key))
        rests_on = (
            session,
            session.privacy,
            session.never,
            len(self.persisted),
            len(self.fields),
            len(widgets.passwords),
        )
        if known is None or known.inputs != session.inputs.keys() or known.rests_on != rests_on:
            inputs = frozenset(session.inputs)
            named = self.persisted | inputs | self.fields.keys()
            keys = frozenset(key for key in named if not self.is_private(key))
            self._known = known = KnownKeys(rests_on, inputs, keys)
        return known.keys

    def knows(self, key: str) -> bool:
        """Return whether *key* is one of :attr:`known`."""
        kept = key in self.persisted or (self.session is not None and key in self.session.inputs)
        return (kept or key in self.fields) and not self.is_private(key)

    def kept_values(self, session: UserSession) -> dict[str, Any]:
        """Return by key what a session keeps for widgets: its inputs, and what fields of forms hold or begin with."""
        with session.lock:
            found = dict(session.inputs)
            for key, field in self.fields.items():
                form = session.form_states.get(field.form_id)
                value = field.default if form is None else form.data.get(field.name, field.default)
                if value is not MISSING:
                    found[key] = value
        return found

    def place_of(self, key: str) -> Place:
        """Return where in a session the value of a widget lies."""
        field = self.fields.get(key)
        if field is None:
            return Place(f"inputs[{key!r}]", "inputs", ("inputs", key))
        path = f"form_states[{field.form_id!r}].data[{field.name!r}]"
        return Place(path, f"{FORM}{field.form_id}", ("data", field.name))

    def is_private(self, key: str) -> bool:
        """Return whether what stands under *key* is never stored, and so neither captured nor put back."""
        if key in self.widgets.passwords:
            return True
        if key in self.fields:
            key = self.fields[key].name
        if self.session is not None:
            return self.session.never_stored.covers(key)
        return self.keeper is not None and self.keeper.is_private(key)

    @property
    def shows_its_session(self) -> bool:
        """Whether the widgets of the run that is under way were made for the session that the connection has now."""
        return self.widgets.shown_for is self.session

    def report(self, event: SessionEvent) -> None:
        """Tell the observers, once there is a manager that can."""
        if self.keeper is not None:
            self.keeper.emit(event)


def current_connection() -> Connection:
    """Return what is known about the connection that the calling code serves."""
    run = context()
    found = None if run is None else peek(run, CONNECTION_KEY)
    if found is None:
        held = st.session_state.get(hidden(CONNECTION_KEY))
        found = held.value if isinstance(held, Private) else None
    if isinstance(found, Connection):
        return found
    connection = Connection()
    st.session_state[hidden(CONNECTION_KEY)] = Private(connection)
    return connection


class ConnectionState(MutableMapping[str, Any]):
    """
    ``st.session_state`` as the manager sees it; sessionkit's own entries lie apart, in the :class:`Connection`.

    Setting the value of a widget that this run has already made waits for the
    next run: Streamlit refuses it now.
    """

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - any stored value
        """Return the value under *key*."""
        if key.startswith(PREFIX):
            return current_connection().entries[key]
        return st.session_state[key]

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any stored value
        """Return the value under *key*, or *default*: asked at each input."""
        if key.startswith(PREFIX):
            return current_connection().entries.get(key, default)
        return st.session_state.get(key, default)

    def __setitem__(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value
        """Set the value under *key*, now or when the next run begins."""
        if key.startswith(PREFIX):
            current_connection().entries[key] = value
        elif not is_same(st.session_state.get(key, MISSING), value):
            self._set(key, value)

    def _set(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value
        connection = current_connection()
        widgets = connection.widgets
        try:
            if key not in widgets.forms.fields:
                st.session_state[key] = value
                if not connection.is_private(key):
                    widgets.fresh[key] = value  # looked at before its widget takes it
                return
        except StreamlitAPIException:  # the widget exists already
            pass
        widgets.waiting[key] = value

    def __delitem__(self, key: str) -> None:
        """Remove *key*."""
        if key.startswith(PREFIX):
            del current_connection().entries[key]
        else:
            del st.session_state[key]

    def __iter__(self) -> Iterator[str]:
        """Go through the app's own keys and those of widgets."""
        return iter(st.session_state)

    def __len__(self) -> int:
        """Count them."""
        return len(st.session_state)
