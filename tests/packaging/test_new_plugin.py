# SPDX-License-Identifier: Apache-2.0
"""What ``sessionkit new-plugin`` writes, as its author gets it: built, installed, found, proved."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import attrs
import pytest

NAME = "brand_new"
KINDS = ("storage", "serializer", "strategy")


@attrs.frozen
class Written:
    """
    A plugin that was written and installed.

    Attributes:
        kind: What it is.
        folder: Its sources.
        site: Where its wheel is unpacked.
    """

    kind: str
    folder: Path
    site: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program in the sources' folder, with what is installed and no settings."""
        bare = {name: value for name, value in os.environ.items() if "SESSIONKIT_" not in name}
        bare |= {"PYTHONPATH": str(self.site), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return subprocess.run(  # noqa: S603 - our own commands
            command, cwd=self.folder, env=bare, check=False, capture_output=True, text=True
        )


def _script() -> Path:
    return Path(sys.executable).with_name("sessionkit")


@pytest.fixture(scope="module", params=KINDS, name="written")
def _written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return a plugin of each kind, built by hatchling and installed from its wheel."""
    place = tmp_path_factory.mktemp(request.param)
    written = Written(request.param, place / "plugin", place / "site")
    command = [_script(), "new-plugin", request.param, NAME, "--folder", written.folder]
    subprocess.run(command, cwd=place, check=True, capture_output=True)  # noqa: S603 - our own script
    built = written.run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist")
    assert 0 == built.returncode, built.stderr
    # A wheel of Python alone is installed by unpacking it; nothing is fetched.
    (wheel,) = (written.folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(written.site)
    return written


def test_it_is_found(written: Written) -> None:
    """``sessionkit plugins`` shows it, with what it offers."""
    listed = written.run(_script(), "plugins")

    assert (0, "") == (listed.returncode, listed.stderr)
    word = "conflict strategy" if written.kind == "strategy" else written.kind
    line = next(line for line in listed.stdout.splitlines() if line.startswith(NAME))
    assert [NAME, "sessionkit-brand-new", "0.1.0", *word.split(), NAME] == line.split()


def test_it_passes_its_suite_at_once(written: Written) -> None:
    """All its tests pass, the conformance suite among them; an ability it lacks is skipped, no more."""
    ran = written.run(sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")

    assert 0 == ran.returncode, ran.stdout
    passed = int(ran.stdout.splitlines()[-1].split(" passed")[0].split()[-1])
    assert passed > 80


def test_its_wheel_holds_its_package(written: Written) -> None:
    """And nothing else: no tests; type checkers read its annotations."""
    names = {file.name for file in written.site.iterdir()}
    package = {file.name for file in (written.site / "sessionkit_brand_new").iterdir()}

    assert {"sessionkit_brand_new", "sessionkit_brand_new-0.1.0.dist-info"} == names
    assert {"__init__.py", "hooks.py", f"{written.kind}.py", "py.typed"} <= package


@pytest.mark.skipif(shutil.which("ruff") is None, reason="needs ruff: install the group lint")
@pytest.mark.parametrize("check", [("check",), ("format", "--check", "--line-length", "100")])
def test_its_code_is_clean(written: Written, check: tuple[str, ...]) -> None:
    """Ruff has nothing to say, by its own default rules."""
    checked = written.run("ruff", check[0], "--isolated", "--no-cache", *check[1:], "src", "tests")

    assert 0 == checked.returncode, checked.stdout


@pytest.mark.skipif(shutil.which("mypy") is None, reason="needs mypy: install the group types")
def test_its_types_are_right(written: Written, tmp_path: Path) -> None:
    """Mypy, strict, has nothing to say."""
    checked = written.run("mypy", f"--cache-dir={tmp_path}", "--strict", "src", "tests")

    assert 0 == checked.returncode, checked.stdout
