# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest

from sessionkit.errors import ConfigError, UnknownPluginError
from sessionkit.plugins import Plugins
from sessionkit.plugins.registry import STORAGE

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


def test_only_the_plugin_that_is_asked_for_is_imported(
    install: Install, install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """A neighbour that can't be imported breaks nothing."""
    install_storage("mine")
    install("x-broken", {"broken": "broken_hooks"}, {"broken_hooks": "import no_such_module"})
    install_storage("other")

    plugins().storage("mine", {"url": "u"})

    assert {"mine_hooks"} == {name for name in sys.modules if name.endswith("_hooks")} & {
        "mine_hooks",
        "broken_hooks",
        "other_hooks",
    }


def test_a_module_with_several_names_is_registered_once(
    install: Install, plugins: Callable[[], Plugins]
) -> None:
    """One distribution offers two storages by two names, from one module."""
    body = "@hookimpl\ndef sessionkit_storages():\n    return {'one': dict, 'two': dict}\n"
    install("x-both", {"one": "both_hooks", "two": "both_hooks"}, {"both_hooks": body})
    found = plugins()

    assert found.storage("one", {"url": "u"}) == found.storage("two", {"url": "u"})
    assert [True, True] == [plugin.loaded for plugin in found.installed()[1:]]


def test_a_name_that_differs_from_its_plugins_is_found(
    install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """A plugin may offer more than its own name; then the others are asked before giving up."""
    install_storage("sql", "oracle")

    opened: Any = plugins().storage("oracle", {"url": "u"})

    assert "opened" == opened[0]


def test_an_object_in_a_module_may_be_the_plugin(
    install: Install, plugins: Callable[[], Plugins]
) -> None:
    """An entry point names a module, or an object in one."""
    body = """\
class _Plugin:
    @hookimpl
    def sessionkit_storages(self):
        return {"mine": lambda: "opened"}

plugin = _Plugin()
"""
    install("x-mine", {"mine": "object_hooks:plugin"}, {"object_hooks": body})

    opened: Any = plugins().storage("mine")

    assert "opened" == opened


def test_threads_that_ask_at_once_load_once(
    install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """Each gets its storage; the plugin is registered once."""
    install_storage("mine")
    found, barrier, opened = plugins(), Barrier(6), list[object]()

    def ask() -> None:
        barrier.wait()
        opened.append(found.storage("mine", {"url": "u"}))

    threads = [Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 6 == len(opened)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"urll": "u"},
            "[storages.mine] urll: unknown; did you mean 'url'? (allowed: table, timeout, url)",
        ),
        ({"url": "u", "zzz": 1}, "[storages.mine] zzz: unknown; allowed: table, timeout, url"),
        ({}, "[storages.mine] url: missing; it has no default (keys: table, timeout, url)"),
    ],
)
def test_a_table_is_checked_against_the_factorys_signature(
    install_storage: Install, plugins: Callable[[], Plugins], table: dict[str, Any], message: str
) -> None:
    """Table, key, who said it, and what would be right."""
    install_storage("mine")
    found, asked = plugins(), []

    def where(key: str) -> str:
        asked.append(key)
        return "the file"

    with pytest.raises(ConfigError) as caught:
        found.storage("mine", table, where=where)

    assert f"the file: {message}" == str(caught.value)
    assert [f"storages.mine.{next(iter(table), 'url') if 'zzz' not in table else 'zzz'}"] == asked
    with pytest.raises(ConfigError) as caught:
        found.storage("mine", table)
    assert message == str(caught.value)


def test_a_table_can_be_checked_without_making_anything(
    install: Install, plugins: Callable[[], Plugins]
) -> None:
    """Name and keys; what the factory gets besides is neither missing nor to be set."""
    body = "@hookimpl\ndef sessionkit_storages():\n    return {'mine': lambda *, own, url: 1 / 0}\n"
    install("x-mine", {"mine": "mine_hooks"}, {"mine_hooks": body})
    found = plugins()
    found.check(STORAGE, "mine", {"url": "u"}, injected=("own",))
    for table, injected in (({"url": "u"}, ()), ({"url": "u", "own": 1}, ("own",))):
        with pytest.raises(ConfigError, match=r"\[storages\.mine\] own"):
            found.check(STORAGE, "mine", table, injected=injected)
    with pytest.raises(UnknownPluginError, match="did you mean 'mine'"):
        found.check(STORAGE, "mien")


def test_a_storage_without_keys_takes_none() -> None:
    """The message says that nothing is allowed."""
    with pytest.raises(ConfigError, match=r"\[storages\.memory\] url: unknown; allowed: none"):
        Plugins(entry_points=[]).storage("memory", {"url": "u"})


def test_a_factory_may_take_any_key(install: Install, plugins: Callable[[], Plugins]) -> None:
    """With **keywords nothing is unknown; without a signature nothing is checked."""
    body = """\
@hookimpl
def sessionkit_storages():
    return {"mine": lambda **keys: keys, "bare": dict}
"""
    install("x-mine", {"mine": "mine_hooks", "bare": "mine_hooks"}, {"mine_hooks": body})
    found = plugins()

    opened: Any = (found.storage("mine", {"a": 1}), found.storage("bare", {"b": 2}))

    assert ({"a": 1}, {"b": 2}) == opened


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
