# SPDX-License-Identifier: Apache-2.0
"""
What is said about settings: in code, in environment variables, in a file's tables.

Each source becomes a flat mapping from the key's path to an entry: what was said, and the place
that an error has to name. Nothing here knows which keys exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from sessionkit.errors import ConfigError
from sessionkit.settings.types import VARIABLE
from sessionkit.tokens import check_secret

KeyPath = tuple[str, ...]

DERIVED: Final = "derived"
"""Marks, in a field's metadata, what no source can set."""

ENV: Final = "env:"
"""Begins a secret that stands in an environment variable."""

CODE: Final = "configure(...)"
PREFIX: Final = "SESSIONKIT_"
FILE_VARIABLE: Final = "SESSIONKIT_CONFIG"
SECRET_VARIABLE: Final = "SESSIONKIT_SECRET_KEY"  # noqa: S105 - a variable's name
_OWN_MEANING: Final = frozenset({FILE_VARIABLE, SECRET_VARIABLE})
_SECRET: Final = ("security", "secret_key")
_PYPROJECT: Final = "pyproject.toml"


@attrs.frozen
class Entry:
    """
    What one source says of one key.

    Attributes:
        value: The value; text from an environment variable.
        origin: The file, the variable or the call that said it.
        is_text: Whether the value still has to be read as the key's type.
    """

    value: Any = attrs.field(repr=False)
    origin: str
    is_text: bool = False


Entries = dict[KeyPath, Entry]


def overlay(sources: Iterable[Entries]) -> Entries:
    """Return what all say, the lowest first; a key replaces what those below say there, an empty table replaces nothing."""
    all_said: Entries = {}
    for upper in sources:
        said = {
            path: new
            for path, new in upper.items()
            if new.value != {} or not _below(path, all_said)
        }
        kept = {
            path: entry
            for path, entry in all_said.items()
            if not any(_meet(path, new) for new in said)
        }
        all_said = kept | said
    return all_said


def _meet(one: KeyPath, other: KeyPath) -> bool:
    return one[: len(other)] == other[: len(one)]


def _below(path: KeyPath, entries: Entries) -> bool:
    return any(other[: len(path)] == path for other in entries)


def nest(entries: Mapping[KeyPath, Any]) -> dict[str, Any]:
    """Return values by path as tables within tables."""
    root: dict[str, Any] = {}
    for path, value in entries.items():
        table = root
        for name in path[:-1]:
            table = table.setdefault(name, {})
        table[path[-1]] = value
    return root


# -- code and tables -------------------------------------------------------------------


def from_table(table: Mapping[str, Any], origin: str) -> Entries:
    """Return what nested tables say, in a file or in code; an empty table stays as it is."""
    return {path: Entry(value, origin) for path, value in _leaves(table, (), origin)}


def _leaves(table: Mapping[Any, Any], above: KeyPath, origin: str) -> Iterator[tuple[KeyPath, Any]]:
    for name, value in table.items():
        if not isinstance(name, str):
            place = ".".join(above) or "the settings"
            msg = f"{origin}: {place}: keys are text, not {type(name).__name__}"
            raise ConfigError(msg)
        path = (*above, name)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path, origin)
        else:
            yield path, value


# -- environment variables -------------------------------------------------------------


def own_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables that begin with ``SESSIONKIT_``, by name in capitals.

    Raises:
        ConfigError: If two names differ in case only.
    """
    own: dict[str, str] = {}
    for name in environ:
        if name.upper().startswith(PREFIX):
            if name.upper() in own:
                msg = f"{VARIABLE} {name.upper()} is set twice, in different case; keep one"
                raise ConfigError(msg)
            own[name.upper()] = environ[name]
    return own


def from_environment(own: Mapping[str, str]) -> Entries:
    """Return what variables say; *own* are those of :func:`own_variables`."""
    return {
        tuple(name[len(PREFIX) :].lower().split("__")): Entry(
            text, f"{VARIABLE} {name}", is_text=True
        )
        for name, text in own.items()
        if name not in _OWN_MEANING
    }


def as_variable(path: KeyPath) -> str:
    """Return the name of the environment variable that sets a key."""
    return PREFIX + "__".join(path).upper()


def resolve_secret(entries: Entries, environ: Mapping[str, str]) -> Entries:
    """
    Return *entries* with the secret that ``env:NAME`` stands for.

    Nobody has to ask for ``SESSIONKIT_SECRET_KEY``: it counts wherever no
    secret was given.

    Raises:
        ConfigError: If the variable is too short, or was asked for and isn't set.
    """
    asked = entries.get(_SECRET)
    reference = asked.value if asked else ENV if SECRET_VARIABLE in environ else None
    if reference is None or not reference.startswith(ENV):
        return entries
    name = reference.removeprefix(ENV).strip() or SECRET_VARIABLE
    place = f"{asked.origin}: {'.'.join(_SECRET)}: " if asked else ""
    try:
        secret = check_secret(environ[name])
    except KeyError:
        msg = f"{place}{VARIABLE} {name} is not set; it must hold the app's secret"
        raise ConfigError(msg) from None
    except ConfigError as error:
        msg = f"{place}{VARIABLE} {name}: {error}"
        raise ConfigError(msg) from error
    return entries | {_SECRET: Entry(secret, f"{VARIABLE} {name}")}


# -- the file --------------------------------------------------------------------------


@attrs.frozen
class ConfigFile:
    """
    A file that was read.

    Attributes:
        path: Its absolute path.
        table: What it says.
    """

    path: Path
    table: Mapping[str, Any] = attrs.field(repr=False)


def find_file(own: Mapping[str, str]) -> ConfigFile | None:
    """
    Read ``$SESSIONKIT_CONFIG``, else ``./sessionkit.toml``, else ``./pyproject.toml``.

    Args:
        own: The variables of :func:`own_variables`.

    Returns:
        The first that is there; None when there is none. A ``./pyproject.toml``
        without a table ``[tool.sessionkit]`` counts as none.

    Raises:
        ConfigError: If the file can't be read; the message says which and where.
    """
    if FILE_VARIABLE in own:
        return _named_file(own[FILE_VARIABLE])
    toml = Path("sessionkit.toml").absolute()
    if (data := _read(toml)) is not None:
        return ConfigFile(toml, _parse(toml, data))
    project = Path(_PYPROJECT).absolute()
    data = _read(project)
    # A project's file that never speaks of us is none of our business, not even when it is broken.
    if data is None or b"sessionkit" not in data:
        return None
    table = _tool_table(project, _parse(project, data))
    return None if table is None else ConfigFile(project, table)


def _named_file(name: str) -> ConfigFile:
    if not name.strip():
        msg = f"environment variable {FILE_VARIABLE} is empty: name a file, or unset it"
        raise ConfigError(msg)
    path = Path(name).absolute()
    data = _read(path)
    if data is None:
        msg = f"environment variable {FILE_VARIABLE}: there is no file {path}"
        raise ConfigError(msg)
    document = _parse(path, data)
    table = _tool_table(path, document) if path.name == _PYPROJECT else document
    if table is None:
        msg = f"environment variable {FILE_VARIABLE}: {path} has no table [tool.sessionkit]"
        raise ConfigError(msg)
    return ConfigFile(path, table)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"{path}: the settings can't be read: {error.strerror or error}"
        raise ConfigError(msg) from error


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - not needed where there is no file

    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        msg = f"{path}: not UTF-8 (line {line}, byte {error.start}); save the file as UTF-8"
        raise ConfigError(msg) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        msg = f"{path}: not TOML: {error}"
        raise ConfigError(msg) from error


def _tool_table(path: Path, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    tools = document.get("tool", {})
    if not isinstance(tools, dict) or "sessionkit" not in tools:
        return None
    table = tools["sessionkit"]
    if not isinstance(table, dict):
        msg = f"{path}: tool.sessionkit is a table, not {type(table).__name__}"
        raise ConfigError(msg)
    return table
