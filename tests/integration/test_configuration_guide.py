# SPDX-License-Identifier: Apache-2.0
"""``docs/configuration.md`` lists every setting, with the default that it has."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs

import sessionkit_redis.hooks
import sessionkit_sqlite.hooks
import sessionkit_streamlit.hooks
from sessionkit import Settings
from sessionkit.settings.types import parse_duration

GUIDE = Path(__file__).parents[2] / "docs" / "configuration.md"
INJECTED = ("tokens",)
ROW = re.compile(r"^\| `(?P<key>[\w.<>]+)` \| (?P<default>[^|]*) \|", re.MULTILINE)


def _documented() -> dict[str, str]:
    """Return what the guide's table says: default by key."""
    return {row["key"]: row["default"] for row in ROW.finditer(GUIDE.read_text(encoding="utf-8"))}


def _read(text: str, like: Any) -> Any:
    """Return the default that the guide shows, as the settings class holds it."""
    shown = json.loads(text.strip("`"))
    if isinstance(like, timedelta):
        return parse_duration(shown)
    return type(like)(shown) if isinstance(like, Path | tuple) else shown


def _of_class(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Go through the keys of a settings class and their defaults."""
    for field in attrs.fields(type(settings)):
        default = getattr(settings, field.name)
        if field.metadata:
            continue
        if attrs.has(type(default)):
            yield from _of_class(default, f"{prefix}{field.name}.")
        elif isinstance(default, Mapping):
            yield f"{prefix}{field.name}.<name>", {}
        else:
            yield f"{prefix}{field.name}", default


def _of_factory(prefix: str, factory: Callable[..., object]) -> Iterator[tuple[str, Any]]:
    """Go through the keywords of a plugin's factory; None where there is no default."""
    for name, parameter in inspect.signature(factory).parameters.items():
        if name not in INJECTED:
            default = parameter.default
            yield f"{prefix}.{name}", None if default is inspect.Parameter.empty else default


def _expected() -> dict[str, Any]:
    """Return what there is to set, and the defaults."""
    storages = {
        **sessionkit_sqlite.hooks.sessionkit_storages(),
        **sessionkit_redis.hooks.sessionkit_storages(),
    }
    streamlit = sessionkit_streamlit.hooks.sessionkit_hosts()["streamlit"]
    return {
        **dict(_of_class(Settings())),
        **{
            key: default
            for name, factory in storages.items()
            for key, default in _of_factory(f"storages.{name}", factory)
        },
        **dict(_of_factory("hosts.streamlit", streamlit)),
    }


def test_every_setting_is_listed() -> None:
    """No setting is left out, and none is made up."""
    assert set(_expected()) == set(_documented())


def test_defaults_are_right() -> None:
    """Each default in the table is the one that is used; where there is none, words say what happens."""
    documented = _documented()
    expected = {key: default for key, default in _expected().items() if default is not None}

    assert expected == {key: _read(documented[key], like) for key, like in expected.items()}
