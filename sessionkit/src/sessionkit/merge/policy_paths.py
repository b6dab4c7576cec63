# SPDX-License-Identifier: Apache-2.0
"""Reads the paths and names of ``[conflict.fields]``, and refuses what can't be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeAlias

import attrs

from sessionkit.errors import ConfigError
from sessionkit.merge.policies import FORMS, POLICIES, Policies
from sessionkit.session.forms import FormState
from sessionkit.settings.suggestions import suggest

Path: TypeAlias = tuple[str, ...]

_DEEP: Final = ("inputs", "extensions", "page_views", "cache_dependencies")
_FLAT: Final = (
    "theme",
    "language",
    "timezone",
    "max_history_size",
    "interaction_count",
    "dirty_forms",
    "navigation_history",
    "cache_keys",
    "roles",
    "permissions",
)
_NEVER: Final = ("session_id", "user_id", "authenticated", "created_at", "last_activity", "version")
_FORM_FIELDS: Final = tuple(
    str(field.alias)
    for field in attrs.fields(FormState)
    if field.alias not in {"form_id", "unknown"}
)
_DEEP_FORM_FIELDS: Final = ("data", "errors")
_SEGMENT: Final = re.compile(r'"(?P<quoted>[^"]+)"|(?P<bare>[^."]+)')


def read_policies(
    fields: Mapping[str, str], where: Callable[[str], str] = lambda _: ""
) -> Policies:
    """
    Return the policies that settings name.

    Args:
        fields: Names of policies by path.
        where: Says who set a key.

    Raises:
        ConfigError: If a policy is unknown, or a path can't exist.
    """
    tree: dict[str, Any] = {}
    for path, name in fields.items():
        said = where(f"conflict.fields.{path}")
        keys = _checked(path, f"{said}: " if said else "")
        if name not in POLICIES:
            msg = f"{said and said + ': '}[conflict.fields] {path!r}: {name!r} is no policy; "
            raise ConfigError(msg + suggest(name, POLICIES))
        node = tree
        for key in keys:
            node = node.setdefault(key, {})
        node[""] = POLICIES[name]
    return _made(tree)


def _made(tree: Mapping[str, Any]) -> Policies:
    below = {key: _made(node) for key, node in tree.items() if key}
    return Policies(tree.get(""), below)


def _checked(path: str, said: str) -> Path:
    keys = _split(path, said)
    first, *rest = keys
    if first in _NEVER:
        _refuse(said, path, f"{first} is never a matter of policy")
    if first == FORMS:
        _check_form(rest, path, said)
    elif first in _FLAT and rest:
        _refuse(said, path, f"{first} holds no dict to go into")
    elif first not in (*_FLAT, *_DEEP):
        _refuse(
            said, path, f"there is no field {first!r}; {suggest(first, (*_FLAT, *_DEEP, FORMS))}"
        )
    return keys


def _check_form(rest: Sequence[str], path: str, said: str) -> None:
    if len(rest) < 2:  # noqa: PLR2004 - a form and a field
        _refuse(said, path, "name a form, or *, and a field of it, such as forms.*.data")
    _, field, *deeper = rest
    if field not in _FORM_FIELDS:
        _refuse(said, path, f"a form has no field {field!r}; {suggest(field, _FORM_FIELDS)}")
    if deeper and field not in _DEEP_FORM_FIELDS:
        _refuse(said, path, f"{field} holds no dict to go into")


def _split(path: str, said: str) -> Path:
    keys = []
    end = 0
    while found := _SEGMENT.match(path, end):
        keys.append(found["quoted"] or found["bare"])
        end = found.end()
        if path[end : end + 1] != ".":
            break
        end += 1
    if end != len(path) or not keys or path.endswith("."):
        _refuse(said, path, 'keys are parted by dots; one with a dot in it stands in "quotes"')
    return tuple(keys)


def _refuse(said: str, path: str, why: str) -> NoReturn:
    msg = f"{said}[conflict.fields] {path!r}: {why}"
    raise ConfigError(msg)
