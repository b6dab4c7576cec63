# SPDX-License-Identifier: Apache-2.0
"""Hooks into Streamlit: the end of a run, a widget that takes its value, what a run sends to its page."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from sessionkit_streamlit.internals.contents import (
    CONTENTS_EFFECT,
    CONTENTS_READERS,
    FieldState,
    Lookup,
)
from sessionkit_streamlit.internals.guard import guarded, moved

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

_LOGGER: Final = logging.getLogger(__name__)
_MARK: Final = "__sessionkit__"
_RUNNERS: Final = (
    ("streamlit.runtime.scriptrunner.script_runner", "ScriptRunner"),
    # AppTest's: it overrides the method without calling the original.
    ("streamlit.testing.v1.local_script_runner", "LocalScriptRunner"),
)
_RULES: Final = ("streamlit.elements.lib.policies", "streamlit.elements.form")

P = TypeVar("P")


class Observer(Protocol):
    """What is called from inside Streamlit; none of it may raise into the app."""

    def run_finished(self, context: ScriptRunContext) -> None:
        """A run of a script or a fragment ended, in whatever way; its widgets are still there."""

    def before_register(self, state: Any, widget: Any, key: str) -> None:  # noqa: ANN401 - Streamlit's
        """A keyed widget is about to take its value from Streamlit's state."""

    def before_rules(self, key: str, *, settable: bool) -> bool:
        """A widget is about to look whether its value was set; return whether we set it."""

    def before_slider(self, key: str) -> None:
        """A slider is about to look at its stored value, to see whether it has one end or two."""

    def after_id(self, element_id: str) -> str:
        """An element was given an id; return the one that it is to have."""

    def before_send(self, context: ScriptRunContext, message: Any) -> None:  # noqa: ANN401 - Streamlit's
        """A run is about to send something to its page."""


def install(observer: Observer) -> bool:
    """
    Have *observer* called from inside Streamlit: to be asked for by each connection, when it begins.

    Returns:
        Whether the end of a run is seen. If not, capture at the next run's beginning.
    """
    known = _installed
    if known is not None and known.holds():
        return known.sees_ends
    places: list[_Place] = []
    _wrap_registration(observer, places)
    _wrap_rules(observer, places)
    _wrap_slider(observer, places)
    _wrap_send(observer, places)
    _wrap_ids(observer, places)
    _wrap_contents(places)
    runners = _imported_runners()
    seen = [_wrap_end(module, name, observer, places) for module, name in runners]
    ends = bool(seen) and all(seen)
    if len(places) == _PLACES + len(runners):  # else something has moved
        globals()["_installed"] = _Installed(tuple(places), runners, ends)
    return ends


def install_start(begin: Callable[[ScriptRunContext], None]) -> None:
    """
    Have *begin* called as each run begins, before the first line of its script; calling it again changes nothing.

    What it does may end the run, as ``st.stop()`` does; errors are logged.
    """

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def start(self: ScriptRunContext) -> Any:  # noqa: ANN401
            started = original(self)
            _call(begin, self)
            return started

        return start

    module = importlib.import_module("streamlit.runtime.scriptrunner_utils.script_run_context")
    effect = "pages are kept only where they call bootstrap_session()"
    _wrap(getattr(module, "ScriptRunContext", None), "on_script_start", effect, make, [])


_PLACES: Final = 4 + len(_RULES) + len(CONTENTS_READERS)
"""How many hooks there are, besides those of the runners."""

_Place = tuple[Any, str]
"""What a hook hangs in, and its name there."""


class _Installed(NamedTuple):
    """The hooks as they were last installed."""

    places: tuple[_Place, ...]
    runners: Sequence[tuple[str, str]]
    sees_ends: bool

    def holds(self) -> bool:
        """Return whether they still hang there, and there is nothing more to hang them in."""
        if self.runners != _imported_runners():
            return False
        return all(hasattr(getattr(owner, name, None), _MARK) for owner, name in self.places)


_installed: _Installed | None = None


def _imported_runners() -> list[tuple[str, str]]:
    return [one for one in _RUNNERS if one[0] in sys.modules]


def _wrap(
    owner: Any,  # noqa: ANN401
    name: str,
    effect: str,
    make: Callable[[Any], Any],
    places: list[_Place],
) -> bool:
    original = getattr(owner, name, None)
    if original is None:
        moved(f"{getattr(owner, '__name__', owner)}.{name}", effect)
        return False
    if not hasattr(original, _MARK):
        wrapped = wraps(original)(make(original))
        setattr(wrapped, _MARK, True)
        setattr(owner, name, wrapped)
    places.append((owner, name))
    return True


def _wrap_end(module: str, name: str, observer: Observer, places: list[_Place]) -> bool:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def finish(self: Any, run: ScriptRunContext, *args: Any, **more: Any) -> Any:  # noqa: ANN401
            _call(observer.run_finished, run)
            return original(self, run, *args, **more)

        return finish

    owner = getattr(sys.modules[module], name, None)
    effect = "what a run changed is captured when the next run begins"
    return _wrap(owner, "_on_script_finished", effect, make, places)


def _wrap_registration(observer: Observer, places: list[_Place]) -> None:
    observe = observer.before_register

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def register(self: Any, metadata: Any, user_key: str | None, **more: Any) -> Any:  # noqa: ANN401
            if user_key is not None:
                try:
                    observe(self, metadata, user_key)
                except Exception as error:  # noqa: BLE001 - see there
                    _report(observe, error)
            return original(self, metadata, user_key, **more)

        return register

    module = importlib.import_module("streamlit.runtime.state.session_state")
    effect = "a stored value that a widget refuses is shown as an error"
    _wrap(getattr(module, "SessionState", None), "register_widget", effect, make, places)


def _wrap_rules(observer: Observer, places: list[_Place]) -> None:
    observe = observer.before_rules

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def check(default_value: Any, key: str | None, writes_allowed: bool = True) -> Any:  # noqa: ANN401, FBT001, FBT002
            ours = False
            if key is not None:
                try:
                    ours = observe(key, settable=writes_allowed)
                except Exception as error:  # noqa: BLE001 - see there
                    _report(observe, error)
            return original(None if ours else default_value, key, writes_allowed)

        return check

    effect = "the key of a button or an uploader must not be persisted"
    for name in _RULES:
        module = importlib.import_module(name)
        _wrap(module, "check_session_state_rules", effect, make, places)


def _wrap_slider(observer: Observer, places: list[_Place]) -> None:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def draw(self: Any, *args: Any, key: Any = None, **more: Any) -> Any:  # noqa: ANN401
            if key is not None:
                _call(observer.before_slider, str(key))
            return original(self, *args, key=key, **more)

        return draw

    module = importlib.import_module("streamlit.elements.widgets.slider")
    effect = "a slider that gets a stored text becomes one with two ends"
    _wrap(getattr(module, "SliderMixin", None), "_slider", effect, make, places)


def _wrap_send(observer: Observer, places: list[_Place]) -> None:
    observe = observer.before_send

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def send(self: ScriptRunContext, message: Any) -> Any:  # noqa: ANN401
            try:
                observe(self, message)
            except Exception as error:  # noqa: BLE001 - see there
                _report(observe, error)
            return original(self, message)

        return send

    module = importlib.import_module("streamlit.runtime.scriptrunner_utils.script_run_context")
    effect = "the fields of a form that clears on submit are filled in again"
    _wrap(getattr(module, "ScriptRunContext", None), "enqueue", effect, make, places)


def _wrap_ids(observer: Observer, places: list[_Place]) -> bool:
    observe = observer.after_id

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def compute(*args: Any, **more: Any) -> Any:  # noqa: ANN401
            element_id = original(*args, **more)
            try:
                return observe(element_id)
            except Exception as error:  # noqa: BLE001 - see there
                _report(observe, error)
                return element_id

        return compute

    module = importlib.import_module("streamlit.elements.lib.utils")
    return _wrap(
        module,
        "_compute_element_id",
        "when a session ends, the page is loaded anew",
        make,
        places,
    )


def _wrap_contents(places: list[_Place]) -> None:
    look_up = Lookup()

    def make(original: Callable[[], Any]) -> Callable[[], FieldState]:
        return lambda: FieldState(original(), look_up)

    for name in CONTENTS_READERS:
        read = partial(importlib.import_module, name)
        module = guarded(read, name, CONTENTS_EFFECT, otherwise=None)
        if module is not None:
            _wrap(module, "get_session_state", CONTENTS_EFFECT, make, places)


def gives_ids() -> bool:
    """Return whether the ids of elements are ours to give."""
    module = importlib.import_module("streamlit.elements.lib.utils")
    return hasattr(getattr(module, "_compute_element_id", None), _MARK)


def _call(observe: Callable[[P], object], what: P) -> None:
    try:
        observe(what)
    except Exception as error:  # noqa: BLE001 - see there
        _report(observe, error)


def _report(observe: Callable[..., object], error: Exception) -> None:
    """Log an error of ours: an app must never break because its state could not be kept."""
    _LOGGER.error("could not observe Streamlit (%s)", observe.__name__, exc_info=error)
