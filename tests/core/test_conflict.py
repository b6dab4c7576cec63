# SPDX-License-Identifier: Apache-2.0
"""A plain function as conflict strategy, and a report that is worked out late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sessionkit import Conflict, SessionManager, UserSession, load_settings
from sessionkit.conflict import (
    ConflictReport,
    FieldDecision,
    FunctionStrategy,
    as_strategy,
    name_of,
)
from sessionkit.events import ConflictResolved, SessionEvent
from sessionkit.merge.strategies import Merge
from sessionkit.plugins import Plugins


def keep_both_names(conflict: Conflict) -> UserSession:
    """Decide one field, and leave the rest to the merge."""
    result = conflict.merged()
    result.inputs["name"] = f"{conflict.theirs.inputs['name']} and {conflict.ours.inputs['name']}"
    return result


Managed = Callable[..., SessionManager]


@pytest.fixture(name="managed")
def _managed() -> Iterator[Managed]:
    """Return a function that makes managers in memory; they are closed after the test."""
    made: list[SessionManager] = []

    def managed(**code: Any) -> SessionManager:
        settings = load_settings(storage="memory", security={"secret_key": "k" * 16}, **code)
        made.append(SessionManager(settings))
        return made[-1]

    yield managed
    for manager in made:
        manager.close()


def _two_writers(manager: SessionManager) -> UserSession:
    """Let two writers change the same field and one of their own, and return what is stored."""
    repository = manager.repository
    repository.save(UserSession(session_id="s", inputs={"name": "?", "n": 1}))
    tabs = [repository.load("s"), repository.load("s")]
    for number, tab in enumerate(tabs):
        assert tab is not None
        tab.inputs["name"] = f"tab {number}"
        tab.inputs["n"] += 1
        tab.inputs[f"own {number}"] = True
        repository.save(tab)
    stored = repository.load("s")
    assert stored is not None
    return stored


def test_a_function_decides_one_field_and_leaves_the_rest(managed: Managed) -> None:
    """``conflict.merged()`` is what ``merge`` would store, policies included."""
    stored = _two_writers(
        managed(conflict_strategy=keep_both_names, conflict={"fields": {"inputs.n": "sum"}})
    )

    expected = {"name": "tab 0 and tab 1", "n": 3, "own 0": True, "own 1": True}
    assert expected == stored.inputs


def test_events_name_the_function(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads the log finds who decided."""
    told: list[SessionEvent] = []
    monkeypatch.setattr(Plugins, "emit", lambda _, event: told.append(event))

    _two_writers(managed(conflict_strategy=keep_both_names))

    assert ["keep_both_names"] == [
        event.strategy for event in told if isinstance(event, ConflictResolved)
    ]


def _made_anew(text: str) -> Callable[[Conflict], UserSession]:
    def decide(conflict: Conflict) -> UserSession:
        conflict.theirs.theme = text
        return conflict.theirs

    return decide


def test_a_function_that_is_defined_again_is_the_same() -> None:
    """A Streamlit script defines it at each rerun: the settings are equal all the same."""
    assert FunctionStrategy(_made_anew("dark")) == FunctionStrategy(_made_anew("dark"))
    assert FunctionStrategy(_made_anew("dark")) != FunctionStrategy(_made_anew("light"))
    assert FunctionStrategy(_made_anew("dark")) != FunctionStrategy(keep_both_names)
    assert load_settings(conflict_strategy=_made_anew("x")) == load_settings(
        conflict_strategy=_made_anew("x")
    )


def test_an_object_that_resolves_is_taken_as_it_is() -> None:
    """A strategy may be handed over as well as named."""
    strategy = Merge()

    assert strategy is as_strategy(strategy)
    assert "Merge" == name_of(strategy)
    assert strategy is load_settings(conflict_strategy=strategy).conflict_strategy


def test_a_report_is_worked_out_when_it_is_looked_at() -> None:
    """And once."""
    asked: list[int] = []

    def find() -> tuple[FieldDecision, ...]:
        asked.append(1)
        return ()

    report = ConflictReport(find)
    assert [] == asked
    assert report.fields == report.fields
    assert [1] == asked
