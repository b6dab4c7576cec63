# SPDX-License-Identifier: Apache-2.0
"""The pages that a user opened."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from sessionkit.session.field_types import of_type
from sessionkit.session.ids import new_entry_id
from sessionkit.session.moments import in_utc, utc_now


@attrs.define(kw_only=True)
class NavigationEntry:
    """
    One page that the user opened.

    Attributes:
        page: The page's name.
        params: What it was opened with.
        timestamp: When, in UTC.
        entry_id: Unique within the session; histories are merged by it.
        unknown: Fields that a newer release stored; kept and written back.
    """

    page: str = attrs.field(validator=of_type(str))
    params: dict[str, Any] = attrs.field(factory=dict, validator=of_type(dict))
    timestamp: datetime = attrs.field(factory=utc_now, converter=in_utc)
    entry_id: str = attrs.field(factory=new_entry_id, validator=of_type(str))
    unknown: dict[str, Any] = attrs.field(factory=dict, repr=False)
