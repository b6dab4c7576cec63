# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from sessionkit.errors import ConfigError, DuplicatePluginError, UnknownPluginError
from sessionkit.events import SessionCreated
from sessionkit.plugins import Plugins
from sessionkit.settings import Settings
from sessionkit.settings.settings import ConflictSettings

Install = Callable[..., None]


def test_an_installed_distribution_is_found(install_storage: Install) -> None:
    """Without being given anything, the entry points of sys.path are used."""
    install_storage("mine")

    assert ("opened", "u", 5, "sessions") == Plugins().storage("mine", {"url": "u"})  # type: ignore[comparison-overlap]


def test_a_factory_gets_its_table(install_storage: Install, plugins: Callable[[], Plugins]) -> None:
    """The keys of the table are the factory's keywords."""
    install_storage("mine")

    opened: Any = plugins().storage("mine", {"url": "u", "timeout": 1, "table": "t"})

    assert ("opened", "u", 1, "t") == opened


@pytest.mark.parametrize(
    ("ask", "name", "module", "cls"),
    [
        ("storage", "memory", "defaults.memory", "MemoryStorage"),
        ("serializer", "msgpack", "defaults.msgpack", "MsgpackSerializer"),
        ("serializer", "json", "defaults.json", "JsonSerializer"),
        ("conflict_strategy", "merge", "merge.strategies", "Merge"),
        ("conflict_strategy", "ask", "merge.strategies", "Ask"),
        ("conflict_strategy", "last_write_wins", "merge.strategies", "LastWriteWins"),
        ("conflict_strategy", "first_write_wins", "merge.strategies", "FirstWriteWins"),
        ("conflict_strategy", "refuse", "merge.strategies", "Refuse"),
    ],
)
def test_core_comes_in_by_the_same_door(ask: str, name: str, module: str, cls: str) -> None:
    """What this package ships has names like a plugin's."""
    made = getattr(Plugins(entry_points=[]), ask)(name)

    assert (f"sessionkit.{module}", cls) == (type(made).__module__, type(made).__name__)


def test_what_a_plugin_offers_is_told(
    install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """Names by kind, without the kinds that it doesn't offer."""
    install_storage("mine")
    found = plugins()

    assert {"storage": ("mine",)} == found.offers("mine")
    assert {"storage", "serializer", "conflict strategy", "host"} == set(found.offers("defaults"))


def test_nothing_is_looked_up_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finding entry points takes time; making the object and telling nobody doesn't."""
    monkeypatch.setattr("importlib.metadata.entry_points", None)

    Plugins().emit(SessionCreated(session_id="s"))


# -- settings against what is installed -------------------------------------------------


def test_settings_are_checked_without_making_anything(
    install: Install, plugins: Callable[[], Plugins]
) -> None:
    """The storage that is used and its keys; a key that is missing counts, unless tables alone are checked."""
    body = "@hookimpl\ndef sessionkit_storages():\n    return {'mine': lambda *, url: 1 / 0}\n"
    install("x-mine", {"mine": "mine_hooks"}, {"mine_hooks": body})
    found = plugins()

    found.check_settings(Settings(storages={"mine": {"url": "u"}}))
    with pytest.raises(ConfigError, match=r"\[storages\.mine\] url: missing"):
        found.check_settings(Settings(storage="mine"))
    found.check_settings(Settings(storage="mine"), tables_only=True)
    with pytest.raises(ConfigError, match=r"\[storages\.mine\] urll: unknown"):
        found.check_settings(Settings(storages={"mine": {"urll": "u"}}), tables_only=True)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (Settings(serializer="jsn"), UnknownPluginError, "a serializer named 'jsn'"),
        (Settings(conflict_strategy="x"), UnknownPluginError, "a conflict strategy named 'x'"),
        (Settings(hosts={"local": {"a": 1}}), ConfigError, r"\[hosts\.local\] a: unknown"),
        (
            Settings(conflict=ConflictSettings(fields={"inputs": "mien"})),
            ConfigError,
            r"\[conflict\.fields\] 'inputs': 'mien' is no policy",
        ),
    ],
)
def test_whatever_settings_name_is_checked(
    settings: Settings, error: type[Exception], message: str
) -> None:
    """Serializer, strategy, the hosts that are asked about, and policies."""
    with pytest.raises(error, match=message):
        Plugins(entry_points=[]).check_settings(settings, hosts=["local"])


def test_a_strategy_of_code_is_no_matter_of_plugins() -> None:
    """It has no name to look for, and another host's table is nobody's question."""
    settings = Settings(
        conflict_strategy=Plugins(entry_points=[]).conflict_strategy("merge"),
        hosts={"local": {"a": 1}},
    )

    Plugins(entry_points=[]).check_settings(settings)


# -- which storage is used where none is named -----------------------------------------


def test_with_nothing_installed_memory_is_chosen_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The warning says what happens to sessions and what to install."""
    assert "memory" == Plugins(entry_points=[]).choose_storage()

    [record] = caplog.records
    assert ("sessionkit", logging.WARNING) == (record.name, record.levelno)
    assert "no storage is installed: sessions are kept in memory" in record.getMessage()


def test_the_one_that_is_installed_is_chosen(
    install: Install,
    install_storage: Install,
    plugins: Callable[[], Plugins],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Plugins that offer no storage don't count, and a broken one is left out with a warning."""
    install_storage("mine")
    install("x-broken", {"broken": "broken_hooks"}, {"broken_hooks": "import no_such_module"})
    install(
        "x-watch",
        {"watch": "watch_hooks"},
        {"watch_hooks": "@hookimpl\ndef sessionkit_event(): pass"},
    )
    found = plugins()

    assert ("mine", "mine") == (found.choose_storage(), found.choose_storage())
    [record] = caplog.records
    assert "plugin 'broken' of x-broken 1.0 can't be imported" in record.getMessage()


def test_of_several_sqlite_is_chosen_without_importing_any(
    install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """Its entry point is enough."""
    install_storage("mine")
    install_storage("sqlite")

    assert "sqlite" == plugins().choose_storage()
    assert {"mine_hooks", "sqlite_hooks"}.isdisjoint(sys.modules)


def test_sqlite_is_chosen_by_whichever_name_it_comes(
    install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """A plugin of another name may offer it among others."""
    install_storage("sql", "sqlite", "oracle")

    assert "sqlite" == plugins().choose_storage()


def test_the_one_that_has_settings_is_chosen(
    install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """Not another one, of which nobody has said a word; of several that have some, none."""
    install_storage("sqlite", "sql")

    assert "sql" == plugins().choose_storage({"sql": {}})
    with pytest.raises(
        ConfigError, match=r"several storages have settings \(sql, sqlite\).*SESSIONKIT_STORAGE"
    ):
        plugins().choose_storage({"sqlite": {}, "sql": {}})


def test_of_several_others_none_is_chosen(
    install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """The error lists them and says how one is named."""
    install_storage("b")
    install_storage("a")

    with pytest.raises(
        ConfigError, match=r"several storages are installed \(a, b\).*SESSIONKIT_STORAGE"
    ):
        plugins().choose_storage()


# -- observers and commands ------------------------------------------------------------


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


def test_what_ends_a_thread_is_raised_once_all_were_told(
    install: Install, plugins: Callable[[], Plugins]
) -> None:
    """Such as Ctrl-C, or a page that Streamlit stops while an observer draws on it."""
    ending = "@hookimpl\ndef sessionkit_event(event):\n    raise SystemExit('over')\n"
    install("x-a", {"a": "a_hooks"}, {"a_hooks": OBSERVER})
    install("x-b", {"b": "b_hooks"}, {"b_hooks": ending})
    install("x-c", {"c": "c_hooks"}, {"c_hooks": OBSERVER})
    found = plugins()
    found.observe(["a", "b", "c"])

    with pytest.raises(SystemExit, match="over"):
        found.emit(SessionCreated(session_id="s"))

    assert [1, 1] == [len(sys.modules[name].SEEN) for name in ("a_hooks", "c_hooks")]


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
