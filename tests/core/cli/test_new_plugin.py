# SPDX-License-Identifier: Apache-2.0
"""``sessionkit new-plugin``: what is written, and what is refused. tests/packaging installs what it writes."""

from __future__ import annotations

import ast
import runpy
import sqlite3
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from sessionkit.cli.new_plugin import TEMPLATES, NewPlugin
from sessionkit.errors import UnavailableError
from sessionkit.plugins.registry import core

Install = Callable[..., None]
Run = Callable[..., Result]
KINDS = sorted(TEMPLATES)


def _written(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


# -- what is written -------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_distribution_is_written(run: Run, bare: Path, kind: str) -> None:
    """Beside where one is, in a folder that bears its name; each file is told."""
    result = run("new-plugin", kind, "my-own")

    expected = [
        "README.md",
        "pyproject.toml",
        "src/sessionkit_my_own/__init__.py",
        "src/sessionkit_my_own/hooks.py",
        "src/sessionkit_my_own/py.typed",
        f"src/sessionkit_my_own/{kind}.py",
        f"tests/test_{kind}.py",
    ]
    assert (0, expected) == (result.exit_code, _written(bare / "sessionkit-my-own"))
    told = [line for line in result.stdout.splitlines() if line.startswith("wrote ")]
    assert sorted(f"wrote sessionkit-my-own/{name}" for name in expected) == sorted(told)


@pytest.mark.parametrize("kind", KINDS)
def test_its_metadata(run: Run, bare: Path, kind: str) -> None:
    """It is offered by the name, needs this release or a compatible one, and is built by hatchling."""
    run("new-plugin", kind, "my_own")

    text = (bare / "sessionkit-my-own" / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    assert "sessionkit-my-own" == project["name"]
    assert f"sessionkit-core~={core().version}" == project["dependencies"][0]
    assert {"sessionkit": {"my_own": "sessionkit_my_own.hooks"}} == project["entry-points"]


@pytest.mark.parametrize("kind", KINDS)
def test_its_code_does_something(run: Run, bare: Path, kind: str) -> None:
    """No function raises ``NotImplementedError`` or waits to be written, and no placeholder is left."""
    run("new-plugin", kind, "own")

    for file in (bare / "sessionkit-own").rglob("*.*"):
        text = file.read_text(encoding="utf-8")
        assert "NotImplementedError" not in text
        assert "TODO" not in text
        assert "$" not in text
        if file.suffix == ".py":
            assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("kind", KINDS)
def test_its_readme_shows_its_settings(run: Run, bare: Path, kind: str) -> None:
    """The block of TOML names it, in a table of its kind."""
    run("new-plugin", kind, "own")

    readme = (bare / "sessionkit-own" / "README.md").read_text(encoding="utf-8")
    shown = tomllib.loads(readme.split("```toml\n")[1].split("```")[0])
    offered = TEMPLATES[kind].kind
    assert "own" == shown.pop(offered.setting)
    assert shown.keys() <= {offered.section}


def test_a_version_of_ones_own_is_taken_without_its_label() -> None:
    """A requirement of a compatible release can't name one."""
    plugin = NewPlugin(TEMPLATES["storage"], "own", "0.1.0+patched")

    assert '"sessionkit-core~=0.1.0"' in dict(plugin.texts())["pyproject.toml"]


def test_the_folder_can_be_named(run: Run, bare: Path) -> None:
    """Folders above it are made."""
    result = run("new-plugin", "storage", "own", "--folder", "some/where")

    assert 0 == result.exit_code
    assert "pyproject.toml" in _written(bare / "some" / "where")
    assert 'pip install -e "some/where[tests]"' in result.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SQLITE_FULL", "look whether its disk is full"),
        ("SQLITE_IOERR_SHMSIZE", "look whether its disk is full"),
        ("SQLITE_BUSY", "try again later"),
    ],
)
def test_its_storage_says_what_can_be_done(
    run: Run, bare: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    """To wait does not help a disk that is full."""
    run("new-plugin", "storage", "own")
    written = runpy.run_path(str(bare / "sessionkit-own/src/sessionkit_own/storage.py"))
    error = sqlite3.OperationalError("something is wrong")
    error.sqlite_errorname = name

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("sqlite3.connect", fail)
    with pytest.raises(UnavailableError, match=f"own.db: something is wrong; {said}$"):
        written["OwnStorage"](bare / "own.db")


# -- what is refused -------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["", "My", "1st", "a b", "a--b", "-a", "a-", "a.b", "a/b", "../a", "\u00e4", "a\n", "x" * 41],
)
def test_an_odd_name_is_refused(run: Run, bare: Path, name: str) -> None:
    """With what a name looks like; nothing is written."""
    result = run("new-plugin", "storage", "--", name)

    assert 2 == result.exit_code
    assert f"{name!r} can't be a name; take lower-case letters" in result.stderr
    assert [] == list(bare.iterdir())


@pytest.mark.parametrize(
    ("kind", "name"), [("storage", "memory"), ("serializer", "json"), ("strategy", "merge")]
)
def test_a_name_of_our_own_is_refused(run: Run, bare: Path, kind: str, name: str) -> None:
    """What core offers can't be offered again."""
    result = run("new-plugin", kind, name)

    assert 2 == result.exit_code
    assert f"{name!r} is taken by plugin 'defaults' of sessionkit-core" in result.stderr
    assert [] == list(bare.iterdir())


@pytest.mark.parametrize("name", ["core", "redis", "sqlite", "streamlit"])
def test_a_distribution_of_our_own_is_refused(run: Run, name: str) -> None:
    """Whether it is installed or not."""
    result = run("new-plugin", "strategy", name)

    assert 2 == result.exit_code
    assert f"sessionkit-{name} is a distribution of sessionkit itself" in result.stderr


def test_names_that_are_taken_are_refused(
    run: Run, install: Install, install_storage: Install
) -> None:
    """By a plugin's name, whatever it offers, or by what a plugin offers of this kind."""
    install_storage("theirs", "offered", plugin="theirs")
    install("x-broken", {"broken": "broken_hooks"}, {"broken_hooks": "import no_such_module"})

    for name, plugin in [("theirs", "theirs"), ("offered", "theirs"), ("broken", "broken")]:
        result = run("new-plugin", "storage", name)
        assert 2 == result.exit_code
        assert f"{name!r} is taken by plugin {plugin!r} of x-{plugin} 1.0" in result.stderr
    assert 0 == run("new-plugin", "strategy", "offered").exit_code


def test_a_package_that_is_there_is_refused(run: Run, site: Path) -> None:
    """One of the two could not be imported."""
    (site / "sessionkit_twice.py").write_text("")

    result = run("new-plugin", "storage", "twice")

    assert 2 == result.exit_code
    assert "there is a package 'sessionkit_twice' already" in result.stderr


def test_an_existing_folder_is_left_alone(run: Run, bare: Path) -> None:
    """Also an empty one; the message says what to do."""
    folder = bare / "sessionkit-own"
    folder.mkdir()

    result = run("new-plugin", "storage", "own")

    assert 1 == result.exit_code
    assert "sessionkit-own exists already; remove it, or name another one by --folder" in (
        result.stderr
    )
    assert [] == list(folder.iterdir())


def test_a_folder_that_cannot_be_made_is_told(run: Run, bare: Path) -> None:
    """Without a traceback."""
    (bare / "file").write_text("")

    result = run("new-plugin", "storage", "own", "--folder", "file/below")

    assert 1 == result.exit_code
    assert "file/below can't be written" in result.stderr


def test_an_unknown_kind_is_refused(run: Run) -> None:
    """With the kinds that there are."""
    result = run("new-plugin", "host", "own")

    assert 2 == result.exit_code
    assert "'serializer', 'storage', 'strategy'" in result.stderr
