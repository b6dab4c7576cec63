# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, PackageNotFoundError

import pytest

from sessionkit.errors import (
    DuplicatePluginError,
    UnknownPluginError,
)
from sessionkit.events import SessionCreated
from sessionkit.plugins import Plugins
from sessionkit.plugins.registry import InstalledPlugin

Install = Callable[..., None]

OBSERVER = """\
SEEN = []

@hookimpl
def sessionkit_event(event):
    SEEN.append(event)
"""


def test_observers_see_events(install: Install, plugins: Callable[[], Plugins]) -> None:
    """A plugin that is named to observe gets every event; before nobody does."""
    install("x-watch", {"watch": "watch_hooks"}, {"watch_hooks": OBSERVER})
    found, event = plugins(), SessionCreated(session_id="s")
    found.emit(event)

    found.observe(["watch", "watch"])
    found.emit(event)

    assert [event] == sys.modules["watch_hooks"].SEEN


def test_an_observers_error_is_logged_and_changes_nothing(
    install: Install, plugins: Callable[[], Plugins], caplog: pytest.LogCaptureFixture
) -> None:
    """The others hear of the event all the same, those before it and those after it."""
    broken = "@hookimpl\ndef sessionkit_event(event):\n    raise RuntimeError('bug')\n"
    install("x-a", {"a": "a_hooks"}, {"a_hooks": OBSERVER})
    install("x-b", {"b": "b_hooks"}, {"b_hooks": broken})
    install("x-c", {"c": "c_hooks"}, {"c_hooks": OBSERVER})
    found = plugins()
    found.observe(["a", "b", "c"])

    found.emit(SessionCreated(session_id="s"))

    assert [1, 1] == [len(sys.modules[name].SEEN) for name in ("a_hooks", "c_hooks")]
    [record] = caplog.records
    assert "plugin 'b' of x-b 1.0 failed to observe SessionCreated" == record.getMessage()
    assert record.exc_info


def test_an_unknown_observer_is_told(plugins: Callable[[], Plugins], install: Install) -> None:
    """Who said it, and the nearest name."""
    install("x-audit", {"audit": "audit_hooks"}, {"audit_hooks": OBSERVER})

    with pytest.raises(UnknownPluginError) as caught:
        plugins().observe(["adit"], where=lambda key: f"the file ({key})")

    assert (
        "the file (plugins): no installed plugin offers a plugin named 'adit'; "
        "did you mean 'audit'? (available: audit)"
    ) == str(caught.value)


def test_commands_of_all_plugins_are_offered(
    install: Install, plugins: Callable[[], Plugins], caplog: pytest.LogCaptureFixture
) -> None:
    """A broken plugin is logged; a name that two offer is an error for who runs it."""
    body = (
        "@hookimpl\ndef sessionkit_commands():\n    return {'both': str, 'NAME': lambda: 'NAME'}\n"
    )
    for name in ("one", "two"):
        install(f"x-{name}", {name: f"{name}_hooks"}, {f"{name}_hooks": body.replace("NAME", name)})
    install("x-broken", {"broken": "broken_hooks"}, {"broken_hooks": "import no_such_module"})

    commands = plugins().commands()

    assert ["both", "one", "two"] == sorted(commands)
    assert "one" == commands["one"]()
    with pytest.raises(DuplicatePluginError, match="command 'both' is offered by"):
        commands["both"]()
    assert ["sessionkit"] == [record.name for record in caplog.records]


def test_what_is_installed_is_listed_without_importing(
    install: Install, install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """This package's own plugin comes first, then all others by name."""
    install_storage("mine", version="3.1")
    install("x-broken", {"broken": "broken_hooks"}, {"broken_hooks": "import no_such_module"})
    found = plugins()

    core, broken, mine = found.installed()

    assert ("defaults", "sessionkit-core", True) == (core.name, core.distribution, core.loaded)
    assert InstalledPlugin("broken", "x-broken", "1.0", "broken_hooks") == broken
    assert InstalledPlugin("mine", "x-mine", "3.1", "mine_hooks") == mine
    assert {"mine_hooks", "broken_hooks"}.isdisjoint(sys.modules)


def test_what_was_loaded_and_what_failed_is_listed(
    install: Install, install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """After loading, the list says so, and why one could not be."""
    install_storage("mine")
    install("x-broken", {"broken": "broken_hooks"}, {"broken_hooks": "import no_such_module"})
    found = plugins()
    found.commands()

    _, broken, mine = found.installed()

    assert (False, True) == (broken.loaded, mine.loaded)
    assert "No module named 'no_such_module'" in (broken.error or "")
    assert mine.error is None


def test_what_a_plugin_offers_is_told(
    install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """Names by kind, without the kinds that it doesn't offer."""
    install_storage("mine")
    found = plugins()

    assert {"storage": ("mine",)} == found.offers("mine")
    assert {"storage", "serializer", "conflict strategy", "host"} == set(found.offers("defaults"))


def test_an_entry_point_without_distribution_is_no_error() -> None:
    """Whoever made it is unknown."""
    [_, plugin] = Plugins(entry_points=[EntryPoint("x", "x_hooks", "sessionkit")]).installed()

    assert InstalledPlugin("x", "unknown", "unknown", "x_hooks") == plugin


def test_nothing_is_looked_up_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finding entry points takes time; making the object and telling nobody doesn't."""
    monkeypatch.setattr("importlib.metadata.entry_points", None)

    Plugins().emit(SessionCreated(session_id="s"))


def test_core_without_metadata_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that was copied rather than installed has no version."""

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)

    assert "unknown" == Plugins(entry_points=[]).installed()[0].version
