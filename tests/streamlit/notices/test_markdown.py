# SPDX-License-Identifier: Apache-2.0
"""Names and stored values as text that nobody can do harm with."""

from __future__ import annotations

from typing import Any

import pytest

from sessionkit_streamlit.notices.markdown import field_name, quote


@pytest.mark.parametrize(
    ("key", "labels", "said"),
    [
        ("user_name", {}, "user name"),
        ("x](y)", {}, "` x](y) `"),
        ("city", {"city": "*Town*"}, "*Town*"),
        ("city", {"inputs['city']": "By path", "city": "By key"}, "By path"),
        (None, {}, "` inputs['city'] `"),
    ],
)
def test_what_a_field_is_called(key: str | None, labels: dict[str, str], said: str) -> None:
    """As the app says; else by its key, which may be hostile, too; else by its path."""
    assert said == field_name("inputs['city']", key, labels)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("plain", "` plain `"),
        ("", "`   `"),
        ("[l](http://e) :red[x] $x$ <b>", "` [l](http://e) :red[x] $x$ <b> `"),
        ("`` ` ```", "```` `` ` ``` ````"),
        ("`", "`` ` ``"),
        ("a\n\n# b\tc", "` a # b c `"),
        ("left\u202eright\x00", "` left right `"),
        ("x" * 61, "` " + "x" * 59 + "… `"),
        (42, "` 42 `"),
        (None, "` None `"),
        ([1, 2], "` [1, 2] `"),
        (list(range(1000)), "` [0, 1, 2, 3, 4, 5, ...] `"),
    ],
)
def test_values_are_quoted(value: Any, said: str) -> None:
    """Short, on one line, inside a piece of code that nothing in the value can end."""
    assert said == quote(value)
