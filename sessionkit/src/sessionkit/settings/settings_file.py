# SPDX-License-Identifier: Apache-2.0
"""The file that holds the settings: which one it is, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from sessionkit.errors import ConfigError
from sessionkit.settings.settings_sources import FILE_VARIABLE

_PYPROJECT: Final = "pyproject.toml"


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
