# SPDX-License-Identifier: Apache-2.0
"""The manager that the module-level functions use: configured once, or that of a with block."""

from __future__ import annotations

from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from session_harness.servers import SECRET

from sessionkit import (
    SessionManager,
    bootstrap_session,
    configure,
    get_manager,
)
from sessionkit.errors import (
    ConfigError,
    SessionKitError,
)
from sessionkit.settings import Settings
from sessionkit.settings.settings import SecuritySettings


def in_memory() -> Settings:
    """Return settings that leave nothing behind."""
    return Settings(storage="memory", security=SecuritySettings(secret_key=SECRET))


# -- the manager in force ------------------------------------------------------


def test_a_process_has_one_manager(fresh_process: Path) -> None:
    """Made when it is first asked for, by whichever thread; nothing is opened yet."""
    barrier, found = Barrier(4), []

    def ask() -> None:
        barrier.wait()
        found.append(get_manager())

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 == len(set(map(id, found)))
    assert [] == list(fresh_process.iterdir())


def test_equal_settings_return_the_same_manager(fresh_process: Path) -> None:
    """A page calls configure at every rerun."""
    first = configure(storage="memory", persistence={"debounce_ms": 100})
    again = configure(persistence={"debounce_ms": 100}, storage="memory")

    assert first is again is get_manager()
    assert 100 == first.settings.persistence.debounce_ms
    assert fresh_process.exists()


@pytest.mark.usefixtures("fresh_process")
def test_different_settings_are_an_error() -> None:
    """They would be ignored in silence otherwise; the manager stays as it was."""
    first = configure(storage="memory")

    with pytest.raises(ConfigError, match=r"configure\(\.\.\.\) came too late"):
        configure(storage="memory", serializer="json")
    assert first is get_manager()


@pytest.mark.usefixtures("fresh_process")
def test_settings_after_the_first_use_are_an_error() -> None:
    """The manager in use has others."""
    get_manager()

    with pytest.raises(ConfigError, match="came too late"):
        configure(storage="memory")


@pytest.mark.usefixtures("fresh_process")
def test_the_error_shows_no_secret() -> None:
    """Though it shows the settings that are in use."""
    configure(storage="memory", security={"secret_key": SECRET})

    with pytest.raises(ConfigError) as caught:
        configure(storage="sqlite", security={"secret_key": SECRET})
    assert SECRET not in str(caught.value)


@pytest.mark.usefixtures("fresh_process")
def test_a_manager_as_context_takes_the_place_of_the_default_one() -> None:
    """Inside, and nowhere else; contexts nest."""
    default = configure(storage="memory")
    with SessionManager(in_memory()) as outer:
        assert outer is get_manager()
        with SessionManager(in_memory()) as inner:
            assert inner is get_manager()
        assert outer is get_manager()
        session = bootstrap_session()
        assert session is outer.current()
        assert default is _manager_of_another_thread()

    assert default is get_manager()
    with pytest.raises(SessionKitError, match="close"):
        outer.schedule_save(session)


def _manager_of_another_thread() -> SessionManager:
    seen: list[SessionManager] = []
    thread = Thread(target=lambda: seen.append(get_manager()))
    thread.start()
    thread.join()
    (manager,) = seen
    return manager


@pytest.mark.usefixtures("fresh_process")
def test_a_manager_as_context_counts_in_all_threads_while_there_is_no_default_one() -> None:
    """A test's page runs in a thread that the test did not start."""
    with SessionManager(in_memory()) as outer:
        with SessionManager(in_memory()) as inner:
            assert inner is _manager_of_another_thread()
        assert outer is _manager_of_another_thread()

    default = configure(storage="memory")
    assert default is _manager_of_another_thread()


@pytest.mark.usefixtures("fresh_process")
def test_configure_leaves_a_manager_as_context_in_force() -> None:
    """In its own thread and in others, as get_manager finds it; what is said is checked all the same."""
    found: list[SessionManager] = []
    with SessionManager(in_memory()) as manager:
        ask = Thread(target=lambda: found.append(configure(storage="memory", serializer="json")))
        ask.start()
        ask.join()
        assert [manager] == found
        assert manager is configure(serializer="json") is get_manager()
        with pytest.raises(ConfigError, match="serialiser"):
            configure(serialiser="json")

    assert manager is not configure(storage="memory")


@pytest.mark.usefixtures("fresh_process")
def test_a_manager_as_context_is_closed_after_an_error_too() -> None:
    """And gives the place back."""
    default = configure(storage="memory")

    with pytest.raises(ZeroDivisionError), SessionManager(in_memory()) as inside:
        raise ZeroDivisionError

    assert default is get_manager()
    with pytest.raises(SessionKitError, match="close"):
        inside.persist_input("name", "Ada")


# -- what a page defines, and gives to configure -------------------------------

PAGE = """
import enum
import functools

class Size(enum.Enum):
    SMALL = "s"

class Newer:
    def resolve(self, conflict):
        return conflict.theirs

def cart(what, conflict):
    return conflict.merged()
"""


def settings_of_a_run(page: str, keys: str) -> dict[str, Any]:
    """Return what one more run of a page gives to configure."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(f"{page}\nkeys = dict(storage='memory', {keys})", "page.py", "exec"), names)  # noqa: S102 - the page of this test
    keywords: dict[str, Any] = names["keys"]
    return keywords | {"Size": names["Size"]}


@pytest.mark.parametrize(
    "keys",
    [
        "serializers={'msgpack': {'enums': [Size]}}",
        "conflict_strategy=Newer()",
        "conflict_strategy=functools.partial(cart, 'x')",
        "conflict_strategy=lambda conflict: conflict.ours",
        "conflict_strategy=Newer().resolve",
    ],
)
@pytest.mark.usefixtures("fresh_process")
def test_a_page_that_is_rerun_unchanged_has_the_same_settings(keys: str) -> None:
    """Though each run makes its classes and functions anew; a page that was changed is told what differs."""
    first, again = settings_of_a_run(PAGE, keys), settings_of_a_run(PAGE, keys)
    changed = PAGE.replace("conflict.theirs", "None").replace('"s"', '"S"')
    changed = changed.replace("conflict.merged()", "None")
    other = settings_of_a_run(changed, keys.replace("conflict.ours", "None"))
    for one in (first, again, other):
        del one["Size"]

    assert configure(**first) is configure(**again)
    key = keys.partition("=")[0]
    with pytest.raises(ConfigError, match=rf"came too late.*: {key} differs; .*restart"):
        configure(**other)


@pytest.mark.usefixtures("fresh_process")
def test_an_enum_of_a_page_is_kept_in_each_run() -> None:
    """Its members are those of another class each time, with the same names."""
    for _ in range(3):
        run = settings_of_a_run(PAGE, "serializers={'msgpack': {'enums': [Size]}}")
        size = run.pop("Size").SMALL
        manager = configure(**run)
        session = manager.bootstrap()
        session.inputs["size"] = size
        manager.save(session, immediate=True)
        assert "saved" == manager.save_status(session).state
