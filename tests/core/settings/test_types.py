# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionkit.errors import ConfigError
from sessionkit.settings.types import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("24h", timedelta(hours=24)),
        ("30d", timedelta(days=30)),
        ("15m", timedelta(minutes=15)),
        ("90s", timedelta(seconds=90)),
        ("500ms", timedelta(milliseconds=500)),
        ("1h30m", timedelta(minutes=90)),
        ("1d 2h 3m 4s 5ms", timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)),
        ("0s", timedelta()),
        (" 5m ", timedelta(minutes=5)),
        ("never", None),
    ],
)
def test_text_says_a_duration(text: str, duration: timedelta | None) -> None:
    """Numbers with units are added up; never is None."""
    assert duration == parse_duration(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "h",
        "1.5h",
        "-5m",
        "5y",
        "30m1h",
        "1h1h",
        "5 minutes",
        "1mss",
        "٣h",
        "5H",
        "9" * 400,
    ],
)
def test_other_text_is_refused_with_what_would_be_right(text: str) -> None:
    """The message shows the text, shortened, and how a duration is written."""
    with pytest.raises(ConfigError, match=r"is no duration; write a number and a unit") as caught:
        parse_duration(text)

    assert 250 > len(str(caught.value))


def test_a_duration_beyond_the_calendar_is_refused() -> None:
    """A number that no timedelta can hold is an error of ours."""
    with pytest.raises(ConfigError, match="longer than any calendar; say 'never'"):
        parse_duration("999999999999d")


@given(st.none() | st.integers(0, 10**14).map(lambda ms: timedelta(milliseconds=ms)))
def test_durations_round_trip(duration: timedelta | None) -> None:
    """What is written is read back, to the millisecond."""
    assert duration == parse_duration(format_duration(duration))


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises anything but a ConfigError."""
    try:
        duration = parse_duration(text)
    except ConfigError:
        return
    assert duration == parse_duration(format_duration(duration))
