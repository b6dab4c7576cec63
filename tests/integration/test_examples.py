# SPDX-License-Identifier: Apache-2.0
"""The scripts of examples/ run, and show what they say; tests/browser opens the pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sessionkit.manager import default_manager
from sessionkit_streamlit.testing import AppServer

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
TOUR = ROOT / "examples" / "session_usage.py"


def _run(folder: Path) -> str:
    """Run the tour in *folder* and return what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SESSIONKIT_")}
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-W", "error", str(TOUR)],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_the_tour_runs_and_goes_on(tmp_path: Path) -> None:
    """A second run, in another process, finds the session of the first."""
    first = _run(tmp_path)
    second = _run(tmp_path)

    assert "Visit 1 of session 'tour'" in first
    assert "theme dark from elsewhere, language en from here" in first
    assert "Visit 2 of session 'tour'" in second
    assert "'cart': 2" in second


def test_each_example_is_told_of_and_has_a_picture() -> None:
    """In the folder's README and on the site; ``nox -s pictures`` takes the pictures."""
    there = [
        file for file in (ROOT / "examples").iterdir() if file.suffix == ".py" or file.is_dir()
    ]
    names = {file.stem for file in there if file.stem != "__pycache__"}
    readme, page = (
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("examples/README.md", "docs/examples.md")
    )

    assert 7 == len(names)
    assert (IMAGES / "demo.webp").stat().st_size < 1_000_000
    for name in names - {TOUR.stem}:
        assert f"nox -s example -- {name}" in readme
        assert f"nox -s example -- {name}" in page
        assert f"(images/examples/{name}.webp)" in page
        assert (IMAGES / "examples" / f"{name}.webp").stat().st_size < 50_000
    assert TOUR.name in readme
    assert TOUR.name in page


def test_a_note_is_moved_once_and_not_after_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tabs press the same button before either has seen what the other did: no note is pushed off the board."""
    monkeypatch.setattr(default_manager._DEFAULT, "manager", None)
    with AppServer(ROOT / "examples" / "board.py") as server:
        browser = server.browser()
        one = browser.open()
        one.text_input(key="text").set_value("buy tea").run()
        (move,) = (button for button in one.button if button.label.endswith("Doing"))
        move.click().run()
        other = browser.open()
        for tab in (one, other):
            (to_the_last,) = (button for button in tab.button if button.label.endswith("Done"))
            to_the_last.click().run()
            assert "buy tea" in [text.value for text in tab.text]
        late = browser.open()
        (remove,) = (button for button in one.button if str(button.key).endswith("-delete"))
        remove.click().run()
        (back,) = (button for button in late.button if button.label.endswith("Doing"))
        back.click().run()
        assert not late.exception
