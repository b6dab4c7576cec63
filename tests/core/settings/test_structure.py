# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sessionkit.errors import ConfigError
from sessionkit.settings import Settings, load_settings
from sessionkit.settings.settings import PersistenceSettings


@pytest.fixture(autouse=True)
def _alone(bare: Path) -> None:
    """Every test begins without file and variables."""
    assert [] == list(bare.iterdir())


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            {"storag": "x"},
            "storag: unknown; did you mean 'storage'? (allowed: conflict, conflict_strategies,",
        ),
        ({"source": "x"}, "source: unknown;"),
        ({"origins": {}}, "origins: unknown;"),
        ({"persistense": {}}, "persistense: unknown; did you mean 'persistence'?"),
        (
            {"persistence": {"debounce": 1}},
            "persistence.debounce: unknown; did you mean 'debounce_ms'? (allowed: batch_size, debounce_ms, exit_timeout_ms,",
        ),
        ({"persistence": {"debounce": {"x": 1}}}, "persistence.debounce: unknown; did you mean"),
        ({"persistence": {"zzz": 1}}, "persistence.zzz: unknown; allowed: batch_size,"),
        ({"storage": 3}, "storage: the name of a storage, or an open storage, is needed, not int"),
        ({"storage": " "}, "storage: the name of an installed plugin is needed, not an empty text"),
        (
            {"serializer": None},
            "serializer: the name of a serializer, or a serializer, is needed, not NoneType",
        ),
        (
            {"conflict_strategy": 3},
            "conflict_strategy: the name of a conflict strategy, a function of a conflict, or",
        ),
        (
            {"conflict_strategy": int},
            "conflict_strategy: an object is needed, not its class: int()",
        ),
        ({"storage": {"a": 1}}, "storage: a single value is needed, not a table"),
        ({"plugins": "audit"}, "plugins: a list of names is needed, not str 'audit'"),
        ({"plugins": ["audit", 3]}, "plugins: a text is needed, not int"),
        ({"plugins": [""]}, "plugins: the name of an installed plugin is needed"),
        ({"persistence": 3}, "persistence: a table is needed, not int"),
        (
            {"persistence": {"debounce_ms": "100"}},
            "persistence.debounce_ms: a whole number is needed, not str '100'",
        ),
        (
            {"persistence": {"debounce_ms": True}},
            "persistence.debounce_ms: a whole number is needed, not bool True",
        ),
        (
            {"persistence": {"debounce_ms": 0.5}},
            "persistence.debounce_ms: a whole number is needed, not float 0.5",
        ),
        (
            {"persistence": {"debounce_ms": -1}},
            "persistence.debounce_ms: a whole number from 0 to 2147483647 is needed, not -1",
        ),
        (
            {"persistence": {"batch_size": 0}},
            "persistence.batch_size: a whole number from 1 to 100000 is needed, not 0",
        ),
        (
            {"persistence": {"debounce_ms": {"x": 1}}},
            "persistence.debounce_ms: a single value is needed, not a table",
        ),
        (
            {"persistence": {"max_pending": 0}},
            "persistence.max_pending: a whole number from 1 to 2147483647 is needed, not 0",
        ),
        (
            {"persistence": {"when_full": "drop"}},
            "persistence.when_full: 'block' or 'raise' is needed, not 'drop'",
        ),
        ({"persistence": {"journal": 3}}, "persistence.journal: a text is needed, not int"),
        (
            {"persistence": {"when_full": "spill"}},
            "persistence.when_full: 'spill' is there no more: take 'block' or 'raise', and let more wait",
        ),
        (
            {"persistence": {"refresh": "always"}},
            "persistence.refresh: 'rerun' or 'never' is needed, not 'always'",
        ),
        ({"persistence": {"refresh": False}}, "persistence.refresh: a text is needed, not bool"),
        (
            {"persistence": {"refresh_interval_ms": -1}},
            "persistence.refresh_interval_ms: a whole number from 0",
        ),
        (
            {"persistence": {"watch": "yes"}},
            "persistence.watch: true or false is needed, not str 'yes'",
        ),
        ({"persistence": {"watch": 1}}, "persistence.watch: true or false is needed, not int 1"),
        ({"limits": {"session_bytes": 10}}, "limits.session_bytes: a whole number from 1024 to"),
        (
            {"expiry": {"idle": 5}},
            "expiry.idle: a duration with its unit, such as '24h' or 'never', is needed, not int 5",
        ),
        ({"expiry": {"idle": "5"}}, "expiry.idle: '5' is no duration; write a number and a unit"),
        (
            {"expiry": {"idle": "0s"}},
            "expiry.idle: a duration above zero and up to 36500d is needed, or 'never'",
        ),
        ({"expiry": {"idle": timedelta(days=-1)}}, "expiry.idle: a duration above zero"),
        (
            {"expiry": {"absolute": "99999d"}},
            "expiry.absolute: a duration above zero and up to 36500d",
        ),
        ({"storages": 3}, "storages: a table is needed, not int"),
        ({"storages": {"sqlite": "x"}}, "storages.sqlite: a table is needed, not str"),
        ({"storages": {3: {"x": 1}}}, "storages: keys are text, not int"),
        ({"security": {"folder": 3}}, "security.folder: a text is needed, not int"),
    ],
)
def test_what_is_wrong_in_code_is_told(code: dict[str, Any], message: str) -> None:
    """The message names the call, the key by its path, and what would be right."""
    with pytest.raises(ConfigError) as caught:
        load_settings(**code)

    assert str(caught.value).startswith(f"configure(...): {message}")


def test_what_is_wrong_in_a_file_is_told_with_the_file(write: Callable[..., Path]) -> None:
    """The same, with the file's path."""
    path = write("[persistence]\ndebouncems = 3\n")

    with pytest.raises(ConfigError) as caught:
        load_settings()

    assert str(caught.value).startswith(
        f"{path}: persistence.debouncems: unknown; did you mean 'debounce_ms'?"
    )


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("STORAGES_REDIS_URL", "STORAGES__REDIS__URL"),
        ("STORAGES__REDIS_URL", "STORAGES__REDIS__URL"),
        ("PERSISTENCE_DEBOUNCE_MS", "PERSISTENCE__DEBOUNCE_MS"),
        ("PERSISTENCE__DEBOUNCE__MS", "PERSISTENCE__DEBOUNCE_MS"),
        ("CONFLICT__STRATEGY", "CONFLICT_STRATEGY"),
        ("CONFLICT_FIELDS_INPUTS", "CONFLICT__FIELDS__INPUTS"),
        ("HOSTS_STREAMLIT_COOKIE_PATH", "HOSTS__STREAMLIT__COOKIE_PATH"),
        ("_STORAGE", "STORAGE"),
    ],
)
def test_a_variable_with_an_underscore_too_few_or_too_many_is_told_the_right_name(
    monkeypatch: pytest.MonkeyPatch, name: str, right: str
) -> None:
    """Two underscores lead into a table, one is part of a name."""
    monkeypatch.setenv(f"SESSIONKIT_{name}", "1")
    with pytest.raises(ConfigError, match=f"did you mean 'SESSIONKIT_{right}'") as caught:
        load_settings()
    assert str(caught.value).startswith(f"environment variable SESSIONKIT_{name}: ")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("SESSIONKIT_STORAG", "x", "storag: unknown; did you mean 'SESSIONKIT_STORAGE'?"),
        ("SESSIONKIT_SECRET", "x", "secret: unknown;"),
        (
            "SESSIONKIT_PERSISTENCE__DEBOUNCE",
            "1",
            "persistence.debounce: unknown; did you mean 'SESSIONKIT_PERSISTENCE__DEBOUNCE_MS'?",
        ),
        (
            "SESSIONKIT_PERSISTENCE__DEBOUNCE_MS",
            "soon",
            "persistence.debounce_ms: a whole number is needed, not str 'soon'",
        ),
        (
            "SESSIONKIT_PERSISTENCE__DEBOUNCE_MS",
            "-1",
            "persistence.debounce_ms: a whole number from 0",
        ),
        (
            "SESSIONKIT_PERSISTENCE__DEBOUNCE_MS",
            "",
            "persistence.debounce_ms: a whole number is needed",
        ),
        (
            "SESSIONKIT_PERSISTENCE__WATCH",
            "maybe",
            "persistence.watch: true or false is needed, not str 'maybe'",
        ),
        (
            "SESSIONKIT_PERSISTENCE",
            "1",
            "persistence: a table is needed, not str; set its keys, as in SESSIONKIT_PERSISTENCE__KEY",
        ),
        (
            "SESSIONKIT_STORAGES__SQLITE",
            "1",
            "storages.sqlite: a table is needed, not str; set its keys, as in SESSIONKIT_STORAGES__SQLITE__KEY",
        ),
        (
            "SESSIONKIT_STORAGE",
            "",
            "storage: the name of an installed plugin is needed, not an empty text",
        ),
        ("SESSIONKIT_EXPIRY__IDLE", "1 day", "expiry.idle: '1 day' is no duration"),
        ("SESSIONKIT_", "1", ": unknown;"),
    ],
)
def test_what_is_wrong_in_a_variable_is_told_with_its_name(
    name: str, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, with the variable; a right name is shown as a variable too."""
    monkeypatch.setenv(name, text)

    with pytest.raises(ConfigError) as caught:
        load_settings()

    assert str(caught.value).startswith(f"environment variable {name}: {message}")


def test_settings_built_by_hand_are_checked_too() -> None:
    """The classes themselves refuse what no source may say."""
    with pytest.raises(ConfigError, match="a whole number from 0"):
        PersistenceSettings(debounce_ms=-1)


def test_tables_cannot_be_changed_afterwards() -> None:
    """Settings are shared by every thread."""
    given_by_hand = {"sqlite": {"url": "a"}}
    loaded = Settings(storages=given_by_hand)
    given_by_hand["sqlite"]["url"] = "b"

    assert "a" == loaded.storages["sqlite"]["url"]
    with pytest.raises(TypeError):
        loaded.storages["sqlite"]["url"] = "b"  # type: ignore[index]


VARIABLES = [
    f"SESSIONKIT_{key}"
    for key in ("STORAGE", "PLUGINS", "STORAGES__X__Y", "LIMITS__SESSION_BYTES", "EXPIRY__IDLE")
]

KEY_TEXT = st.sampled_from(
    [
        "storage",
        "storages",
        "persistence",
        "debounce_ms",
        "expiry",
        "idle",
        "security",
        "secret_key",
        "plugins",
        "x",
    ]
) | st.text(max_size=3)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEY_TEXT, inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEY_TEXT, VALUES, max_size=3))
@example({"storages": {"": {"": {}}}})
def test_whatever_code_says_is_taken_or_refused(code: dict[str, Any]) -> None:
    """Nothing but a ConfigError is raised."""
    with suppress(ConfigError):
        assert isinstance(load_settings(**code), Settings)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(VARIABLES),
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
)
def test_whatever_a_variable_holds_is_taken_or_refused(name: str, text: str) -> None:
    """Nothing but a ConfigError is raised, for each kind of key."""
    with pytest.MonkeyPatch.context() as patch, suppress(ConfigError):
        patch.setenv(name, text)
        assert isinstance(load_settings(), Settings)
