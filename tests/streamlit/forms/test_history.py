# SPDX-License-Identifier: Apache-2.0
"""Changes of a form in words that people read, and that nobody can do harm with."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Any

import pandas as pd
import pytest

from sessionkit.session.forms import EMPTY, FieldChange
from sessionkit_streamlit.forms.history import in_words
from sessionkit_streamlit.forms.texts import FormTexts


class Size(Enum):
    """A choice."""

    SMALL = 1


TEXTS = FormTexts()
LONG = "The quick brown fox jumps over the lazy dog"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (EMPTY, "Ada", "nothing → ` Ada `"),
        ("Ada", "", "` Ada ` → nothing"),
        (False, True, "` no ` → ` yes `"),
        (None, Size.SMALL, "nothing → ` SMALL `"),
        (date(2026, 1, 2), 3.5, "` 2026-01-02 ` → ` 3.5 `"),
        ([], ["a", "b"], "nothing → ` a, b `"),
        ("x", ":red[y] `z`", "` x ` → `` :red[y] `z` ``"),
        (LONG, f"{LONG}!", "` …lazy dog ` → ` …lazy dog! `"),
    ],
)
def test_a_change_is_told_in_words(before: Any, after: Any, said: str) -> None:
    """Of long texts the place where they differ; markup is shown as it is."""
    assert f"Name: {said}" == in_words(
        [FieldChange("name", before, after)], TEXTS, {"name": "Name"}, {}
    )


def test_several_changes_are_counted() -> None:
    """The first one is told, from what its field begins with; a field without a label goes by its name."""
    changes = [FieldChange(name, EMPTY, 2) for name in ("first_name", "b", "c")]
    assert "first name: ` 1 ` → ` 2 `; 2 more" == in_words(changes, TEXTS, {}, {"first_name": 1})


def test_a_value_that_is_no_text_is_cut() -> None:
    """A table is told by a line."""
    table = pd.DataFrame({"a": range(100)})
    assert len(in_words([FieldChange("t", EMPTY, table)], TEXTS, {}, {})) < 100


def test_words_are_the_apps_own() -> None:
    """In any order."""
    texts = FormTexts(change="{after} statt {before}: {field}", nothing="nichts", more="noch {n}")
    changes = [FieldChange("Name", "a", EMPTY), FieldChange("Ort", "a", EMPTY)]
    assert "nichts statt ` a `: Name; noch 1" == in_words(changes, texts, {}, {})
