# SPDX-License-Identifier: Apache-2.0
"""Each page of examples/, for what it is there for; examples/README.md says how they are started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import PATIENCE_S, Server, free_port, listens, wait_for
from browser_harness.visitors import Visitor
from playwright.sync_api import expect
from session_harness import valkeys
from session_harness.postgresql import PostgresqlServer
from session_harness.processes import needed

EXAMPLES = Path(__file__).parents[2] / "examples"


def _has_stored(server: Server, text: bytes, files: str = "sessions.db*") -> None:
    """Wait until the store has a text in it."""

    def stored() -> bool:
        return any(text in file.read_bytes() for file in server.folder.glob(files))

    wait_for(stored, lambda: True, f"{text!r} in the store")


def test_an_order_survives_and_is_taken_once(farm: Farm, visitor: Visitor) -> None:
    """Half an order is there after F5, and Undo goes on; what is wrong stands at its field."""
    server = farm.start("run", str(EXAMPLES / "order_form.py"))
    order = visitor.open(server.url)
    order.enter("Your name", "Ada")
    order.enter("E-mail", "nobody")
    order.enter("Amount", "3")
    order.page.get_by_role("button", name="Order for €12").wait_for()
    order.reload()
    order.holds("E-mail", "nobody")
    order.holds("Your name", "Ada")
    order.holds("Amount", "3")
    order.click("Order for €12")
    order.shows("An address has an @.")
    order.press("Undo")
    order.page.get_by_role("button", name="Order for €4").wait_for()
    order.press("Redo")
    order.page.get_by_role("button", name="Order for €12").wait_for()
    order.enter("E-mail", "ada@example.org")
    order.loses("An address has an @.")
    order.click("Order for €12")
    order.shows("Thank you, Ada.")
    order.holds("Your name", "")
    order.reload()
    order.shows("Your orders")


def test_a_survey_goes_on_where_it_was_left(farm: Farm, visitor: Visitor) -> None:
    """Answers and the page are those that were left when the server was killed; all pages fill in one form."""
    server = farm.start("run", str(EXAMPLES / "survey.py"))
    survey = visitor.open(server.url)
    survey.enter("Where do you live?", "Ghent")
    survey.click("Next")
    survey.click("Coffee")
    survey.shows("Page 2 of 3")
    _has_stored(server, b"Coffee")
    server.restart(signal.SIGKILL)
    survey.load(server.url)
    survey.shows("Page 2 of 3")
    survey.click("Back")
    survey.holds("Where do you live?", "Ghent")
    survey.click("Next")
    survey.shows("Page 2 of 3")
    survey.click("Next")
    expect(survey.page.get_by_role("table")).to_contain_text("Ghent")
    expect(survey.page.get_by_role("table")).to_contain_text("Coffee")
    survey.click("Hand in")
    survey.shows("Thank you. You may still change your answers, and hand them in again.")


def test_a_board_has_what_both_tabs_did(farm: Farm, visitor: Visitor) -> None:
    """What is done in one tab is in the other at once, which nobody touches."""
    server = farm.start("run", str(EXAMPLES / "board.py"))
    one = visitor.open(server.url)
    one.enter("New note", "water the plants")
    one.shows("water the plants")
    other = visitor.open(server.url)
    other.shows("water the plants")
    other.enter("New note", "buy tea")
    one.shows("buy tea")
    other.page.get_by_role("button", name=re.compile("Doing$")).first.click()
    one.page.get_by_role("button", name=re.compile("To do$")).wait_for()
    for tab in (one, other):
        tab.shows("water the plants", "buy tea")


def test_a_strategy_keeps_within_the_budget(farm: Farm, visitor: Visitor) -> None:
    """Of two purchases at once the one that was stored first stays, and the page says what became of the other."""
    budget = visitor.open(farm.start("run", str(EXAMPLES / "budget.py")).url)
    budget.click("Buy a chair here, and a lamp on another device at once")
    budget.shows("lamp: €60", "€60 are spent", "Taken back, there was not enough left: chair")
    budget.reload()
    budget.shows("lamp: €60", "Taken back, there was not enough left: chair")


@pytest.fixture
def _folder_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the plugin: a wheel of Python alone is installed by unpacking it; nothing is fetched."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=EXAMPLES / "storage", check=True, capture_output=True)  # noqa: S603 - our own command
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    ways = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(ways))


@pytest.mark.usefixtures("_folder_storage")
def test_a_storage_of_ones_own_keeps_a_diary(farm: Farm, visitor: Visitor) -> None:
    """It is found by its name, and what was written is in its files."""
    page, settings = EXAMPLES / "storage" / "diary.py", EXAMPLES / "storage" / "sessionkit.toml"
    server = farm.start("run", str(page), settings=settings.read_text())
    diary = visitor.open(server.url)
    diary.enter("Today", "It rained.")
    _has_stored(server, b"It rained.".hex().encode(), "sessions/*.json")
    diary.reload()
    diary.holds("Today", "It rained.")
    expect(diary.page.get_by_role("table")).to_contain_text("sessions/")


@contextmanager
def _redis() -> Iterator[str]:
    with needed(), valkeys.alone(valkeys.valkey_binary()) as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@contextmanager
def _postgresql() -> Iterator[str]:
    with needed():
        server = PostgresqlServer()
    try:
        yield server.url(server.new_database())
    finally:
        server.end()


@contextmanager
def _replicas(store: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Start the script as its head says; when it is ended, no replica is left."""
    ports = free_port(), free_port()
    command = [sys.executable, str(EXAMPLES / "replicas" / "replicas.py"), store, "--ports"]
    script = subprocess.Popen([*command, *map(str, ports)], cwd=folder)  # noqa: S603 - our own script
    try:
        wait_for(lambda: all(map(listens, ports)), lambda: script.poll() is None, "the replicas")
        yield f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
    finally:
        script.terminate()
        script.wait(timeout=PATIENCE_S)
    assert not any(map(listens, ports))


@pytest.mark.parametrize("store", [_redis, _postgresql], ids=["redis", "postgresql"])
def test_a_replica_dies_and_the_other_goes_on(
    store: Callable[[], AbstractContextManager[str]], visitor: Visitor, tmp_path: Path
) -> None:
    """A click on either counts on both; when one is killed, the other has it all."""
    with store() as url, _replicas(url, tmp_path) as (first, second):
        page = visitor.open(first)
        page.enter("Your name", "Ada")
        page.click("Click")
        expect(page.page.get_by_test_id("stMetricValue")).to_have_text("1")
        page.page.get_by_text(re.compile("Saved$")).wait_for()
        process = page.page.get_by_text("Process ").inner_text().split()[1]
        page.load(second)
        page.holds("Your name", "Ada")
        page.click("Click")
        expect(page.page.get_by_test_id("stMetricValue")).to_have_text("2")
        os.kill(int(process), signal.SIGKILL)
        page.reload()
        page.holds("Your name", "Ada")
        expect(page.page.get_by_test_id("stMetricValue")).to_have_text("2")
