# SPDX-License-Identifier: Apache-2.0
"""Whether somebody did something in a session."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import pytest

from sessionkit.defaults.local_host import LocalHost
from sessionkit.manager.identity import is_blank
from sessionkit.session import UserSession
from sessionkit.session.forms import FormState


class Table:
    """What arrays and tables do: their truth can't be told."""

    def __bool__(self) -> bool:
        """Raise."""
        raise ValueError


class Basket(list[str]):
    """A list of an app's own, which may hold more than its items."""


UNTOUCHED = [None, "", False, 0, 0.0, -0.0, b"", [], (), {}, set(), frozenset()]
TOUCHED = ["x", True, 1, -0.5, float("nan"), [0], ("",), {"": None}, {0}, Decimal(0), Basket(), Table()]  # fmt: skip


def form_of(**fields: Any) -> UserSession:
    """Return a session with a form."""
    return UserSession(form_states={"f": FormState(form_id="f", **fields)})


def test_a_new_session_is_blank() -> None:
    """Nobody did anything."""
    assert is_blank(UserSession())


@pytest.mark.parametrize("value", UNTOUCHED, ids=repr)
def test_an_untouched_widget_leaves_a_session_blank(value: object) -> None:
    """A page stores what its widgets return, and nobody typed; in a form likewise."""
    assert is_blank(UserSession(inputs={"a": "", "b": value}))
    assert is_blank(form_of(data={"a": "", "b": value}))


@pytest.mark.parametrize("value", TOUCHED, ids=lambda value: type(value).__name__)
def test_any_other_value_is_something(value: object) -> None:
    """Also one that is empty, if its type is not known: in doubt somebody did it."""
    assert not is_blank(UserSession(inputs={"a": "", "b": value}))
    assert not is_blank(form_of(data={"a": "", "b": value}))


class Pages(LocalHost):
    """A host whose pages note things, and have a field called ``shown``."""

    notes = "pages"

    def is_only_shown(self, session: UserSession, key: str) -> bool:
        """Return whether it is that field."""
        return (session.inputs[key], key) == ("main", "shown")


def test_a_host_knows_more_of_what_was_only_shown() -> None:
    """Whatever the value; what it notes is nothing that users did, what others note is."""
    session = UserSession(inputs={"shown": "main", "a": ""}, extensions={"pages": {"seen": 1}})
    assert is_blank(session, Pages())
    assert not is_blank(session, LocalHost())
    assert not is_blank(session)
    assert not is_blank(UserSession(inputs={"other": "main"}), Pages())
    assert not is_blank(UserSession(extensions={"other": 1}), Pages())


def test_visits_leave_a_session_blank() -> None:
    """Each page notes them as it is shown; how a form is set up is the page's doing, too."""
    session = UserSession(user_id="ada", max_history_size=5)
    session.add_navigation("login", {"from": "shop"})
    session.set_input("note", "")
    form = session.get_form_state("f")
    form.auto_save, form.max_snapshots = False, 3
    session.touch()

    assert is_blank(session)


@pytest.mark.parametrize(
    "fields",
    [
        {"roles": {"admin"}},
        {"permissions": {"read"}},
        {"extensions": {"plugin": {}}},
        {"cache_keys": {"key"}},
        {"cache_dependencies": {"key": set()}},
        {"unknown": {"core": {"later": 1}}},
        {"theme": "dark"},
        {"language": "en"},
        {"timezone": "UTC"},
        {"form_states": {"f": "no form"}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_all_else_is_something(fields: dict[str, Any]) -> None:
    """Somebody, or something, put it there."""
    assert not is_blank(UserSession(**fields))


def _snapshot(form: FormState) -> None:
    form.snapshot()


def _undo(form: FormState) -> None:
    form.data = {"a": 1}
    form.snapshot()
    form.data = {}
    form.undo()
    form.data, form.snapshots = {}, []


def _complain(form: FormState) -> None:
    form.errors["a"] = ["is needed"]


def _know_more(form: FormState) -> None:
    form.unknown["later"] = 1


@pytest.mark.parametrize("work", [_snapshot, _undo, _complain, _know_more])
def test_work_in_a_form_is_something(work: Callable[[FormState], None]) -> None:
    """Steps, steps taken back, errors, and what a newer release keeps."""
    session = form_of()
    work(session.form_states["f"])

    assert not is_blank(session)


def test_each_field_of_a_session_was_thought_of() -> None:
    """A field that is new either holds what somebody did or does not: say so here."""
    counted = {"roles", "permissions", "inputs", "form_states", "cache_keys", "cache_dependencies"}
    counted |= {"theme", "language", "timezone", "extensions", "unknown"}
    passed_over = {"activity", "session_id", "user_id", "authenticated", "dirty_forms", "lock"}
    passed_over |= {"navigation_history", "page_views", "interaction_count", "max_history_size"}
    passed_over |= {"created_at", "last_activity", "version", "save_id", "forms_asked_for"}
    passed_over |= {"not_kept"}

    assert counted | passed_over == {field.name for field in attrs.fields(UserSession)}
