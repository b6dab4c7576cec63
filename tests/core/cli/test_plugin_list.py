# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Install = Callable[..., None]
Run = Callable[..., Result]


def _lines(result: Result) -> list[list[str]]:
    return [line.split() for line in result.stdout.splitlines() if line]


def test_plugins_are_listed(run: Run, install: Install, install_storage: Install) -> None:
    """Name, distribution, version and what is offered; why one can't be loaded."""
    install_storage("mine", version="3.1")
    install("x-broken", {"broken": "broken_hooks"}, {"broken_hooks": "import no_such_module"})
    observer = "@hookimpl\ndef sessionkit_event(event): pass"
    install("x-watch", {"watch": "watch_hooks"}, {"watch_hooks": observer})

    result = run("plugins")

    lines = _lines(result)
    assert 0 == result.exit_code
    assert ["name", "distribution", "version", "offers"] == lines[0]
    assert ["defaults", "sessionkit-core"] == lines[1][:2]
    assert ["broken", "x-broken", "1.0", "nothing:", "plugin", "'broken'"] == lines[2][:6]
    assert ["mine", "x-mine", "3.1", "storage", "mine"] == lines[3]
    assert ["watch", "x-watch", "1.0", "observes", "events"] == lines[4]


def test_the_storage_that_is_used_is_named_with_its_reason(
    run: Run,
    install_storage: Install,
    write: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is installed, or the file, or the variable."""
    install_storage("mine")

    assert "storage: mine (no setting names one)\nsettings: no file\n" in run("plugins").stdout
    path = write("storage = 'memory'\n")
    expected = f"storage: memory (set by {path})\nsettings: {path}\n"
    assert expected in run("plugins").stdout
    monkeypatch.setenv("SESSIONKIT_STORAGE", "mine")
    expected = "storage: mine (set by environment variable SESSIONKIT_STORAGE)\n"
    assert expected in run("plugins").stdout


def test_a_storage_that_is_not_there_is_told(run: Run, write: Callable[..., Path]) -> None:
    """After the list, with the file and the nearest right name."""
    path = write("storage = 'memry'\n")

    result = run("plugins")

    assert 1 == result.exit_code
    assert result.stdout.startswith("name ")
    assert (
        f"Error: {path}: no installed plugin offers a storage named 'memry'; "
        "did you mean 'memory'? (available: memory)\n"
    ) == result.stderr


def test_a_wrong_setting_is_told_without_a_traceback(run: Run, write: Callable[..., Path]) -> None:
    """The message goes to stderr, the exit code is 1."""
    path = write("storag = 'memory'\n")

    result = run("plugins")

    assert 1 == result.exit_code
    assert result.stderr.startswith(f"Error: {path}: storag: unknown; did you mean 'storage'?")


def test_a_wrong_policy_is_told(run: Run, write: Callable[..., Path]) -> None:
    """As the app that starts with these settings tells it."""
    path = write("[conflict.fields]\ninputs = 'mien'\n")

    result = run("plugins")

    assert 1 == result.exit_code
    assert result.stderr.startswith(
        f"Error: {path}: [conflict.fields] 'inputs': 'mien' is no policy;"
    )
