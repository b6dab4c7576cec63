# SPDX-License-Identifier: Apache-2.0
"""
The devices of a session that an app's own login gave an owner: what is not listed opens nothing.

They are stored beside what plugins keep in a session, entry by entry, so that two replicas
that list devices keep both. A device that was struck off is noted as such: no late writer
brings it back.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import attrs

from sessionkit.session.fields import NOTHING, from_micros, to_micros
from sessionkit.session.session import UserSession

EXTENSION: Final = "sessionkit.devices"
"""Where ``UserSession.extensions`` has them."""

_LISTED: Final = "listed"
_STRUCK: Final = "struck"
_MOST: Final = 50
_SEEN_EVERY: Final = timedelta(hours=1)
_REMEMBERED: Final = timedelta(days=400)
_LONGEST_NAME: Final = 40


class BrowserInfo(NamedTuple):
    """
    What a host tells of a browser, for people to know it again: never its version, its address or all that it says.

    Attributes:
        name: Such as ``"Firefox"``; None where it is unknown.
        system: Such as ``"Windows"``; None where it is unknown.
    """

    name: str | None = None
    system: str | None = None


UNKNOWN_BROWSER: Final = BrowserInfo()


@attrs.frozen(kw_only=True)
class Device:
    """
    A browser that a user has logged in at.

    Attributes:
        device_id: Names it; no token by itself.
        since: When the user logged in there, in UTC.
        last_seen: When it was last used, in UTC; up to an hour old.
        browser: The browser's name, such as ``"Firefox"``; None where nobody told it.
        system: What the browser runs on, such as ``"Windows"``; None where nobody told it.
    """

    device_id: str
    since: datetime
    last_seen: datetime
    browser: str | None = None
    system: str | None = None


def devices_of(session: UserSession) -> dict[str, Device] | None:
    """Return the devices of a session by id; None where none was ever listed, as by an earlier release."""
    with session.lock:
        kept = session.extensions.get(EXTENSION)
        if not isinstance(kept, dict):
            return None
        struck, place = kept.get(_STRUCK, {}), _place(session)
        return {
            device_id: Device(
                device_id=device_id,
                since=from_micros(times["since"]),
                last_seen=from_micros(times["seen"]),
                browser=_text(times.get("browser")),
                system=_text(times.get("system")),
            )
            for device_id, times in kept.get(_LISTED, {}).items()
            if device_id not in struck and times["place"] == place
        }


def is_struck_off(session: UserSession, device_id: str | None) -> bool:
    """Return whether a device was listed once, and is no more."""
    kept = session.extensions.get(EXTENSION)
    return isinstance(kept, dict) and device_id in kept.get(_STRUCK, {})


def struck_off_in(extension: object) -> frozenset[str]:
    """Return the devices that an extension, as it is stored, has struck off."""
    struck = extension.get(_STRUCK) if isinstance(extension, dict) else None
    return frozenset(struck) if isinstance(struck, dict) else NOTHING


def replacement_of(session: UserSession, device_id: str | None) -> str | None:
    """Return the device that a struck off one became by a login at the same browser; None if there is none."""
    listed, kept = devices_of(session) or {}, session.extensions.get(EXTENSION) or {}
    passed: set[str] = set()
    while device_id is not None and device_id not in listed and device_id not in passed:
        passed.add(device_id)
        device_id = kept.get(_STRUCK, {}).get(device_id, {}).get("by")
    return device_id if device_id in listed else None


def list_device(session: UserSession, now: datetime, browser: BrowserInfo = UNKNOWN_BROWSER) -> str:
    """List a new device; return its id."""
    device_id = secrets.token_urlsafe(12)
    with session.lock:
        at = to_micros(now)
        times = {"since": at, "seen": at, "place": _place(session)}
        _kept(session)[_LISTED][device_id] = {**times, **_stored(browser)}
        known = sorted((devices_of(session) or {}).values(), key=lambda one: one.last_seen)
        strike_off(session, [one.device_id for one in known[:-_MOST]], now)
    return device_id


def is_seen_anew(device: Device, now: datetime) -> bool:
    """Return whether it is to be noted that a device is in use: once an hour, since a rerun that changes nothing costs no write."""
    return now - device.last_seen >= _SEEN_EVERY


def note_seen(session: UserSession, device_id: str, now: datetime, browser: BrowserInfo) -> None:
    """Note that a listed device is in use, and what it is: a release that knew nothing of that may have listed it."""
    with session.lock:
        times = _kept(session)[_LISTED].get(device_id)
        if times is not None:
            news = {"seen": to_micros(now), **_stored(browser)}
            _kept(session)[_LISTED][device_id] = {**times, **news}


def strike_off(
    session: UserSession, device_ids: Collection[str], now: datetime, *, by: str | None = None
) -> int:
    """
    Strike devices off, so that their tokens open nothing.

    Args:
        session: The session.
        device_ids: The devices.
        now: The present moment.
        by: The device that takes their place, where the user has logged in again at the same browser.

    Returns:
        How many were listed.
    """
    with session.lock:
        listed = (devices_of(session) or {}).keys() & set(device_ids)
        if listed:
            kept = _kept(session)
            for device_id in listed:
                kept[_STRUCK][device_id] = {"at": to_micros(now), "by": by}
                del kept[_LISTED][device_id]
            oldest = to_micros(now - _REMEMBERED)
            for device_id in [one for one, its in kept[_STRUCK].items() if its["at"] < oldest]:
                del kept[_STRUCK][device_id]
    return len(listed)


def list_alone(session: UserSession, device_id: str | None) -> None:
    """List one device, or none, at the fresh id of a session: the tokens of the others name one that has ended."""
    with session.lock:
        kept = session.extensions.get(EXTENSION)
        if isinstance(kept, dict):
            times = kept.get(_LISTED, {}).get(device_id)
            listed = {} if times is None else {device_id: {**times, "place": _place(session)}}
            session.extensions[EXTENSION] = {_LISTED: listed, _STRUCK: kept.get(_STRUCK, {})}


def _stored(browser: BrowserInfo) -> dict[str, str]:
    """Return what is stored of a browser; nothing where nothing is known."""
    named = {"browser": _text(browser.name), "system": _text(browser.system)}
    return {key: text for key, text in named.items() if text is not None}


def _text(value: object) -> str | None:
    return value[:_LONGEST_NAME] if isinstance(value, str) and value else None


def _place(session: UserSession) -> str:
    """Return what tells an id from the one before: what others list at that one late is no device of this one."""
    return blake2b(session.session_id.encode(), digest_size=6).hexdigest()


def _kept(session: UserSession) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = session.extensions.setdefault(EXTENSION, {})
    kept.setdefault(_LISTED, {})
    kept.setdefault(_STRUCK, {})
    return kept
