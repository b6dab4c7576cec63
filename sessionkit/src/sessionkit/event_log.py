# SPDX-License-Identifier: Apache-2.0
"""Writes events to the logger ``sessionkit``; ids in short form, since they are secrets in full."""

from __future__ import annotations

import logging
from typing import Final

import attrs

from sessionkit import events
from sessionkit.session.fields import short

_LOGGER: Final = logging.getLogger("sessionkit")
_WARNINGS: Final = (
    events.JournalFailed,
    events.JournalSetAside,
    events.NewerFormat,
    events.RestoreRefused,
    events.SaveFailed,
    events.SessionGone,
    events.SessionQuarantined,
    events.StoreUnavailable,
    events.StoreWentBack,
    events.ValueDropped,
    events.ValueNotSaved,
)


def log_event(event: events.SessionEvent) -> None:
    """Log what went wrong as a warning, all else at debug level."""
    level = logging.WARNING if isinstance(event, _WARNINGS) else logging.DEBUG
    if _LOGGER.isEnabledFor(level):
        details = {
            field.name: getattr(event, field.name)
            for field in attrs.fields(type(event))
            if field.name != "session_id"
        }
        said = ", ".join(f"{name}={value!r}" for name, value in details.items())
        for secret in (event.session_id, getattr(event, "old_id", None)):
            if secret:
                said = said.replace(secret, short(secret))
        of = f" of session {short(event.session_id)}" if event.session_id else ""
        _LOGGER.log(level, "%s%s%s", type(event).__name__, of, f": {said}" if said else "")
