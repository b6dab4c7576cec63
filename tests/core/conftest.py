# SPDX-License-Identifier: Apache-2.0
"""Tiny distributions that are really installed: a folder on sys.path with their metadata."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import settings

from sessionkit.cli.app import make_cli
from sessionkit.plugins import Plugins

# How long an example takes depends on what else the machine does.
settings.register_profile("sessionkit", deadline=None)
settings.load_profile("sessionkit")

HOOKS = """\
from sessionkit.hookspecs import hookimpl

{body}
"""

Install = Callable[..., None]


@pytest.fixture(name="site")
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path; what is imported from it is forgotten afterwards."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    yield site
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(site)):
            del sys.modules[name]


@pytest.fixture(name="install")
def _install(site: Path) -> Install:
    """Install a distribution: its entry points, and its modules' source below the import of hookimpl."""

    def install(
        name: str,
        points: Mapping[str, str],
        modules: Mapping[str, str] | None = None,
        *,
        version: str = "1.0",
    ) -> None:
        folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        lines = "\n".join(f"{point} = {module}" for point, module in points.items())
        (folder / "entry_points.txt").write_text(f"[sessionkit]\n{lines}\n")
        for module, body in (modules or {}).items():
            (site / f"{module}.py").write_text(HOOKS.format(body=body))

    return install


@pytest.fixture(name="points")
def _points(site: Path) -> Callable[[], list[EntryPoint]]:
    """Return the entry points of what was installed by the test, and of nothing else."""

    def points() -> list[EntryPoint]:
        return [point for one in distributions(path=[str(site)]) for point in one.entry_points]

    return points


@pytest.fixture(name="bare")
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without any variable of sessionkit."""
    for name in list(os.environ):
        if name.upper().startswith("SESSIONKIT_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "app"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(name="write")
def _write(bare: Path) -> Callable[..., Path]:
    """Write a file into that folder: the settings' own, where no other name is given."""

    def write(text: str, name: str = "sessionkit.toml") -> Path:
        path = bare / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


STORAGE = """\
def _open(url, *, timeout=5, table: str = "sessions"):
    return ("opened", url, timeout, table)

@hookimpl
def sessionkit_storages():
    return {offers}
"""


@pytest.fixture(name="install_storage")
def _install_storage(install: Install) -> Install:
    """Install the distribution x-NAME, whose plugin NAME offers a storage NAME, or the given ones."""

    def install_storage(name: str, *offers: str, plugin: str = "", version: str = "1.0") -> None:
        factories = ", ".join(f"{offer!r}: _open" for offer in offers or [name])
        source = STORAGE.format(offers=f"{{{factories}}}")
        install(
            f"x-{name}",
            {plugin or name: f"{name}_hooks"},
            {f"{name}_hooks": source},
            version=version,
        )

    return install_storage


@pytest.fixture(name="plugins")
def _plugins(points: Callable[[], list[EntryPoint]]) -> Callable[[], Plugins]:
    """Return what the test has installed, after it did."""
    return lambda: Plugins(entry_points=points())


@pytest.fixture(name="run")
def _run(bare: Path, plugins: Callable[[], Plugins]) -> Callable[..., Result]:
    """Run the command with the plugins that the test installed, in an empty folder."""
    assert bare == Path.cwd()

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(make_cli(plugins()), arguments, prog_name="sessionkit")
        assert isinstance(result.exception, SystemExit | None), result.exception
        return result

    return run
