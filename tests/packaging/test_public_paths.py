# SPDX-License-Identifier: Apache-2.0
"""Paths, hooks, entry points and settings that apps, plugins and config files name: they stay."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import attrs
import pytest

from sessionkit import Settings, hookspecs

PATHS = {
    "sessionkit.cli": ["main"],
    "sessionkit.conflict": ["Conflict", "ConflictStrategy"],
    "sessionkit.defaults.hooks": [],
    "sessionkit.errors": ["ConflictError", "RejectedError", "SessionKitError", "UnavailableError"],
    "sessionkit.events": ["ConflictResolved", "SessionEvent"],
    "sessionkit.hookspecs": ["hookimpl", "hookspec"],
    "sessionkit.host": ["Host"],
    "sessionkit.persistence": ["SessionPersistence"],
    "sessionkit.plugins": ["Plugins"],
    "sessionkit.records": ["SessionHead", "SessionPage", "SessionWrite", "StoredSession"],
    "sessionkit.serializer": ["Serializer"],
    "sessionkit.session": ["UserSession"],
    "sessionkit.settings": ["Settings", "load_settings"],
    "sessionkit.storage": [
        "BatchStorage",
        "HeadStorage",
        "SetupStorage",
        "Storage",
        "WatchStorage",
    ],
    "sessionkit.testing": [
        "ConflictStrategyConformance",
        "HostConformance",
        "SerializerConformance",
        "StorageConformance",
        "StorageProcessConformance",
        "conflict_between",
    ],
    "sessionkit.tokens": ["Tokens"],
    "sessionkit.values": ["Kinds", "from_tagged", "to_tagged"],
    "sessionkit_redis.hooks": [],
    "sessionkit_redis.storage": ["RedisStorage"],
    "sessionkit_sqlite.hooks": [],
    "sessionkit_sqlite.storage": ["SqlStorage", "SqliteStorage"],
    "sessionkit_streamlit": [
        "NoticeTexts",
        "StatusTexts",
        "app_options",
        "conflict_notice",
        "persist",
        "refresh_fragment",
        "save_status",
    ],
    "sessionkit_streamlit.hooks": [],
}
"""What documents, templates and plugins import, by module."""

HOOKS = {
    "sessionkit_commands",
    "sessionkit_conflict_strategies",
    "sessionkit_event",
    "sessionkit_hosts",
    "sessionkit_serializers",
    "sessionkit_storages",
}

SETTINGS = {
    "": ["storage", "serializer", "conflict_strategy", "plugins"],
    "tables": ["storages", "serializers", "conflict_strategies", "hosts"],
    "conflict": ["fields"],
    "expiry": ["idle", "absolute"],
    "limits": ["session_bytes"],
    "privacy": ["never", "never_also"],
    "persistence": [
        "debounce_ms",
        "max_wait_ms",
        "batch_size",
        "max_pending",
        "max_pending_bytes",
        "when_full",
        "full_timeout_ms",
        "exit_timeout_ms",
        "journal",
        "journal_fsync",
        "refresh",
        "refresh_interval_ms",
        "watch",
    ],
    "security": ["secret_key", "folder"],
}
"""Keys of the config file, by table."""

ENTRY_POINTS = {
    "sessionkit": {"console_scripts": {"sessionkit": "sessionkit.cli:main"}},
    "sessionkit_sqlite": {"sessionkit": {"sqlite": "sessionkit_sqlite.hooks"}},
    "sessionkit_redis": {"sessionkit": {"redis": "sessionkit_redis.hooks"}},
    "sessionkit_streamlit": {"sessionkit": {"streamlit": "sessionkit_streamlit.hooks"}},
}


@pytest.mark.parametrize("module", PATHS)
def test_is_where_it_was(module: str) -> None:
    """Each name can be imported from the module that documents name."""
    found = import_module(module)

    assert [] == [name for name in PATHS[module] if not hasattr(found, name)]


def test_hooks_are_called_as_they_were() -> None:
    """A plugin of the last release offers what it offered."""
    functions = inspect.getmembers(hookspecs, inspect.isfunction)

    assert HOOKS <= {name for name, _ in functions if name.startswith("sessionkit_")}


def test_settings_are_called_as_they_were() -> None:
    """A config file of the last release says what it said."""
    known = attrs.fields_dict(Settings)
    tables = {
        name: attrs.fields_dict(type(default))
        for name, field in known.items()
        if attrs.has(type(default := field.default))
    }

    assert [] == [key for key in SETTINGS[""] + SETTINGS["tables"] if key not in known]
    for table in SETTINGS.keys() - {"", "tables"}:
        assert [] == [key for key in SETTINGS[table] if key not in tables[table]]


def test_entry_points_lead_where_they_led(wheels: dict[str, Any]) -> None:
    """What is installed is found as it was."""
    for name, groups in ENTRY_POINTS.items():
        for group, points in groups.items():
            assert points.items() <= wheels[name].entry_points[group].items()
