# SPDX-License-Identifier: Apache-2.0
"""What the repository says about itself is true."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "deb.debian" + ".org")
MACHINE_PATH = re.compile(r"(?<![\w.~}])/(?:root|home|Users|work)/\w")


@pytest.fixture(name="own_files")
def _own_files(root: Path) -> list[Path]:
    """Return the files that are, or would be, under version control."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        pytest.skip("needs git and a checkout: tracked files are asked for")
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    paths = [root / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def _texts(files: list[Path]) -> dict[Path, str]:
    binary = {".png", ".webp", ".ico", ".db"}
    return {file: file.read_text(encoding="utf-8") for file in files if file.suffix not in binary}


def test_names_no_registry(own_files: list[Path]) -> None:
    """No file says where packages come from: that is the business of whoever installs."""
    found = {
        str(file): host
        for file, text in _texts(own_files).items()
        for host in REGISTRIES
        if host in text
    }

    assert {} == found


def test_names_no_machine_path(own_files: list[Path]) -> None:
    """No file holds a path of the machine that it was written on."""
    found = {
        str(file): match[0]
        for file, text in _texts(own_files).items()
        if (match := MACHINE_PATH.search(text))
    }

    assert {} == found


def test_links_lead_somewhere(own_files: list[Path]) -> None:
    """Each relative link of a document names a file that is there."""
    dead = [
        f"{file.name}: {target}"
        for file, text in _texts([file for file in own_files if file.suffix == ".md"]).items()
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
        if "://" not in target and not (file.parent / target).exists()
    ]

    assert [] == dead


def test_ci_runs_the_tests_as_the_readme_says(root: Path) -> None:
    """What CI proves is the very line that a reader types."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    command = next(line for line in readme.splitlines() if line.endswith("nox -s tests"))

    assert f"  {command}\n" in script


def test_named_sessions_exist(root: Path) -> None:
    """Each ``nox -s NAME`` of the documents is a session of the noxfile."""
    defined = set(
        re.findall(r"^def (\w+)\(session", (root / "noxfile.py").read_text(), re.MULTILINE)
    )
    named = {
        name
        for document in ("README.md", "CONTRIBUTING.md")
        for name in re.findall(r"nox -s ([a-z]+)", (root / document).read_text(encoding="utf-8"))
    }

    assert named
    assert named <= defined


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-oldest.txt"])
def test_constraints_are_names_and_numbers(root: Path, name: str) -> None:
    """The tested versions come with no address, path or hash."""
    lines = (root / name).read_text(encoding="utf-8").splitlines()
    odd = [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*( ; .+)?", line)]

    assert [] == odd


def test_constraints_cover_what_is_needed(root: Path, projects: dict[str, Any]) -> None:
    """Each direct dependency, of users and of developers, has its tested version."""
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = {line.split("==")[0] for line in lines}
    groups = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))[
        "dependency-groups"
    ]
    needed = [line for project in projects.values() for line in project["dependencies"]]
    needed += [line for group in groups.values() for line in group if isinstance(line, str)]
    names = {re.split(r"[\[<>=~! ]", line)[0] for line in needed}

    assert set() == names - tested - {"sessionkit-core"}


def test_the_oldest_streamlit_that_is_supported_is_tested(
    root: Path, projects: dict[str, Any]
) -> None:
    """The lower bound that users see is the version that the smoke tests run with."""
    (needed,) = [
        line
        for line in projects["sessionkit_streamlit"]["dependencies"]
        if line.startswith("streamlit")
    ]
    lines = (root / "constraints-oldest.txt").read_text(encoding="utf-8").splitlines()
    assert f"streamlit=={needed.removeprefix('streamlit>=')}.0" in lines
    assert "step oldest checks oldest\n" in (root / ".ci" / "run").read_text(encoding="utf-8")


def test_the_line_for_an_editor_installs_what_tests_need(root: Path) -> None:
    """All distributions by path, and the group that has pytest and what the tests import."""
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if " -e " in line]
    assert "--group dev" in line
    assert 4 == line.count(" -e ")


def test_changelog_has_what_comes_next(root: Path) -> None:
    """There is a place for what is not released yet."""
    assert "\n## [Unreleased]\n" in (root / "CHANGELOG.md").read_text(encoding="utf-8")
