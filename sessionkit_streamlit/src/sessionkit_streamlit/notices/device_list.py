# SPDX-License-Identifier: Apache-2.0
"""The list of the browsers that a user is signed in at, with a button that signs one of them out."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import attrs
import streamlit as st

from sessionkit import UnavailableError, end_device, list_devices
from sessionkit.session.fields import utc_now
from sessionkit_streamlit.connection import current_connection
from sessionkit_streamlit.internals.state import PREFIX, context
from sessionkit_streamlit.notices.markdown import as_word
from sessionkit_streamlit.notices.save_status import viewer_zone

if TYPE_CHECKING:
    from sessionkit.session import Device

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_PHONES: Final = frozenset({"Android", "iPhone"})
_TABLETS: Final = frozenset({"iPad"})


@attrs.frozen(kw_only=True)
class DeviceTexts:
    """
    What :func:`~sessionkit_streamlit.devices` says: English, unless you say otherwise.

    The texts are Markdown. What stands in braces is filled in.

    Attributes:
        named: A browser whose system is known; ``{browser}`` and ``{system}``.
        unknown_browser: Stands for a browser that is not known.
        unknown_system: A browser whose system is not known; ``{browser}``.
        about: Below its name; ``{since}`` and ``{seen}``.
        since: ``{since}``: when the user has signed in there; ``{time}``.
        today: The format of that time where it is of today, as for ``strftime``.
        earlier: Of another day.
        lately: ``{seen}`` within the last hour.
        hours: Below a day; ``{n}``, which may be one too many: it is noted once an hour.
        days: From then on.
        this: In the place of the button, at the browser that asks.
        end: On the button that signs the user out there.
        failed: When that can't be done, since the store can't be reached.
        unavailable: When the list can't be shown for the same reason.
    """

    named: str = "{browser} on {system}"
    unknown_browser: str = "A browser"
    unknown_system: str = "{browser}"
    about: str = "{since} · {seen}"
    since: str = "signed in {time}"
    today: str = "today at %H:%M"
    earlier: str = "on %Y-%m-%d"
    lately: str = "used within the last hour"
    hours: str = "last used {n} h ago"
    days: str = "last used {n} d ago"
    this: str = "This device"
    end: str = "Sign out"
    failed: str = "It can't be signed out now. Try again later."
    unavailable: str = "Your devices can't be shown now. Try again later."

    def name(self, device: Device) -> str:
        """Return what a device is called, as Markdown."""
        browser = self.unknown_browser if device.browser is None else as_word(device.browser)
        if device.system is None:
            return self.unknown_system.format(browser=browser)
        return self.named.format(browser=browser, system=as_word(device.system))

    def description(self, device: Device, zone: tzinfo) -> str:
        """
        Return since when the user is signed in there and when it was last used, as Markdown.

        Args:
            device: The device.
            zone: Where the viewer is.
        """
        return self.about.format(since=self._since(device.since, zone), seen=self._seen(device))

    def _since(self, moment: datetime, zone: tzinfo) -> str:
        local = moment.astimezone(zone)
        same_day = local.date() == utc_now().astimezone(zone).date()
        return self.since.format(time=local.strftime(self.today if same_day else self.earlier))

    def _seen(self, device: Device) -> str:
        passed = utc_now() - device.last_seen
        if passed < _HOUR:
            return self.lately
        if passed < _DAY:
            return self.hours.format(n=passed // _HOUR)
        return self.days.format(n=passed // _DAY)


_ENGLISH: Final = DeviceTexts()


def devices(*, texts: DeviceTexts = _ENGLISH) -> None:
    """
    Show where the page's user is signed in, and let them sign out there.

    Each browser has a line: its name and its system, since when, when it was last used, and a button, but for the
    browser that shows the page. Nothing is drawn while nobody is logged in, and for users of ``st.login``: where those are
    signed in, their provider knows. Call it after ``bootstrap_session()``, on a page of its own: it asks the
    store at each run. ``sessionkit.list_devices`` and ``sessionkit.end_device`` are the same without a picture.

    Args:
        texts: What it says, for other languages.

    Example:
        ::

            bootstrap_session()
            st.header("Where you are signed in")
            devices()
    """
    if context() is None or current_connection().live_session is None:
        return
    try:
        found = list_devices()
    except UnavailableError:
        st.caption(f":material/cloud_off: {texts.unavailable}")
        return
    zone = viewer_zone()
    # The one that asks first: that is the one its user knows.
    for one in sorted(found, key=lambda summary: not summary.current):
        if one.device is not None:
            _draw(one.device, texts, zone, is_own=one.current)


def _draw(device: Device, texts: DeviceTexts, zone: tzinfo, *, is_own: bool) -> None:
    with st.container(
        border=True,
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
    ):
        with st.container(gap=None, width="content"):
            st.markdown(f":material/{_icon(device)}: {texts.name(device)}", width="content")
            st.caption(texts.description(device, zone), width="content")
        if is_own:
            st.badge(texts.this, color="green")
        elif st.button(texts.end, key=_key_of(device)):
            _end(device, texts)


def _end(device: Device, texts: DeviceTexts) -> None:
    try:
        end_device(device.device_id)
    except UnavailableError:
        st.error(texts.failed)
    else:
        st.rerun()  # the list is another one; and the session may be in another object


def _icon(device: Device) -> str:
    if device.system in _PHONES:
        return "smartphone"
    return "tablet" if device.system in _TABLETS else "computer"


def _key_of(device: Device) -> str:
    return f"{PREFIX}_device_{blake2b(device.device_id.encode(), digest_size=8).hexdigest()}"
