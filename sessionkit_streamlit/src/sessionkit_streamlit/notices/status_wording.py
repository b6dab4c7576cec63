# SPDX-License-Identifier: Apache-2.0
"""What the status line says, and the time of day where the viewer is."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import attrs
import streamlit as st

from sessionkit.session.fields import utc_now
from sessionkit_streamlit.notices.wording import named, quoted

if TYPE_CHECKING:
    from sessionkit.status import PersistenceStatus

NO_LABELS: Final[Mapping[str, str]] = {}

_LONGEST: Final = 200
"""Characters of a reason that are shown."""

_NAMED: Final = 3
"""How many fields are named."""

_TEXT: Final = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
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
        rejected: When the store will not take it; ``{reason}``.
        unknown: Stands for a reason that nobody gave.
        today: The format of a time of today, as for ``strftime``.
        earlier: Of a time of another day.
    """

    saved: str = "Saved"
    saving: str = "Saving…"
    incomplete: str = "Saved, except what can't be kept: {fields}"
    more: str = "…"
    offline: str = "Offline since {time}: changes are kept and saved when the store is back"
    rejected: str = "Not saved: {reason}"
    unknown: str = "unknown reason"
    today: str = "%H:%M"
    earlier: str = "%Y-%m-%d %H:%M"

    def of(
        self, status: PersistenceStatus, zone: tzinfo, labels: Mapping[str, str] = NO_LABELS
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
            reason = reason_of(status)
            return self.rejected.format(reason=quoted(reason, _LONGEST) if reason else self.unknown)
        if status.state == "incomplete":
            return self.incomplete.format(fields=self._fields(status, labels))
        return self.saving if status.state == "saving" else self.saved

    def _fields(self, status: PersistenceStatus, labels: Mapping[str, str]) -> str:
        fields = dict.fromkeys(_field_of(value.path) for value in status.not_kept)
        names = [named(path, key, labels) for path, key in fields]
        return ", ".join([*names[:_NAMED], *[self.more] * (len(names) > _NAMED)])

    def time(self, moment: datetime, zone: tzinfo) -> str:
        """Return a moment as the viewer's clock shows it; where nobody knows the zone, it says UTC."""
        local = moment.astimezone(zone)
        same_day = local.date() == utc_now().astimezone(zone).date()
        text = local.strftime(self.today if same_day else self.earlier)
        return f"{text} UTC" if zone is UTC else text


def _field_of(path: str) -> tuple[str, str | None]:
    """Return the path and the key of the field that a value lies in: the one that the app gave a name."""
    found = _FIELD.match(path)
    return (path, None) if found is None else (found[0], literal_eval(found["key"]))


def reason_of(status: PersistenceStatus) -> str | None:
    """Return why a save was refused, or None."""
    return status.rejected[-1].error if status.rejected else status.last_error


def viewer_zone() -> tzinfo:
    """Return the zone that the viewer's browser told; UTC where it told none."""
    name, offset = st.context.timezone, st.context.timezone_offset
    try:
        return ZoneInfo(name or "")
    except (LookupError, ValueError, OSError):  # no such zone, or no data of zones on this machine
        # Minutes that the viewer's clock is behind UTC, as JavaScript counts.
        return UTC if offset is None else timezone(-timedelta(minutes=offset))
