# SPDX-License-Identifier: Apache-2.0
"""A form on a page: its fields, its buttons, and what is wrong with it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cache, partial
from glob import escape
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Self, TypeVar, overload

import attrs
import streamlit as st

from sessionkit import FormState, get_current_session
from sessionkit.session import UserSession
from sessionkit.session.forms import FieldChange, FormSnapshot, LeftDraft
from sessionkit.values.equality import is_empty, same_content
from sessionkit_streamlit.browser.unsaved import BATCH, SENT, TYPED, UNWATCHED, key_of, say, watched
from sessionkit_streamlit.connection import Connection, Draft, FormField, current_connection
from sessionkit_streamlit.forms.content import MISSING, WHOLE, Check, Content, Field
from sessionkit_streamlit.forms.history import Step, in_words
from sessionkit_streamlit.forms.left_draft import answer, look
from sessionkit_streamlit.forms.marks import mark
from sessionkit_streamlit.forms.texts import FormTexts
from sessionkit_streamlit.internals.page import is_placed
from sessionkit_streamlit.internals.state import context
from sessionkit_streamlit.internals.widgets import default_of
from sessionkit_streamlit.notices.markdown import escaped
from sessionkit_streamlit.notices.save_status import StatusTexts, viewer_zone
from sessionkit_streamlit.widgets.drafts import my_name, others
from sessionkit_streamlit.widgets.kept import LIVE, connected, refuse_momentary, sent_live
from sessionkit_streamlit.widgets.restore import show_fields

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

T = TypeVar("T")

_SUBMIT: Final = "submit"
_UNDO: Final = "undo"
_REDO: Final = "redo"
_DISCARD: Final = "discard"
_RECOVER: Final = "recover"
_REFUSE: Final = "refuse"
_BUTTONS: Final = (_SUBMIT, _UNDO, _REDO, _DISCARD, _RECOVER, _REFUSE)


_TEXTS: Final = FormTexts()


@overload
def form(
    form_id: str,
    cls: type[T],
    *,
    validate: Callable[[T], Mapping[str, Any] | None] | None = None,
    batch: bool = False,
    clear_on_submit: bool = False,
    warn: bool = True,
    recover: bool = True,
    marks: bool = True,
    texts: FormTexts = _TEXTS,
) -> Form[T]: ...
@overload
def form(
    form_id: str,
    cls: None = None,
    *,
    validate: Callable[[dict[str, Any]], Mapping[str, Any] | None] | None = None,
    batch: bool = False,
    clear_on_submit: bool = False,
    warn: bool = True,
    recover: bool = True,
    marks: bool = True,
    texts: FormTexts = _TEXTS,
) -> Form[dict[str, Any]]: ...
def form(  # noqa: PLR0913 - all that is said of a form
    form_id: str,
    cls: type[Any] | None = None,
    *,
    validate: Check | None = None,
    batch: bool = False,
    clear_on_submit: bool = False,
    warn: bool = True,
    recover: bool = True,
    marks: bool = True,
    texts: FormTexts = _TEXTS,
) -> Form[Any]:
    """
    Return a form whose draft is kept as it is typed, for a ``with`` block.

    The draft is ``session.form_states[form_id].data``. Call it again to draw further fields of the form in another place of the
    page; one with *batch* stands in one place.

    Args:
        form_id: The form's name in the session.
        cls: What is filled in: an attrs class, a dataclass or a pydantic model. None for a dict of all fields.
        validate: Asked besides the class whether what was filled in is right; returns messages by field, and
            those about the whole form under ``""``.
        batch: Whether fields count when the form is handed in, and not before, as in ``st.form``.
        clear_on_submit: Whether the form is empty once it was handed in.
        warn: Whether the browser asks before what it alone holds is lost: fields of a form with *batch* that were not
            handed in, and a text that is being typed.
        recover: Whether a signed-in user is asked about a draft that they have left in another session of theirs.
        marks: Whether fields that were changed since the form was handed in have a line beside them.
        texts: All words.

    Raises:
        TypeError: If *cls* is no such class.

    Example:
        ::

            with form("contact", Contact) as f:
                f.text_input("Your name", key="name")
                f.fields()
                f.submit("Send")
            if f.submitted:
                send(f.value)
    """
    options = FormOptions(
        batch=batch,
        clear_on_submit=clear_on_submit,
        warn=warn,
        recover=recover,
        marks=marks,
        texts=texts,
    )
    return Form(form_id, Content(cls, validate, texts.required), options)


@attrs.frozen(kw_only=True)
class FormOptions:
    """What is said of a form; as :func:`form` has it."""

    batch: bool
    clear_on_submit: bool
    warn: bool
    recover: bool
    marks: bool
    texts: FormTexts


class Form(Generic[T]):
    """
    A form in one run.

    The widgets of Streamlit that hold a value are its methods, each with its own arguments; *key* is the field's name:
    ``f.text_input("Name", key="name")``.

    Attributes:
        submitted: Whether the form was handed in for this run, and all was right.
    """

    def __init__(self, form_id: str, content: Content, options: FormOptions) -> None:
        """Prepare a form; made by :func:`form`."""
        self._form_id, self._content = form_id, content
        self._options, self._texts = options, options.texts
        self.submitted = False
        self._handed_in: T | None = None
        self._drawn: set[str] = set()
        self._pressed: str | None = None
        watched_as = BATCH if options.batch else TYPED
        self._kind = watched_as if options.warn else UNWATCHED
        self._place = ExitStack()
        self._question: AbstractContextManager[Any] | None = None
        if TYPE_CHECKING:  # each has the signature that it has in Streamlit
            self.checkbox = st.checkbox
            self.color_picker = st.color_picker
            self.date_input = st.date_input
            self.datetime_input = st.datetime_input
            self.feedback = st.feedback
            self.multiselect = st.multiselect
            self.number_input = st.number_input
            self.pills = st.pills
            self.radio = st.radio
            self.segmented_control = st.segmented_control
            self.select_slider = st.select_slider
            self.selectbox = st.selectbox
            self.slider = st.slider
            self.text_area = st.text_area
            self.text_input = st.text_input
            self.time_input = st.time_input
            self.toggle = st.toggle

    def __enter__(self) -> Self:
        """Do what was asked for by the form's buttons, and open its place on the page."""
        run = context()
        self._connection = current_connection() if run is None else connected(run)
        self._session = get_current_session()
        if run is not None:
            self._begin(run)
        self._open(run)
        return self

    def _begin(self, run: ScriptRunContext) -> None:
        """Do what was asked for, in the form's first place on the page; tell it in the others."""
        draft = self._connection.drafts.setdefault(self._form_id, Draft())
        if is_placed(run, key_of(self._form_id, self._kind)):
            self._pressed, self.submitted, self._handed_in = draft.answered
            return
        if self._options.recover:
            look(self._connection, self._session, self._form_id)
        self._answer(run, draft)
        draft.answered = self._pressed, self.submitted, self._handed_in
        if draft.left is not None:
            self._question = st.container(border=True)

    def _ask(self, left: LeftDraft) -> None:
        """Ask what becomes of what the user has left in another session."""
        texts = self._texts
        times = StatusTexts(today=texts.today, earlier=texts.earlier)
        st.markdown(texts.recover.format(time=times.time(left.edited_at, viewer_zone())))
        privacy = self._session.never_stored.extended(self._passwords)
        other = FormSnapshot(form_id=self._form_id, data=left.data)
        changes = self.state.differences(other, privacy=privacy)
        if changes:
            st.caption(self._in_words(changes))
        with st.container(horizontal=True):
            self._offer(_RECOVER, st.button, texts.accept, {})
            self._offer(_REFUSE, st.button, texts.refuse, {"type": "tertiary"})

    def _open(self, run: ScriptRunContext | None) -> None:
        with ExitStack() as stack:
            stack.enter_context(watched(run, self._form_id, self._kind))
            if self._options.warn:
                say(self._texts.leave)
            if self._options.batch:
                stack.enter_context(st.form(self._button("form")))
            self._place = stack.pop_all()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close its place; messages about the whole form stand last in it."""
        if error is None:
            self._say(WHOLE)
            if self._options.marks:
                mark(self._keys(), self.changed, self._texts.changed)
        self._place.__exit__(kind, error, trace)
        left = self._connection.drafts[self._form_id].left if self._question else None
        if self._question is not None and left is not None and error is None:
            with self._question:  # now that it is known what its fields are called
                self._ask(left)

    # -- what is filled in ---------------------------------------------------------

    @property
    def state(self) -> FormState:
        """The form as the session holds it."""
        return self._session.get_form_state(self._form_id)

    @property
    def data(self) -> dict[str, Any]:
        """What is filled in now, by field; with what the fields begin with."""
        kept, shown = self.state.data, self._shown()
        begun = {
            name: one.default
            for name, one in self._content.fields.items()
            if one.default is not MISSING
        }
        order = dict.fromkeys((*self._content.fields, *shown, *kept))
        found = begun | kept | shown
        return {name: found[name] for name in order if name in found}

    def _shown(self) -> dict[str, Any]:
        """Return what the widgets show, by field."""
        return {
            one.name: st.session_state[key]
            for key, one in self._connection.fields.items()
            if one.form_id == self._form_id and key in st.session_state
        }

    @property
    def value(self) -> T | None:
        """What was handed in, where ``submitted``; else what is filled in now if all is right, or None."""
        if self.submitted:
            return self._handed_in
        value: T | None = self._content.make(self.data)[0]
        return value

    @property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong, by field, since the user tried to hand it in; about the whole form under ``""``."""
        return self.state.errors

    @property
    def is_dirty(self) -> bool:
        """Whether something was changed since the form was handed in last."""
        return self._form_id in self._session.dirty_forms

    @property
    def changed(self) -> list[str]:
        """
        Names of the fields that hold something else than when the form was handed in last, in their order on the page.

        A field that was changed back is none. What it held then is ``state.saved_data``; of a form that was never handed in
        it is what its fields begin with.
        """
        if not self.is_dirty:
            return []
        state = self.state
        now, saved = state.data, state.saved_data
        begun = {name: one.default for name, one in self._content.fields.items()}
        own = [one for one in self._connection.fields.values() if one.form_id == self._form_id]
        begun |= {one.name: one.default for one in own if one.default is not MISSING}
        return [
            name
            for name in dict.fromkeys((*begun, *now, *saved))
            if _differs(*(side.get(name, begun.get(name, MISSING)) for side in (now, saved)))
        ]

    def _keys(self) -> dict[str, str]:
        """Return the keys of its widgets by field."""
        fields = self._connection.fields
        return {one.name: key for key, one in fields.items() if one.form_id == self._form_id}

    @property
    def history(self) -> list[Step]:
        """
        What was changed, step by step: what can be undone, oldest first, then what can be redone.

        Passwords and what else is never stored are in no step. There are as many as can be undone, at most.
        """
        privacy = self._session.never_stored.extended(self._passwords)
        return [
            Step(
                text=self._in_words(one.changes),
                timestamp=one.timestamp,
                changes=one.changes,
                is_undone=one.is_undone,
            )
            for one in self.state.history(privacy=privacy)
        ]

    @property
    def _passwords(self) -> list[str]:
        """Patterns of the names of fields for passwords."""
        fields = self._connection.fields
        passwords = [key for key in self._connection.widgets.passwords if key in fields]
        return [escape(fields[key].name) for key in passwords]

    def _in_words(self, changes: Sequence[FieldChange]) -> str:
        own = [one for one in self._connection.fields.values() if one.form_id == self._form_id]
        labels = {name: one.label for name, one in self._content.fields.items()}
        labels |= {one.name: one.label for one in own if one.label}
        defaults = {one.name: one.default for one in own if one.default is not MISSING}
        order = {name: place for place, name in enumerate(labels)}
        ordered = sorted(changes, key=lambda one: order.get(one.name, len(order)))
        return in_words(ordered, self._texts, labels, defaults)

    # -- its fields ----------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - Streamlit's
        """Return a widget of Streamlit's for a field of the form."""
        return partial(self._draw, _widget(name))

    def field(self, name: str, label: str | None = None, **more: Any) -> Any:  # noqa: ANN401 - the widget's value
        """
        Draw a field of the class, with the widget for its type.

        Args:
            name: The field's name.
            label: What people call it; None for its name in words.
            more: Further arguments of the widget.

        Returns:
            The widget's value.

        Raises:
            KeyError: If the class has no such field.
            TypeError: If there is no widget for its type: draw one by ``f.text_area(..., key=name)``.
        """
        one = self._content.fields[name]
        if one.widget is None:
            msg = (
                f"no widget is made for the field {name!r}, which is {one.kind!r}: "
                f"draw one of your choice, such as f.text_input(..., key={name!r})"
            )
            raise TypeError(msg)
        if one.options:
            more.setdefault("options", one.options)
        if one.kind is int:
            more.setdefault("step", 1)
        return self._draw(_widget(one.widget), label or one.label, key=name, **more)

    def fields(self) -> None:
        """Draw the fields of the class that were not drawn yet, in their order."""
        for name in self._content.fields:
            if name not in self._drawn:
                self.field(name)

    def _draw(self, widget: _Widget, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - as the widget has it
        name = more.pop("key", None)
        if not isinstance(name, str) or not name:
            msg = (
                f"{widget.name}({', '.join(map(repr, args[:1]))}) needs the name of its field: "
                'write key="name"'
            )
            raise TypeError(msg)
        key, run = self._key(name), context()
        self._drawn.add(name)
        fields = self._connection.fields
        known = fields.get(key)
        if known is None:
            known = fields[key] = FormField(self._form_id, name)
            if run is not None:
                show_fields(self._connection, run, [key])
        if name in self._content.fields:
            given = dict(zip(widget.takes, args, strict=False)) | more
            more = _beginning(self._content.fields[name], widget, given) | more
        known.label = str(more.get("label", args[0] if args else "")).rstrip(": ")
        if LIVE in widget.takes and self._connection.live and not self._options.batch:
            more = sent_live(self._connection, key, args, more)
        with watched(run, key, SENT) if more.get(LIVE) else nullcontext():
            value = widget.draw(*args, key=key, **more)
        if run is not None:
            known.default = default_of(run, key)
        self._say(name)
        return value

    def _key(self, name: str) -> str:
        return f"{self._form_id}.{name}"

    def _say(self, name: str) -> None:
        for message in self.errors.get(name, ()):
            st.markdown(f":red[:small[{escaped(message)}]]")  # a caption's red is faded

    # -- its buttons ---------------------------------------------------------------

    def submit(self, label: str | None = None, **more: Any) -> bool:  # noqa: ANN401 - the button's
        """
        Draw the button that hands the form in.

        Args:
            label: What it says; None for the form's words.
            more: Further arguments of ``st.button``.

        Returns:
            Whether it was pressed for this run, and all was right: ``submitted``.
        """
        draw = st.form_submit_button if self._options.batch else st.button
        options = {"type": "primary", **more}
        self._offer(_SUBMIT, draw, label or self._texts.submit, options)
        return self.submitted

    def undo(self, label: str | None = None, **more: Any) -> None:  # noqa: ANN401 - the button's
        """
        Draw the button that takes back the last change of this tab's user, also by Ctrl+Z.

        Args:
            label: What it says; None for the form's words.
            more: Further arguments of ``st.button``.
        """
        step = self.state.next_undo(beside=others(self._connection))
        self._step(_UNDO, label or self._texts.undo, "Ctrl+Z", step, more)

    def redo(self, label: str | None = None, **more: Any) -> None:  # noqa: ANN401 - the button's
        """
        Draw the button that makes again what was undone last, also by Ctrl+Y.

        Args:
            label: What it says; None for the form's words.
            more: Further arguments of ``st.button``.
        """
        step = self.state.next_redo(beside=others(self._connection))
        self._step(_REDO, label or self._texts.redo, "Ctrl+Y", step, more)

    def _step(
        self, name: str, label: str, keys: str, step: FormSnapshot | None, more: dict[str, Any]
    ) -> None:
        options: dict[str, Any] = {"disabled": step is None, "shortcut": keys}
        if step is not None and "help" not in more:
            told = self._texts.undo_help if name == _UNDO else self._texts.redo_help
            privacy = self._session.never_stored.extended(self._passwords)
            changes = self.state.differences(step, privacy=privacy)
            options["help"] = told.format(change=self._in_words(changes)) if changes else None
        self._offer(name, st.button, label, options | more)

    def discard(self, label: str | None = None, **more: Any) -> None:  # noqa: ANN401 - the button's
        """
        Draw the button that empties the draft; it can be undone.

        Args:
            label: What it says; None for the form's words.
            more: Further arguments of ``st.button``.
        """
        options = {"disabled": not self.state.data, **more}
        self._offer(_DISCARD, st.button, label or self._texts.discard, options)

    def _offer(
        self, name: str, draw: Callable[..., bool], label: str, options: dict[str, Any]
    ) -> None:
        """Draw a button; one whose press this run did not know in time is answered by the next."""
        pressed = draw(label, **{**options, "key": self._button(name)})
        if pressed and name != self._pressed:
            # Of a page that has found another server Streamlit knows a key when its widget is made.
            self._connection.drafts[self._form_id].pressed = name
            st.rerun()

    def _button(self, name: str) -> str:
        return f"{self._form_id}:{name}"

    # -- what its buttons do, before its widgets are made --------------------------

    def _answer(self, run: ScriptRunContext, draft: Draft) -> None:
        session, connection = self._session, self._connection
        pressed = (name for name in _BUTTONS if st.session_state.get(self._button(name)))
        self._pressed, draft.pressed = draft.pressed or next(pressed, None), None
        with session.lock:
            if self._pressed == _SUBMIT:
                self._hand_in(draft)
            elif self._pressed in {_RECOVER, _REFUSE}:
                left = answer(draft, session, self._form_id)
                if left is not None and self._pressed == _RECOVER:
                    self._change(session, connection, draft, left.data)
            elif self._pressed is not None:
                self._change(session, connection, draft, {})
        keys = [key for key, one in connection.fields.items() if one.form_id == self._form_id]
        show_fields(connection, run, keys)
        if self.errors:  # it was tried to hand it in: until all is right
            self.state.errors = self._content.make(self.data)[1]

    def _hand_in(self, draft: Draft) -> None:
        state = self.state
        self._handed_in, state.errors = self._content.make(self.data)
        self.submitted = not state.errors
        if self.submitted:
            state.snapshots, state.redo_snapshots, draft.edited = [], [], None
            if self._options.clear_on_submit:
                state.data = {}
            self._session.mark_form_clean(self._form_id)

    def _change(
        self, session: UserSession, connection: Connection, draft: Draft, data: dict[str, Any]
    ) -> None:
        """Go where undo or redo leads; else put other data there, which can be undone."""
        state, tab, beside = self.state, my_name(connection), others(connection)
        before = dict(state.data)
        if self._pressed == _UNDO:
            state.undo(by=tab, beside=beside)
        elif self._pressed == _REDO:
            state.redo(by=tab, beside=beside)
        else:
            state.snapshot(self._pressed or "", by=tab, beside=beside)
            state.data, state.errors = data, {}
        draft.edited = None  # the next change is a step of its own
        changed = [
            name
            for name in before.keys() | state.data.keys()
            if not same_content(before.get(name, MISSING), state.data.get(name, MISSING))
        ]
        if changed:
            state.leave_to(changed, beside)
            session.mark_form_dirty(self._form_id)
            session.activity.count_interaction()


class _Widget(NamedTuple):
    """
    A widget of Streamlit's that holds a value.

    Attributes:
        name: Its name.
        draw: Draws it.
        takes: The names of its arguments, in their order.
    """

    name: str
    draw: Callable[..., Any]
    takes: tuple[str, ...]


@cache
def _widget(name: str) -> _Widget:
    """
    Return a widget of Streamlit's, which is looked at once: each field of each run asks for one.

    Raises:
        AttributeError: If there is none of that name.
        TypeError: If it holds no value.
    """
    draw = None if name.startswith("_") else getattr(st, name, None)
    if draw is None:
        msg = f"a form has no {name!r}, and neither has Streamlit"
        raise AttributeError(msg)
    refuse_momentary(draw)
    return _Widget(name, draw, tuple(inspect.signature(draw).parameters))


def _differs(now: Any, saved: Any) -> bool:  # noqa: ANN401 - any values
    """Return whether a field holds something else; what it began with is not known before it is drawn."""
    if now is MISSING or saved is MISSING:
        return not all(one is MISSING or is_empty(one) for one in (now, saved))
    return not same_content(now, saved)


def _beginning(one: Field, widget: _Widget, given: dict[str, Any]) -> dict[str, Any]:
    """Return the argument that has a widget begin with the default of its field, where none of those *given* does."""
    default = None if one.default is MISSING and one.optional else one.default
    names = (name for name in ("value", "index", "default") if name in widget.takes)
    name = next(names, None)
    if default is MISSING or name is None or name in given:
        return {}
    if name == "index":
        options = list(given.get("options", ()))
        return {name: options.index(default) if default in options else None}
    return {name: default}
