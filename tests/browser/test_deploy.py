# SPDX-License-Identifier: Apache-2.0
"""What ``deploy/`` starts by Compose, driven without Docker: the same commands, variables and nginx file."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from signal import SIGKILL

import pytest
from browser_harness.deployment import Deployment
from browser_harness.desk import Desk
from browser_harness.farm import Farm
from browser_harness.visitors import Visitor
from playwright.sync_api import expect
from session_harness.postgresql import PostgresqlServer
from session_harness.processes import needed

DRAWING = {"name": "plan.txt", "mimeType": "text/plain", "buffer": b"a plan"}


@pytest.fixture(name="deployment")
def _deployment(farm: Farm) -> Iterator[Deployment]:
    """Return two replicas behind nginx, over PostgreSQL."""
    with needed():
        server = PostgresqlServer()
    try:
        with needed():
            deployment = Deployment(farm, "postgresql", server.url(server.new_database()))
        yield deployment
    finally:
        server.end()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


def _redirected_to(url: str) -> str:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(_NoRedirect).open(url, timeout=10)
    with caught.value as answer:
        assert 301 == answer.code
        return str(answer.headers["Location"])


def _upload(desk: Desk) -> None:
    """Choose a file when the page is at rest: a run that draws it anew might pass over it."""
    desk.at_rest()
    desk.page.locator("input[type=file]").set_input_files(DRAWING)
    desk.shows("plan.txt: 6 bytes")


def test_a_replica_dies_and_its_users_go_on_at_the_other(
    deployment: Deployment, new_visitor: Callable[..., Visitor]
) -> None:
    """
    By https, below the base path: what was typed is back by the other replica, and uploads find theirs.

    A browser stays at the replica that took it over, also when the first is back: its uploads lie there.
    """
    assert "https://127.0.0.1/app/?city=Ghent" == _redirected_to(deployment.plain_url)
    visitor = new_visitor(ignore_https_errors=True)
    desk = visitor.open(deployment.url)
    desk.enter("Name", "Ada")
    desk.shows("For Ada: no note")
    desk.reload()
    desk.shows("For Ada: no note")
    _upload(desk)
    expect(desk.page.get_by_text(re.compile("Saved$"))).to_be_visible()
    (cookie,) = visitor.cookies()
    assert ("/app", True, True) == (cookie["path"], cookie["secure"], cookie["httpOnly"])

    first = desk.page.get_by_text(re.compile("^Served by ")).inner_text().split()[-1]
    (second,) = deployment.replicas.keys() - {first}
    assert deployment.is_healthy(first)
    deployment.replicas[first].stop(SIGKILL)
    assert not deployment.is_healthy(first)
    desk.shows(f"Served by {second}", "For Ada: no note")
    desk.reload()
    desk.holds("Name", "Ada")
    desk.shows("For Ada: no note")

    deployment.replicas[first].start()
    desk.enter("Note", "goes on")
    desk.shows("For Ada: goes on")
    _upload(desk)
    desk.reload()
    desk.shows("For Ada: goes on", f"Served by {second}")
    desk.holds("Note", "goes on")
    assert not list(deployment.folder.rglob("secret"))
