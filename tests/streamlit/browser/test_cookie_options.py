# SPDX-License-Identifier: Apache-2.0
"""How the cookie is set, as the settings say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sessionkit.errors import ConfigError
from sessionkit_streamlit.browser.cookie_options import LONGEST, CookieOptions, cookie_options

SCOPE: dict[str, Any] = {"type": "http", "scheme": "http", "headers": []}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"samesite": "lux"}, "samesite is one of 'lax', 'strict', 'none', not 'lux'"),
        ({"prefix": "a b"}, "prefix is up to 40 letters"),
        ({"prefix": "a;b"}, "prefix is up to 40 letters"),
        ({"domain": "a.org; Path=/"}, "domain is a name such as"),
        ({"path": "app"}, "path is a path such as"),
        ({"path": "/a;b"}, "path is a path such as"),
        ({"path": "/a\r\nX: 1"}, "path is a path such as"),
        ({"path": 5}, "path is a path such as"),
        ({"max_age": timedelta()}, "max_age is a second or more"),
        ({"max_age": 3600}, "max_age is a second or more"),
        ({"secure": "no"}, "secure is True or False, not 'no'"),
        ({"secure": 1}, "secure is True or False, not 1"),
        ({"prefix": "__Secure-"}, "set secure = true"),
        ({"prefix": "__Host-", "secure": True}, "set path"),
        ({"prefix": "__Host-", "secure": True, "path": "/", "domain": "a.org"}, "no domain"),
    ],
)
def test_a_wrong_option_says_what_is_right(wrong: dict[str, Any], right: str) -> None:
    """The error names the option and what is allowed, and where in the settings it stands."""
    with pytest.raises(ConfigError, match=right):
        CookieOptions(**wrong)
    said = {f"cookie_{key}": value for key, value in wrong.items()}
    with pytest.raises(ConfigError, match=r"hosts\.streamlit"):
        cookie_options(**said)


def test_every_option_is_in_the_header() -> None:
    """As browsers read it."""
    options = CookieOptions(
        prefix="__Secure-", domain="example.org", path="/app", secure=True, samesite="strict"
    )
    name, line = options.header(SCOPE, "id", "value", 60)
    assert b"set-cookie" == name
    assert (
        "__Secure-id=value; Path=/app; Domain=example.org; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        == line.decode()
    )


@pytest.mark.parametrize(
    ("most", "left", "seconds"),
    [
        (None, None, LONGEST.total_seconds()),
        (None, timedelta(hours=1), 3600),
        (timedelta(minutes=1), timedelta(hours=1), 60),
        (timedelta(hours=2), timedelta(hours=1), 3600),
        (None, timedelta(seconds=-5), 1),
    ],
)
def test_the_earliest_end_counts(
    most: timedelta | None, left: timedelta | None, seconds: float
) -> None:
    """The session's, the one that the settings name, the browsers' own."""
    assert seconds == CookieOptions(max_age=most).seconds(left)


@pytest.mark.parametrize(
    ("root", "raw", "path"),
    [
        ("/t/x; Domain=parent.example", "/t/x;%20Domain=parent.example/", "/t"),
        (
            "/t/x; Domain=parent.example",
            "/t/x%3B%20Domain=parent.example/",
            "/t/x%3B%20Domain=parent.example",
        ),
        ("/t/x; Domain=parent.example", "", "/t"),
        ("/; Domain=parent.example/t", "/;%20Domain=parent.example/t/", "/"),
        ("/t/x\r\nX-Injected: 1", "/t/x%0D%0AX-Injected:%201/", "/t/x%0D%0AX-Injected:%201"),
        ("/t/\u20ac", "/t/%e2%82%ac/", "/t/%e2%82%ac"),
        ("/t/\u20ac", "", "/t/%E2%82%AC"),
        ("/t/\u20ac", "/", "/t/%E2%82%AC"),
        ("/t/a b", "/", "/t/a%20b"),
        ("/user/ada@example.org", "/user/ada%40example.org/page", "/user/ada%40example.org"),
        ("/user/ada@example.org", "/user/ada@example.org", "/user/ada@example.org"),
    ],
)
def test_what_stands_in_the_url_becomes_no_attribute_of_the_cookie(
    root: str, raw: str, path: str
) -> None:
    """The path is a prefix of what the browser asks for, as it writes it, and never more than a path."""
    scope = {**SCOPE, "root_path": root, "raw_path": raw.encode()}
    _, line = CookieOptions().header(scope, "id", "value", 60)
    assert f"id=value; Path={path}; Max-Age=60; HttpOnly; SameSite=Lax" == line.decode("ascii")
