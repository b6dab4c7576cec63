# SPDX-License-Identifier: Apache-2.0
"""Where the cookie that the browser's script sets is sent to."""

from __future__ import annotations

import pytest
from browser_harness.visitors import Visitor

from sessionkit_streamlit.browser.handshake import _SCRIPT

SET_COOKIE = """
async ([script, base]) => {
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: mount } = await import(url);
  const data = { name: "id", base, token: "value", maxAge: 60, replaced: [], spent: [], cookie: {}, resync: false };
  mount({ data, setStateValue: () => {}, setTriggerValue: () => {} });
}
"""


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("/", "/"),
        ("/sub/app/", "/sub/app"),
        ("/t/x%3B/", "/t/x%3B"),
        ("/t/x;%20Domain=parent.localhost/", "/t"),
        ("/;Max-Age=9/t/", "/"),
    ],
)
def test_what_stands_in_the_url_becomes_no_attribute_of_the_scripts_cookie(
    visitor: Visitor, base: str, path: str
) -> None:
    """The path ends before a segment with a semicolon, as it does where the middleware sets the cookie."""
    page = visitor.context.new_page()
    page.route("**/*", lambda route: route.fulfill(body="", content_type="text/html"))
    page.goto(f"http://app.parent.localhost{base}")
    page.evaluate(SET_COOKIE, [_SCRIPT, base])
    (cookie,) = visitor.context.cookies(page.url)
    assert ("value", "app.parent.localhost", path) == tuple(
        str(dict(cookie)[key]) for key in ("value", "domain", "path")
    )
