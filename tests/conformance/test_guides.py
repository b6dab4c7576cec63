# SPDX-License-Identifier: Apache-2.0
"""The plugins that ``docs/`` shows pass the suites that it tells their authors to run."""

from __future__ import annotations

import inspect
import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

from sessionkit import SessionManager, events, load_settings, save_session
from sessionkit.conflict import ConflictStrategy
from sessionkit.plugins import Plugins
from sessionkit.testing import ConflictStrategyConformance

DOCS = Path(__file__).parents[2] / "docs"


def _shown(document: str) -> dict[str, Any]:
    """Return what a document defines in its blocks with classes."""
    text = (DOCS / document).read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": __name__}
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if "class " in code:
            exec(compile(code, document, "exec"), names)  # noqa: S102 - our own documentation
    return names


PLUGINS = _shown("plugins.md")

TestZipped = PLUGINS["TestZipped"]
TestOneTheme = PLUGINS["TestOneTheme"]
TestPageHost = PLUGINS["TestPageHost"]

OurTheme = _shown("conflicts.md")["OurTheme"]


class TestOurTheme(ConflictStrategyConformance):
    """The strategy that ``conflicts.md`` shows."""

    merges = True

    @pytest.fixture
    def strategy(self) -> ConflictStrategy:
        """Return the strategy under test."""
        return OurTheme()


# -- observers -----------------------------------------------------------------------------------


def _row(event: type[events.SessionEvent]) -> str:
    """Return what the table of ``plugins.md`` says of an event: as its class does."""
    fields = ", ".join(f"`{field.name}`" for field in attrs.fields(event)[1:])
    said = str(inspect.getdoc(event)).splitlines()[0].rstrip(".")
    return f"| `{event.__name__}` | {fields} | {said} |".replace("|  |", "| |")


def test_the_guide_lists_all_events_with_their_fields() -> None:
    """In the order of the module, and none besides."""
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if re.match(r"\| `[A-Z]\w+` \|", line)]

    assert [_row(event) for event in events.SessionEvent.__subclasses__()] == listed


def test_the_observer_that_the_guide_shows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named in the settings, found by its entry point, and hears of a save."""
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    shown = text[text.index("\n## An observer\n") :]
    [code, *_] = re.findall(r"^```python\n(.*?)^```$", shown, re.MULTILINE | re.DOTALL)
    module = ModuleType("counting_hooks")
    exec(compile(code, "plugins.md", "exec"), vars(module))  # noqa: S102 - our own documentation
    monkeypatch.setitem(sys.modules, module.__name__, module)
    plugins = Plugins(entry_points=[EntryPoint("counting", module.__name__, "sessionkit")])
    settings = load_settings(storage="memory", plugins=["counting"])

    with SessionManager(settings, plugins=plugins) as manager:
        save_session(manager.bootstrap(), immediate=True)

    assert {"SessionCreated": 1, "SessionSaved": 1} == module.happened
