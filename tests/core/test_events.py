# SPDX-License-Identifier: Apache-2.0
"""How loud the log is about an event."""

from __future__ import annotations

import logging

import pytest

from sessionkit.events import SaveFailed, SessionEvent, StoreUnavailable, log_event


class OwnOutage(StoreUnavailable):
    """A plugin's own kind of outage."""


class OwnFailure(SaveFailed):
    """A plugin's own kind of failure."""


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (SessionEvent(session_id="s"), logging.DEBUG),
        (StoreUnavailable(session_id=None, error="gone"), logging.WARNING),
        (OwnOutage(session_id=None, error="gone"), logging.WARNING),
        (OwnFailure(session_id="s", error="full", retrying=True), logging.WARNING),
        (OwnFailure(session_id="s", error="full", retrying=False), logging.ERROR),
    ],
    ids=["event", "outage", "own outage", "tried again", "given up"],
)
def test_an_event_is_as_loud_as_what_it_is_a_kind_of(
    event: SessionEvent, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A plugin's own event, too."""
    with caplog.at_level(logging.DEBUG, logger="sessionkit"):
        log_event(event)

    assert [level] == [record.levelno for record in caplog.records]
