# SPDX-License-Identifier: Apache-2.0
"""
Every chore by name: ``nox --list``, then ``nox -s NAME -- arguments``.

The distributions are built as wheels and installed by path, never by name: an
installer that is asked for ``sessionkit`` takes an unrelated program.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_external_run = True
nox.options.download_python = "never"
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
DISTRIBUTIONS = ("sessionkit", "sessionkit_sqlite", "sessionkit_redis", "sessionkit_streamlit")
EXTRAS = {"sessionkit_core": "[cli,testing]", "sessionkit_sqlite": "[postgresql,mysql]"}
# A file's tests stay together: they share servers and browsers. In their order: those of browsers take longest,
# and wait for a page or a process half of the time: two workers more than there are cores.
WORKERS = (os.cpu_count() or 1) + 2
ON_ALL_CORES = (f"--numprocesses={WORKERS}", "--dist=loadfile", "--no-loadscope-reorder")
PYTHONS = nox.project.python_versions(nox.project.load_toml("sessionkit/pyproject.toml"))


@nox.session
def demo(session: nox.Session) -> None:
    """Run the demo; arguments are passed on to ``sessionkit demo``."""
    install(session)
    session.run("sessionkit", "demo", *session.posargs)


@nox.session(default=False)
def example(session: nox.Session) -> None:
    """Run one of examples/, such as ``order_form``, ``storage`` or ``replicas URL``; further arguments go to it."""
    if not session.posargs:
        session.error("which one? examples/README.md has them")
    name, *arguments = session.posargs
    install(session)
    if name == "storage":
        session.install("--no-deps", "--force-reinstall", "./examples/storage")
        with session.chdir("examples/storage"):
            session.run("sessionkit", "run", "diary.py", *arguments)
    elif name == "replicas":
        session.run("python", "examples/replicas/replicas.py", *arguments)
    else:
        session.run("sessionkit", "run", f"examples/{name}.py", *arguments)


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Take the pictures and the film that README and docs show, of real servers in a real browser."""
    install(session, "tests")
    session.install("--no-deps", "--force-reinstall", "./examples/storage")
    session.run("python", "docs/take_pictures.py")
    session.run("python", "docs/animate_demo.py")
    session.run("python", "docs/picture_of_restart.py")


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test against wheels, on all cores; arguments are passed on to pytest instead."""
    install(session, "tests")
    session.run("pytest", *(session.posargs or ON_ALL_CORES), env=writing_bytecode())


@nox.session
def oldest(session: nox.Session) -> None:
    """
    Run the smoke tests with the oldest Streamlit that is supported; the newest is in constraints.txt.

    Those of ``sessionkit run``, ``st.App`` and plain ``streamlit run``, in a browser. Arguments
    are passed on to pytest.
    """
    install(session, "smoke", constraints="constraints-oldest.txt")
    session.run("pytest", "tests/browser/test_smoke.py", *session.posargs, env=writing_bytecode())


for version in PYTHONS:
    nox.session(tests.func, python=version, name=f"tests-{version}", default=False)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against raw drivers and other libraries; arguments are those of benchmarks/run.py."""
    install(session, "bench")
    session.run("python", "benchmarks/run.py", *session.posargs, env=writing_bytecode())


@nox.session
def coverage(session: nox.Session) -> None:
    """Run every test and say which lines none of them reached."""
    install(session, "tests")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs, env=writing_bytecode())
    session.run("coverage", "combine")
    session.run("coverage", "report", "--show-missing", "--skip-covered")


@nox.session
def lint(session: nox.Session) -> None:
    """Check rules, format and the direction of imports."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check the packages' types, then those that a user of the wheels sees."""
    install(session, "types")
    session.run("mypy")
    # From their own folder, where no source tree is near: only py.typed makes this pass.
    with session.chdir("tests/typing"):
        session.run("mypy", "--strict", "--config-file=", ".", "../../examples")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into site/, where any warning is an error; ``-- serve`` shows it while one writes."""
    needed = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "docs")
    session.install("-c", "constraints.txt", *needed)
    if session.posargs:
        session.run("zensical", *session.posargs)
        return
    session.run("zensical", "build", "--clean", "--strict")
    session.run("python", "docs/check_site.py")


@nox.session
def architecture(session: nox.Session) -> None:
    """Draw the rooms and their arrows into docs/architecture.md."""
    session.run("python", "docs/draw_rooms.py")


@nox.session
def build(session: nox.Session) -> None:
    """Build wheels and source distributions into dist/."""
    build_into(session, ROOT / "dist", "wheel", "sdist")


def install(
    session: nox.Session, group: str | None = None, *, constraints: str = "constraints.txt"
) -> None:
    """
    Install the wheels, and the dependencies that *group* of pyproject.toml names.

    Args:
        session: Where to.
        group: A dependency group of the root pyproject.toml.
        constraints: The file with the versions.
    """
    pyproject = nox.project.load_toml("pyproject.toml")
    needed = nox.project.dependency_groups(pyproject, group) if group else ()
    wheels = build_into(session, ROOT / session.create_tmp() / "wheels", "wheel")
    named = [f"{wheel}{EXTRAS.get(wheel.name.split('-')[0], '')}" for wheel in wheels]
    compiling = {"UV_COMPILE_BYTECODE": "1"}
    session.install("-c", constraints, *named, *needed, env=compiling)
    # A second run meets the same version numbers, which an installer takes for the same code.
    session.install("--no-deps", "--force-reinstall", *map(str, wheels), env=compiling)


def build_into(session: nox.Session, folder: Path, *targets: str) -> list[Path]:
    """
    Build the distributions with the session's own hatchling.

    Args:
        session: Whose environment.
        folder: Where to; emptied first.
        targets: ``"wheel"``, ``"sdist"``.

    Returns:
        The wheels.
    """
    shutil.rmtree(folder, ignore_errors=True)
    session.install("-c", "constraints.txt", "hatchling")
    for distribution in DISTRIBUTIONS:
        with session.chdir(distribution):
            for target in targets:
                session.run("hatchling", "build", "-t", target, "-d", str(folder), silent=True)
    return sorted(folder.glob("*.whl"))


def writing_bytecode() -> dict[str, str | None]:
    """Return an environment that lets Python write bytecode: import times are measured with it."""
    return {"PYTHONDONTWRITEBYTECODE": None}
