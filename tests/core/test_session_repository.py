# SPDX-License-Identifier: Apache-2.0
"""Storage, serializer and strategy: each as a name or as an object, wherever an app may hand one in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sessionkit import SessionManager, SessionRepository, UserSession, load_settings
from sessionkit.conflict import Conflict
from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.memory import MemoryStorage
from sessionkit.encoding.packing import unseal
from sessionkit.errors import ConfigError


class Ours:
    """Decides for ours."""

    def resolve(self, conflict: Conflict) -> UserSession:
        """Return ours."""
        return conflict.ours


@pytest.fixture(name="manager", autouse=True)
def _manager(bare: Path) -> Iterator[SessionManager]:
    """Take the place of the default manager."""
    assert bare.is_dir()
    with SessionManager(load_settings(storage="memory")) as manager:
        yield manager


def sealed_by(storage: MemoryStorage) -> set[str]:
    """Return the names of the serializers that sealed what is stored of the session."""
    stored = storage.read("s")
    assert stored is not None
    return {unseal(data).serializer for data in stored.parts.values()}


@pytest.mark.parametrize("serializer", ["json", JsonSerializer()])
def test_a_serializer_is_a_name_or_an_object(serializer: Any) -> None:
    """Records bear the same name, so that each reads what the other wrote."""
    storage = MemoryStorage()
    SessionRepository(storage, serializer).save(UserSession(session_id="s", inputs={"a": (1,)}))
    read = SessionRepository(storage).load("s")

    assert {"json"} == sealed_by(storage)
    assert read is not None
    assert {"a": (1,)} == read.inputs


def test_a_serializer_without_a_name_has_its_class_s() -> None:
    """What is named by nothing else can still be told from others."""

    class Plain:
        dumps = JsonSerializer().dumps
        loads = JsonSerializer().loads

    storage = MemoryStorage()
    SessionRepository(storage, Plain()).save(UserSession(session_id="s"))

    assert {"Plain"} == sealed_by(storage)
    assert SessionRepository(storage, Plain()).load("s") is not None


def test_a_storage_is_a_name_or_an_object(manager: SessionManager) -> None:
    """A name opens what the settings say of it, once."""
    own = MemoryStorage()
    SessionRepository("memory").save(UserSession(session_id="named"))
    SessionRepository(own).save(UserSession(session_id="given"))

    assert manager.repository.load("named") is not None
    assert own.read("given") is not None


@pytest.mark.parametrize("strategy", ["last_write_wins", Ours(), lambda conflict: conflict.ours])
def test_a_strategy_is_a_name_an_object_or_a_function(strategy: Any) -> None:
    """Where a repository is made, and for a single conflict."""
    for single in (False, True):
        storage = MemoryStorage()
        repository = SessionRepository(storage, conflict_strategy=None if single else strategy)
        repository.save(UserSession(session_id="s"))
        mine, other = repository.load("s"), SessionRepository(storage).load("s")
        assert mine is not None
        assert other is not None
        other.theme = "dark"
        SessionRepository(storage).save(other)
        mine.theme = "light"
        if single:
            repository.resolve_conflict("s", mine, strategy=strategy)
        else:
            repository.save(mine)
        stored = repository.load("s")

        assert stored is not None
        assert "light" == stored.theme


@pytest.mark.parametrize("argument", ["storage", "serializer", "conflict_strategy"])
@pytest.mark.parametrize("wrong", [3, b"sqlite", ["sqlite"], object()])
def test_anything_else_is_a_type_error_that_names_the_argument(argument: str, wrong: Any) -> None:
    """Where a repository is made and in the settings; the kind that was given is named, never its value."""
    with pytest.raises(TypeError, match=f"^{argument}: .* is needed, not {type(wrong).__name__}$"):
        SessionRepository(**{argument: wrong})
    with pytest.raises(TypeError, match=rf"configure\(...\): {argument}: .* is needed, not "):
        load_settings(**{argument: wrong})


def test_a_wrong_strategy_for_one_conflict_is_named_too() -> None:
    """The argument has another name there."""
    session = UserSession(session_id="s")
    SessionRepository().save(session)

    with pytest.raises(TypeError, match=r"^strategy: .* is needed, not int"):
        SessionRepository().resolve_conflict("s", session, strategy=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [MemoryStorage, JsonSerializer, Ours])
def test_a_class_is_none_of_them(kind: type) -> None:
    """The message says what would be right."""
    argument = {MemoryStorage: "storage", JsonSerializer: "serializer", Ours: "conflict_strategy"}

    with pytest.raises(TypeError, match=rf"not its class: {kind.__name__}\(\)"):
        SessionRepository(**{argument[kind]: kind})


def test_what_lacks_a_method_is_told_which() -> None:
    """A storage of an older release, or half of one."""

    class Half(MemoryStorage):
        purge = None  # type: ignore[assignment]

    with pytest.raises(
        TypeError, match=r"storage: .* is needed, not Half, which has no method purge"
    ):
        SessionRepository(Half())


def test_a_name_that_no_record_can_bear_is_refused() -> None:
    """Before anything is stored."""

    class Named(JsonSerializer):
        name: Any = "ä"

    with pytest.raises(TypeError, match=r"ASCII characters, which Named\.name is not"):
        SessionRepository(serializer=Named())


def test_objects_in_the_settings_are_used_and_stay_the_caller_s() -> None:
    """A storage that code has opened is not closed with the manager."""

    class Closing(MemoryStorage):
        closed = False

        def close(self) -> None:
            self.closed = True

    storage = Closing()
    with SessionManager(load_settings(storage=storage, serializer=JsonSerializer())) as manager:
        manager.repository.save(UserSession(session_id="s"))

    assert {"json"} == sealed_by(storage)
    assert not storage.closed


def test_it_is_a_config_error_as_well() -> None:
    """Who catches what is wrong with the settings catches this."""
    with pytest.raises(ConfigError):
        load_settings(storage=3)
