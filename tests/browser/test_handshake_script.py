# SPDX-License-Identifier: Apache-2.0
"""What the script in the browser does, on a page without a server."""

from __future__ import annotations

from typing import Any, Final

import pytest
from browser_harness.visitors import Visitor
from playwright.sync_api import Page

from sessionkit_streamlit.browser.handshake import _SCRIPT

TOLD: Final[dict[str, Any]] = {
    "name": "id",
    "base": "/",
    "token": "value",
    "maxAge": 60,
    "replaced": [],
    "spent": [],
    "cookie": {},
    "resync": False,
    "run": 1,
}
"""What a run tells the script; Streamlit may call it several times with the same."""

MOUNT: Final = """
async ([script, ...told]) => {
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: mount } = await import(url);
  const said = [];
  const setStateValue = (name, value) => said.push([name, value]);
  for (const data of told) mount({ data: [data], setStateValue, setTriggerValue: () => {} });
  return said;
}
"""


def opened(visitor: Visitor, url: str) -> Page:
    """Return an empty page at some address."""
    page = visitor.context.new_page()
    page.route("**/*", lambda route: route.fulfill(body="", content_type="text/html"))
    page.goto(url)
    return page


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
    page = opened(visitor, f"http://app.parent.localhost{base}")
    page.evaluate(MOUNT, [_SCRIPT, {**TOLD, "base": base}])
    (cookie,) = visitor.context.cookies(page.url)
    assert ("value", "app.parent.localhost", path) == tuple(
        str(dict(cookie)[key]) for key in ("value", "domain", "path")
    )


def test_a_token_that_the_browser_had_is_reported_once_a_run(visitor: Visitor) -> None:
    """However often Streamlit calls the script with what a run told it: each report has the page run again."""
    page = opened(visitor, "http://app.localhost/")
    page.evaluate("localStorage.setItem('id', 'first')")
    said = page.evaluate(MOUNT, [_SCRIPT, TOLD, TOLD, {**TOLD, "run": 2}, {**TOLD, "run": 2}])
    assert [["token", "first"]] * 2 == said
