# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, PackageNotFoundError
from threading import Barrier, Thread
from typing import Any

import pytest

from sessionkit.errors import DuplicatePluginError, PluginError, UnknownPluginError
from sessionkit.plugins import Plugins
from sessionkit.plugins.registry import InstalledPlugin

Install = Callable[..., None]


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


def test_an_entry_point_without_distribution_is_no_error() -> None:
    """Whoever made it is unknown."""
    [_, plugin] = Plugins(entry_points=[EntryPoint("x", "x_hooks", "sessionkit")]).installed()

    assert InstalledPlugin("x", "unknown", "unknown", "x_hooks") == plugin


def test_core_without_metadata_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that was copied rather than installed has no version."""

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)

    assert "unknown" == Plugins(entry_points=[]).installed()[0].version


# -- names that nobody offers, or several do, and plugins that are wrong ---------------


def test_an_unknown_name_is_told_with_the_right_ones() -> None:
    """Kind, name, who said it, the nearest right name and all of them."""
    with pytest.raises(UnknownPluginError) as caught:
        Plugins(entry_points=[]).serializer("JSN", where=lambda key: f"the file ({key})")

    assert (
        "the file (serializer): no installed plugin offers a serializer named 'JSN'; "
        "did you mean 'json'? (available: json, msgpack)"
    ) == str(caught.value)


@pytest.mark.parametrize("name", ["sqlite", "SQLite"])
def test_a_name_of_ours_that_is_not_installed_says_what_to_install(name: str) -> None:
    """The distribution's name differs from the plugin's."""
    with pytest.raises(UnknownPluginError, match="the distribution sessionkit-sqlite brings it"):
        Plugins(entry_points=[]).storage(name)


@pytest.mark.parametrize(
    ("name", "storage", "url"),
    [
        ("postgres", "sql", "postgresql://"),
        ("PostgreSQL", "sql", "postgresql://"),
        ("mariadb", "sql", "mariadb://"),
        ("mysql", "sql", "mysql://"),
        ("valkey", "redis", "redis://"),
        ("sqlite3", "sqlite", "sqlite:///"),
        ("postgresql+psycopg://ada:hidden@db/app", "sql", "postgresql://"),
        ("redis://:hidden@cache:6379", "redis", "redis://"),
        ("sqlite:///sessions.db", "sqlite", "sqlite:///"),
    ],
)
def test_a_server_or_an_address_names_the_storage_that_speaks_to_it(
    name: str, storage: str, url: str
) -> None:
    """With the two lines that are right, who brings it, and no password."""
    with pytest.raises(UnknownPluginError) as caught:
        Plugins(entry_points=[]).storage(name)
    told = str(caught.value)
    assert f'set storage = "{storage}", and url = "{url}' in told
    assert f"in [storages.{storage}]" in told
    assert "by path, no index has it (README.md, Install it)" in told
    assert "hidden" not in told


def test_a_serializer_is_no_server() -> None:
    """The advice is about storages alone."""
    with pytest.raises(UnknownPluginError) as caught:
        Plugins(entry_points=[]).serializer("postgres")
    assert "url" not in str(caught.value)


def test_an_unknown_name_lists_what_others_offer_and_which_are_broken(
    install: Install, install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """The plugin that offers it may be the one that can't be imported."""
    install_storage("mine")
    install("x-broken", {"broken": "broken_hooks"}, {"broken_hooks": "import no_such_module"})

    with pytest.raises(UnknownPluginError, match=r"available: memory, mine") as caught:
        plugins().storage("oracle")

    assert "not loaded: plugin 'broken' of x-broken 1.0 can't be imported" in str(caught.value)


def test_a_plugin_that_cannot_be_imported_is_told(
    install: Install, plugins: Callable[[], Plugins]
) -> None:
    """Plugin, distribution and cause are named, and the cause is there."""
    install("x-broken", {"broken": "broken_hooks"}, {"broken_hooks": "import no_such_module"})
    found = plugins()

    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            found.storage("broken")

        assert (
            "plugin 'broken' of x-broken 1.0 can't be imported: ModuleNotFoundError: "
            "No module named 'no_such_module'"
        ) == str(caught.value)
        assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_plugin_with_a_syntax_error_is_told(
    install: Install, plugins: Callable[[], Plugins]
) -> None:
    """Whatever the import raises becomes a PluginError."""
    install("x-broken", {"broken": "broken_hooks"}, {"broken_hooks": "def"})

    with pytest.raises(PluginError, match="can't be imported: SyntaxError"):
        plugins().load("broken")


def test_a_misspelt_hook_is_refused(
    install: Install, install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """The hook that it might have been is named; afterwards everything else still works."""
    body = "@hookimpl\ndef sessionkit_storage():\n    return {}\n"
    install("x-mine", {"mine": "mine_hooks"}, {"mine_hooks": body})
    install_storage("good")
    found = plugins()

    with pytest.raises(PluginError) as caught:
        found.storage("mine")

    assert str(caught.value).startswith(
        "plugin 'mine' of x-mine 1.0: there is no hook 'sessionkit_storage'; "
        "did you mean 'sessionkit_storages'? (hooks: sessionkit_commands,"
    )
    assert found.storage("good", {"url": "u"}) is not None


def test_a_hook_with_a_wrong_argument_is_refused(
    install: Install, plugins: Callable[[], Plugins]
) -> None:
    """The argument is named, on one line."""
    body = "@hookimpl\ndef sessionkit_event(evnt):\n    pass\n"
    install("x-mine", {"mine": "mine_hooks"}, {"mine_hooks": body})

    with pytest.raises(PluginError, match=r"plugin 'mine' of x-mine 1\.0: .*\{'evnt'\}") as caught:
        plugins().load("mine")

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    raise RuntimeError('bug')", r"sessionkit_storages failed: RuntimeError: bug"),
        ("    return ['mine']", r"sessionkit_storages has to return factories by name, not list"),
    ],
)
def test_a_hook_that_fails_is_told(
    install: Install, plugins: Callable[[], Plugins], body: str, reason: str
) -> None:
    """It is an error for who asks for this plugin, and a warning for who asks for another."""
    source = f"@hookimpl\ndef sessionkit_storages():\n{body}\n"
    install("x-mine", {"mine": "mine_hooks"}, {"mine_hooks": source})
    found = plugins()

    with pytest.raises(PluginError, match=rf"plugin 'mine' of x-mine 1\.0: {reason}"):
        found.storage("mine")
    assert found.storage("memory") is not None


def test_two_distributions_with_one_entry_point_are_an_error_for_who_asks(
    install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """Both are named; neither is imported, and others aren't disturbed."""
    install_storage("one", "mine", plugin="mine")
    install_storage("two", "mine", plugin="mine", version="2.5")
    found = plugins()

    with pytest.raises(DuplicatePluginError) as caught:
        found.storage("mine")

    for part in ("plugin 'mine'", "x-one 1.0 (one_hooks)", "x-two 2.5 (two_hooks)", "uninstall"):
        assert part in str(caught.value)
    assert {"one_hooks", "two_hooks"}.isdisjoint(sys.modules)
    assert found.storage("memory") is not None


def test_two_plugins_that_offer_one_storage_are_an_error_for_who_asks(
    install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """They go by different names of their own, and both offer the same."""
    install_storage("one", "mine")
    install_storage("two", "mine")
    found = plugins()

    with pytest.raises(DuplicatePluginError) as caught:
        found.storage("mine")

    assert (
        "storage 'mine' is offered by plugin 'one' of x-one 1.0 and plugin 'two' of x-two 1.0; "
        "uninstall all but one"
    ) == str(caught.value)
    assert found.storage("memory") is not None


def test_a_stranger_does_not_take_a_name_of_ours(
    install_storage: Install, plugins: Callable[[], Plugins]
) -> None:
    """A plugin that offers a storage called memory is refused together with the core."""
    install_storage("mine", "memory", plugin="memory")

    with pytest.raises(DuplicatePluginError, match=r"of sessionkit-core .* of x-mine"):
        plugins().storage("memory")


def test_a_plugin_without_hooks_is_told(install: Install, plugins: Callable[[], Plugins]) -> None:
    """A function that isn't marked is no hook; without the error it would be passed over."""
    body = "def sessionkit_storages():\n    return {'mine': dict}\n"
    install("x-mine", {"mine": "mine_hooks"}, {"mine_hooks": body})

    with pytest.raises(
        PluginError, match=r"x-mine 1\.0: it implements no hook; mark its functions"
    ):
        plugins().storage("mine")
