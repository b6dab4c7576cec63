# SPDX-License-Identifier: Apache-2.0
"""
The line that tells people whether what they typed is saved, and what keeps it true.

It is kept true without a timer in the browser. A line is drawn before the run that it
belongs to has ended, and what the run changed is saved later still. So the server looks,
at the end of each run and then once in a while, whether a line says what is so; only if
not its fragment runs again. When all is saved nobody looks any more.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Final, Literal
from weakref import ref
from zoneinfo import ZoneInfo

import attrs
import streamlit as st

from sessionkit.session.fields import utc_now
from sessionkit_streamlit.browser.unsaved import NOT_STORED, watched
from sessionkit_streamlit.connection import (
    EXTENSION,
    Connection,
    Page,
    StatusContent,
    StatusLine,
    current_connection,
)
from sessionkit_streamlit.internals.page import current_fragment, fragments_of
from sessionkit_streamlit.internals.rerun import rerun_when_idle
from sessionkit_streamlit.internals.state import context
from sessionkit_streamlit.notices.markdown import field_name

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.status import PersistenceStatus

_NO_LABELS: Final[Mapping[str, str]] = {}

_NAMED: Final = 3
"""How many fields are named."""

_COMPACT: Final = 40
"""Height in pixels of what is compact: that of a button, so that nothing moves when there is one."""

_SOON: Final = 0.1
_LATER: Final = 1.0
"""Seconds until the next look: where the user has just changed something, and else."""

_TEXT: Final = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_NOTES: Final = f"extensions[{EXTENSION!r}]"
_FIELD: Final = re.compile(rf"(?:inputs|form_states\[(?:{_TEXT})\]\.data)\[(?P<key>{_TEXT})\]")


@attrs.frozen(kw_only=True)
class StatusTexts:
    """
    What :func:`~sessionkit_streamlit.save_status` says: English, unless you say otherwise.

    The texts are Markdown. What stands in braces is filled in.

    Attributes:
        saved: When all is stored.
        saving: While something waits to be stored.
        incomplete: When all is stored but values that can't be kept; ``{fields}``.
        more: Stands for the fields that are too many to name.
        offline: While the store can't be reached; ``{time}``.
        rejected: When it can't be saved as it is; ``{reason}`` is one of the following. What the server
            said is in the log: it may name files, servers and plugins.
        conflict: The reason that it was changed elsewhere, and the app's strategy refuses to decide.
        newer: That a newer release has stored it.
        full: That too many sessions wait to be saved.
        refused: That the store does not take it.
        unknown: Any other reason.
        partly: What stands on the button that opens ``incomplete``, where the line is compact.
        away: On the one that opens ``offline``.
        unsaved: On the one that opens ``rejected``.
        today: The format of a time of today, as for ``strftime``.
        earlier: Of a time of another day.
    """

    saved: str = "Saved"
    saving: str = "Saving…"
    incomplete: str = "Saved, except what can't be kept: {fields}"
    more: str = "…"
    offline: str = "Offline since {time}: changes are kept and saved when the store is back"
    rejected: str = "Not saved: {reason}"
    conflict: str = "it was changed elsewhere meanwhile"
    newer: str = "a newer version of this app has saved it"
    full: str = "too much waits to be saved"
    refused: str = "it can't be stored as it is; it may be too large"
    unknown: str = "something is wrong on the server"
    partly: str = "Not all saved"
    away: str = "Offline"
    unsaved: str = "Not saved"
    today: str = "%H:%M"
    earlier: str = "%Y-%m-%d %H:%M"

    def of(
        self, status: PersistenceStatus, zone: tzinfo, labels: Mapping[str, str] = _NO_LABELS
    ) -> str:
        """
        Return the line for a session's status, as Markdown.

        Args:
            status: The status.
            zone: Where the viewer is.
            labels: What people call fields, by key or by path.
        """
        if status.state == "offline":
            return self.offline.format(time=self.time(status.offline_since or utc_now(), zone))
        if status.state == "rejected":
            return self.rejected.format(reason=self._reason(status))
        if status.state == "incomplete":
            return self.incomplete.format(fields=self._fields(status, labels))
        return self.saving if status.state == "saving" else self.saved

    def short(self, status: PersistenceStatus) -> str:
        """Return the same in a word or two, as Markdown."""
        known = {
            "offline": self.away,
            "rejected": self.unsaved,
            "incomplete": self.partly,
            "saving": self.saving,
        }
        return known.get(status.state, self.saved)

    def _reason(self, status: PersistenceStatus) -> str:
        """Return why a save was refused, in words for whoever sees the page."""
        known = {
            "conflict": self.conflict,
            "newer": self.newer,
            "full": self.full,
            "refused": self.refused,
        }
        return known.get(status.refusal or "", self.unknown)

    def _fields(self, status: PersistenceStatus, labels: Mapping[str, str]) -> str:
        paths = [value.path for value in status.not_kept]
        own = [
            path for path in paths if not path.startswith(_NOTES)
        ]  # those are no names of the app's
        fields = dict.fromkeys(map(_field_of, own or paths))
        names = [field_name(path, key, labels) for path, key in fields]
        return ", ".join([*names[:_NAMED], *[self.more] * (len(names) > _NAMED)])

    def time(self, moment: datetime, zone: tzinfo) -> str:
        """Return a moment as the viewer's clock shows it; where nobody knows the zone, it says UTC."""
        local = moment.astimezone(zone)
        same_day = local.date() == utc_now().astimezone(zone).date()
        text = local.strftime(self.today if same_day else self.earlier)
        return f"{text} UTC" if zone is UTC else text


_ENGLISH: Final = StatusTexts()


def save_status(
    *,
    compact: bool = False,
    labels: Mapping[str, str] = _NO_LABELS,
    texts: StatusTexts = _ENGLISH,
) -> None:
    """
    Show whether the connection's session is saved, and keep the line true while the page is open.

    It says that all is saved, or all but values that can't be kept, that it is
    being saved, since when the store is down, or why it can't be saved: in words, never
    what the server said, which the log has. In the last two cases the browser asks before
    the page is closed.
    Call it once a page, after ``bootstrap_session()``, anywhere but inside ``st.form``.

    Args:
        compact: True for a word or two, which take no line of their own beside a title in
            ``st.container(horizontal=True)``; where there is more to say they are a button that opens the sentence.
        labels: What people call the fields that can't be kept, as Markdown, by key or by
            path, as for :func:`~sessionkit_streamlit.conflict_notice`.
        texts: What it says, for other languages.

    Example:
        ::

            bootstrap_session()
            save_status()
    """
    if context() is None:
        return
    if compact:
        with st.container(
            width="content", height=_COMPACT, border=False, vertical_alignment="center"
        ):
            _line(labels, texts, compact=True)
    else:
        _line(labels, texts)


@st.fragment
def _line(labels: Mapping[str, str], texts: StatusTexts, *, compact: bool = False) -> None:
    connection = current_connection()
    session, keeper = connection.live_session, connection.keeper
    if session is None or keeper is None:
        return
    status, fragment = keeper.save_status(session), current_fragment()
    if fragment is not None:
        connection.page.status_lines[fragment] = StatusLine(
            _content_of(status), session.interaction_count
        )
    text = texts.of(status, viewer_zone(), labels)
    _draw(status, text, texts.short(status), compact=compact)


def _draw(status: PersistenceStatus, text: str, short: str, *, compact: bool) -> None:
    draw = _draw_compact if compact else _draw_line
    if status.state in {"offline", "rejected"}:
        with watched(context(), "save-status", NOT_STORED):
            draw(status, text, short)
    else:
        draw(status, text, short)


def _draw_line(status: PersistenceStatus, text: str, _: str) -> None:
    icon = f":material/{_ICONS[status.state]}:"
    if status.state in {"offline", "incomplete"}:
        st.warning(text, icon=icon)
    elif status.state == "rejected":
        st.error(text, icon=icon)
    else:
        st.caption(f"{icon} {text}")


def _draw_compact(status: PersistenceStatus, text: str, short: str) -> None:
    icon = f":material/{_ICONS[status.state]}:"
    color = _COLORS[status.state]
    if text == short:
        st.badge(short, icon=icon, color=color)
        return
    # Not what pointing at a badge would show: nobody points at anything on a phone.
    with st.popover(f":{color}[{short}]", icon=icon, type="tertiary"):
        st.markdown(text)


_ICONS: Final = {
    "saved": "cloud_done",
    "saving": "sync",
    "incomplete": "warning",
    "offline": "cloud_off",
    "rejected": "error",
}
_COLORS: Final[Mapping[str, Literal["gray", "orange", "red"]]] = {
    "saved": "gray",
    "saving": "gray",
    "incomplete": "orange",
    "offline": "orange",
    "rejected": "red",
}


# -- what keeps the line true ---------------------------------------------------


def look_after_lines(connection: Connection, run: ScriptRunContext) -> None:
    """
    Look after the status lines that a run leaves behind.

    Args:
        connection: The tab's.
        run: The run's context.
    """
    session, keeper = connection.live_session, connection.keeper
    if session is None or keeper is None or not connection.page.status_lines:
        return
    status = keeper.save_status(session)
    for fragment, line in tuple(connection.page.status_lines.items()):
        if _is_settled(line, status):
            continue
        edited = (
            session.interaction_count != line.interactions and _content_of(status) != line.content
        )
        _look_later(connection, run.session_id, fragment, _SOON if edited else _LATER)


def only_lines_ran(page: Page, run: ScriptRunContext) -> bool:
    """Return whether a run drew status lines and did nothing else: it changed nothing."""
    fragments = fragments_of(run)
    return bool(fragments) and page.status_lines.keys() >= set(fragments)


def _is_settled(line: StatusLine, status: PersistenceStatus) -> bool:
    return _content_of(status) == line.content and not status.pending


def _look_later(connection: Connection, tab: str, fragment: str, after: float) -> None:
    if fragment in connection.page.refreshing:
        return
    connection.page.refreshing.add(fragment)
    weak = ref(connection)

    def is_wrong() -> bool:
        alive = weak()  # a tab that was closed is not looked after
        return alive is not None and _look(alive, tab, fragment)

    if not rerun_when_idle(tab, is_wrong, after, fragment):
        connection.page.refreshing.discard(fragment)


def _look(connection: Connection, tab: str, fragment: str) -> bool:
    """Return whether a line is to be drawn anew, on Streamlit's event loop; else look again later."""
    connection.page.refreshing.discard(fragment)
    session, keeper = connection.live_session, connection.keeper
    line = connection.page.status_lines.get(fragment)
    if session is None or keeper is None or line is None:
        return False
    status = keeper.save_status(session)
    if _content_of(status) != line.content:
        # Its run puts it there again, unless the line is gone from the page.
        del connection.page.status_lines[fragment]
        return True
    if not _is_settled(line, status):
        _look_later(connection, tab, fragment, _LATER)
    return False


# -- what the line says --------------------------------------------------------


def _content_of(status: PersistenceStatus) -> StatusContent:
    """Return the part of a status that a line is made of."""
    if status.state == "offline":
        return StatusContent(status.state, since=status.offline_since)
    if status.state == "rejected":
        return StatusContent(status.state, names=(status.refusal,))
    named = status.not_kept if status.state == "incomplete" else ()
    return StatusContent(status.state, names=tuple(value.path for value in named))


def _field_of(path: str) -> tuple[str, str | None]:
    """Return the path and the key of the field that a value lies in: the one that the app gave a name."""
    found = _FIELD.match(path)
    return (path, None) if found is None else (found[0], literal_eval(found["key"]))


def viewer_zone() -> tzinfo:
    """Return the zone that the viewer's browser told; UTC where it told none."""
    name, offset = st.context.timezone, st.context.timezone_offset
    try:
        return ZoneInfo(name or "")
    except (LookupError, ValueError, OSError):  # no such zone, or no data of zones on this machine
        # Minutes that the viewer's clock is behind UTC, as JavaScript counts.
        return UTC if offset is None else timezone(-timedelta(minutes=offset))
