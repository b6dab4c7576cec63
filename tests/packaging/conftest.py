# SPDX-License-Identifier: Apache-2.0
"""The distributions as users get them: built wheels."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import attrs
import pytest

ROOT = Path(__file__).parents[2]
IMPORT_NAMES = ("sessionkit", "sessionkit_sqlite", "sessionkit_redis", "sessionkit_streamlit")


@attrs.frozen
class Wheel:
    """
    A built distribution.

    Attributes:
        import_name: The package in it.
        names: The files in it.
        metadata: Its METADATA.
        entry_points: Name to target, by group.
    """

    import_name: str
    names: tuple[str, ...]
    metadata: Message
    entry_points: dict[str, dict[str, str]]


def _read_wheel(import_name: str, file: Path) -> Wheel:
    with zipfile.ZipFile(file) as archive:
        names = tuple(archive.namelist())
        folder = next(name.split("/")[0] for name in names if ".dist-info/" in name)
        metadata = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())
        points = ConfigParser()
        points.read_string(archive.read(f"{folder}/entry_points.txt").decode())
    groups = {group: dict(points[group]) for group in points.sections()}
    return Wheel(import_name, names, metadata, groups)


@pytest.fixture(scope="session", name="wheels")
def _wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Wheel]:
    """Return the wheels, by import name, built from this tree."""
    wheels = {}
    for import_name in IMPORT_NAMES:
        folder = tmp_path_factory.mktemp("wheel")
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(command, cwd=ROOT / import_name, check=True, capture_output=True)  # noqa: S603 - our own command
        wheels[import_name] = _read_wheel(import_name, next(folder.glob("*.whl")))
    return wheels


@pytest.fixture(params=IMPORT_NAMES, name="wheel")
def _wheel(request: pytest.FixtureRequest, wheels: dict[str, Wheel]) -> Wheel:
    """Return each wheel in turn."""
    return wheels[request.param]


@pytest.fixture(name="root")
def _root() -> Path:
    """Return the folder of the checkout."""
    return ROOT


@pytest.fixture(name="projects")
def _projects() -> dict[str, dict[str, Any]]:
    """Return the ``[project]`` tables, by import name."""
    return {
        name: tomllib.loads((ROOT / name / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for name in IMPORT_NAMES
    }
