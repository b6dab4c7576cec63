# SPDX-License-Identifier: Apache-2.0
"""
Sessions that survive: what a user did and typed, kept through refresh, restart and redeploy.

The public names; each module is imported when one of its names is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sessionkit.api import (
        bootstrap_session,
        cleanup_expired_sessions,
        end_device,
        end_session,
        get_current_session,
        init_session_tables,
        list_devices,
        list_sessions,
        log_in,
        log_out,
        persist_input,
        recover_session,
        revoke_sessions,
        rotate_session,
        save_session,
    )
    from sessionkit.conflict import Conflict, ConflictReport, ConflictStrategy, FieldDecision
    from sessionkit.errors import (
        ConfigError,
        ConflictError,
        DuplicatePluginError,
        InvalidSessionIdError,
        InvalidTokenError,
        NewerFormatError,
        PartlySavedError,
        PluginError,
        QueueFullError,
        RejectedError,
        RestoreRefusedError,
        SerializationError,
        SessionGoneError,
        SessionKitError,
        ShareGoneError,
        ShareRefusedError,
        StorageError,
        UnavailableError,
        UnclearError,
        UnknownPluginError,
    )
    from sessionkit.hookspecs import hookimpl
    from sessionkit.host import Host
    from sessionkit.manager.copies import SharedCopy
    from sessionkit.manager.default_manager import configure, get_manager
    from sessionkit.manager.lifecycle import SessionSummary
    from sessionkit.manager.manager import SessionManager
    from sessionkit.persistence.exits import install_signal_handlers
    from sessionkit.persistence.persistence import SessionPersistence
    from sessionkit.persistence.queue import QueueLimits
    from sessionkit.records import SessionHead, SessionPage, SessionWrite, StoredSession
    from sessionkit.serializer import Serializer
    from sessionkit.session.forms import FormSnapshot, FormState
    from sessionkit.session.session import NavigationEntry, NotKept, Origin, UserSession
    from sessionkit.session_repository import SessionRepository
    from sessionkit.settings.settings import Settings, load_settings
    from sessionkit.status import PersistenceStatus, RejectedSave
    from sessionkit.storage import BatchStorage, HeadStorage, SetupStorage, Storage, WatchStorage

__all__ = [
    "BatchStorage",
    "ConfigError",
    "Conflict",
    "ConflictError",
    "ConflictReport",
    "ConflictStrategy",
    "DuplicatePluginError",
    "FieldDecision",
    "FormSnapshot",
    "FormState",
    "HeadStorage",
    "Host",
    "InvalidSessionIdError",
    "InvalidTokenError",
    "NavigationEntry",
    "NewerFormatError",
    "NotKept",
    "Origin",
    "PartlySavedError",
    "PersistenceStatus",
    "PluginError",
    "QueueFullError",
    "QueueLimits",
    "RejectedError",
    "RejectedSave",
    "RestoreRefusedError",
    "SerializationError",
    "Serializer",
    "SessionGoneError",
    "SessionHead",
    "SessionKitError",
    "SessionManager",
    "SessionPage",
    "SessionPersistence",
    "SessionRepository",
    "SessionSummary",
    "SessionWrite",
    "Settings",
    "SetupStorage",
    "ShareGoneError",
    "ShareRefusedError",
    "SharedCopy",
    "Storage",
    "StorageError",
    "StoredSession",
    "UnavailableError",
    "UnclearError",
    "UnknownPluginError",
    "UserSession",
    "WatchStorage",
    "bootstrap_session",
    "cleanup_expired_sessions",
    "configure",
    "end_device",
    "end_session",
    "get_current_session",
    "get_manager",
    "hookimpl",
    "init_session_tables",
    "install_signal_handlers",
    "list_devices",
    "list_sessions",
    "load_settings",
    "log_in",
    "log_out",
    "persist_input",
    "recover_session",
    "revoke_sessions",
    "rotate_session",
    "save_session",
]

_MODULES: Final = {
    "api": (
        "bootstrap_session",
        "cleanup_expired_sessions",
        "end_device",
        "end_session",
        "get_current_session",
        "init_session_tables",
        "list_devices",
        "list_sessions",
        "log_in",
        "log_out",
        "persist_input",
        "recover_session",
        "revoke_sessions",
        "rotate_session",
        "save_session",
    ),
    "conflict": ("Conflict", "ConflictReport", "ConflictStrategy", "FieldDecision"),
    "hookspecs": ("hookimpl",),
    "host": ("Host",),
    "manager.copies": ("SharedCopy",),
    "manager.default_manager": ("configure", "get_manager"),
    "manager.lifecycle": ("SessionSummary",),
    "manager.manager": ("SessionManager",),
    "persistence.exits": ("install_signal_handlers",),
    "persistence.persistence": ("SessionPersistence",),
    "persistence.queue": ("QueueLimits",),
    "records": ("SessionHead", "SessionPage", "SessionWrite", "StoredSession"),
    "serializer": ("Serializer",),
    "session.forms": ("FormSnapshot", "FormState"),
    "session.session": ("NavigationEntry", "NotKept", "Origin", "UserSession"),
    "session_repository": ("SessionRepository",),
    "settings.settings": ("Settings", "load_settings"),
    "status": ("PersistenceStatus", "RejectedSave"),
    "storage": ("BatchStorage", "HeadStorage", "SetupStorage", "Storage", "WatchStorage"),
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_HOME.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
