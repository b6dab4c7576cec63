# SPDX-License-Identifier: Apache-2.0
"""What is in the wheels, and what they say about themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Wheel

PLUGINS = ("sessionkit_sqlite", "sessionkit_redis", "sessionkit_streamlit")


def test_holds_one_package_and_nothing_else(wheel: Wheel) -> None:
    """A wheel installs its own package: no tests, no second top-level name."""
    tops = {name.split("/")[0] for name in wheel.names if ".dist-info/" not in name}

    assert {wheel.import_name} == tops
    modules = [name for name in wheel.names if not name.endswith(".template")]
    assert not [name for name in modules if "/tests/" in name or "/test_" in name]


def test_is_typed(wheel: Wheel) -> None:
    """Type checkers of users read the annotations."""
    assert f"{wheel.import_name}/py.typed" in wheel.names


def test_carries_the_licence(wheel: Wheel) -> None:
    """Who gets the wheel gets the licence's text."""
    assert "Apache-2.0" == wheel.metadata["License-Expression"]
    assert [name for name in wheel.names if name.endswith(".dist-info/licenses/LICENSE")]


def test_name_differs_from_the_strangers(wheels: dict[str, Wheel]) -> None:
    """No distribution is called ``sessionkit``: that name is an unrelated program's."""
    names = [wheel.metadata["Name"] for wheel in wheels.values()]

    expected = ["sessionkit-core", "sessionkit-sqlite", "sessionkit-redis", "sessionkit-streamlit"]
    assert expected == names


def test_needs_no_stranger(wheel: Wheel) -> None:
    """No distribution depends on the name ``sessionkit``."""
    needed = wheel.metadata.get_all("Requires-Dist") or []

    assert not [line for line in needed if line.split(";")[0].strip().startswith("sessionkit=")]
    assert not [line for line in needed if line.split(";")[0].split("[")[0].strip() == "sessionkit"]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugin_needs_exactly_its_core(wheels: dict[str, Wheel], plugin: str) -> None:
    """A plugin works with the core of its own version only."""
    version = wheels["sessionkit"].metadata["Version"]
    cores = [
        line
        for line in wheels[plugin].metadata.get_all("Requires-Dist") or []
        if line.startswith("sessionkit-core")
    ]

    assert 1 == len(cores)
    assert cores[0].endswith(f"=={version}")


def test_versions_are_equal(wheels: dict[str, Wheel]) -> None:
    """The distributions are released together."""
    assert 1 == len({wheel.metadata["Version"] for wheel in wheels.values()})


def test_needs_python_3_11(wheel: Wheel) -> None:
    """An older Python is refused by the installer, not at the first import."""
    assert ">=3.11" == wheel.metadata["Requires-Python"]


@pytest.mark.parametrize(
    ("import_name", "group", "name"),
    [
        ("sessionkit", "console_scripts", "sessionkit"),
        ("sessionkit_sqlite", "sessionkit", "sqlite"),
        ("sessionkit_redis", "sessionkit", "redis"),
        ("sessionkit_streamlit", "sessionkit", "streamlit"),
    ],
)
def test_entry_point(wheels: dict[str, Wheel], import_name: str, group: str, name: str) -> None:
    """Each entry point is there and names a module of its own wheel."""
    wheel = wheels[import_name]
    module = wheel.entry_points[group][name].split(":")[0]

    files = {f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"}
    assert files & set(wheel.names)


def test_licences_are_the_same(root: Path, projects: dict[str, Any]) -> None:
    """Each distribution has its copy of the one licence."""
    licence = (root / "LICENSE").read_text(encoding="utf-8")

    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert all(
        licence == (root / name / "LICENSE").read_text(encoding="utf-8") for name in projects
    )


def test_distribution_folders_are_no_packages(root: Path, projects: dict[str, Any]) -> None:
    """An ``__init__.py`` in a top-level folder would shadow the installed package."""
    assert not [name for name in projects if (root / name / "__init__.py").exists()]
