# SPDX-License-Identifier: Apache-2.0
"""
What a value has to be that settings give: checked against its type, or read from a text.

Nothing is turned into what it isn't: ``"5"`` in a file is no number. The text of
an environment variable is read as the type that is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, NoReturn, Union, get_args, get_origin

import cattrs
from cattrs.strategies import configure_union_passthrough

from sessionkit.errors import ConfigError
from sessionkit.settings.durations import parse_duration
from sessionkit.settings.literals import as_text, literal

_SHOWN: Final = 40
_WORDS: Final = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path",
    NoneType: "nothing",
}


def needs(kind: str, value: object) -> NoReturn:
    """Raise a :class:`ConfigError` that says what is needed instead of *value*."""
    shown = repr(value)
    found = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    msg = f"{kind} is needed, not {type(value).__name__} {found}"
    raise ConfigError(msg)


def text(value: Any, _: object = str) -> str:  # noqa: ANN401 - what a source said
    """Return a text as it is, and refuse everything else."""
    if not isinstance(value, str):
        # Not shown: it may be a secret.
        msg = f"a text is needed, not {type(value).__name__}"
        raise ConfigError(msg)
    return value


def _whole(value: Any, _: object) -> int:  # noqa: ANN401 - what a source said
    if isinstance(value, bool) or not isinstance(value, int):
        needs(_WORDS[int], value)
    return value


def _whole_from_text(value: str, _: object) -> int:
    return _whole(literal(value), int)


def _number(value: Any, _: object) -> float:  # noqa: ANN401 - what a source said
    if isinstance(value, bool) or not isinstance(value, int | float):
        needs(_WORDS[float], value)
    return float(value)


def _number_from_text(value: str, _: object) -> float:
    try:
        return float(value)
    except ValueError:
        needs(_WORDS[float], value)


def _flag(value: Any, _: object) -> bool:  # noqa: ANN401 - what a source said
    if not isinstance(value, bool):
        needs(_WORDS[bool], value)
    return value


def _flag_from_text(value: str, _: object) -> bool:
    return _flag(literal(value), bool)


def _duration(value: Any, _: object) -> timedelta | None:  # noqa: ANN401 - what a source said
    if value is None or isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        needs("a duration with its unit, such as '24h' or 'never',", value)
    return parse_duration(value)


def _path(value: Any, _: object) -> Path:  # noqa: ANN401 - what a source said
    return value if isinstance(value, Path) else Path(text(value))


def _names(value: Any, kind: Any) -> Sequence[str]:  # noqa: ANN401 - what a source said
    if not isinstance(value, list | tuple):
        needs("a list of names", value)
    return (list if get_origin(kind) is list else tuple)(text(name) for name in value)


def _names_from_text(value: str, kind: Any) -> Sequence[str]:  # noqa: ANN401 - a type
    return _names([name.strip() for name in value.split(",") if name.strip()], kind)


def _one_of(value: Any, kind: Any) -> Any:  # noqa: ANN401 - a Literal's value
    right = get_args(kind)
    if (type(value), value) not in [(type(one), one) for one in right]:
        needs(_listed([repr(one) for one in right]), value)
    return value


def _is_duration(kind: Any) -> bool:  # noqa: ANN401 - a type
    return bool(kind == timedelta | None)


def _is_names(kind: Any) -> bool:  # noqa: ANN401 - a type
    return get_origin(kind) in {tuple, list, Sequence} and get_args(kind) in {(str,), (str, ...)}


def _is_literal(kind: Any) -> bool:  # noqa: ANN401 - a type
    return get_origin(kind) is Literal


def _is_union(kind: Any) -> bool:  # noqa: ANN401 - a type
    return get_origin(kind) in {Union, UnionType}


def _converter(whole: Any, number: Any, flag: Any, names: Any) -> cattrs.Converter:  # noqa: ANN401 - structure hooks
    converter = cattrs.Converter(detailed_validation=False, forbid_extra_keys=True)
    converter.register_structure_hook(str, text)
    converter.register_structure_hook(int, whole)
    converter.register_structure_hook(float, number)
    converter.register_structure_hook(bool, flag)
    converter.register_structure_hook(Path, _path)
    configure_union_passthrough(str | int | float | bool | None, converter)
    converter.register_structure_hook_func(_is_literal, _one_of)
    converter.register_structure_hook_func(_is_duration, _duration)
    converter.register_structure_hook_func(_is_names, names)
    return converter


TYPED: Final = _converter(_whole, _number, _flag, _names)
"""Takes what code and files give."""

FROM_TEXT: Final = _converter(
    _whole_from_text, _number_from_text, _flag_from_text, _names_from_text
)
"""Takes what variables give: texts."""


def of_type(value: Any, kind: Any, *, is_text: bool) -> Any:  # noqa: ANN401 - of that type
    """
    Return a value of the type that is needed.

    >>> of_type(5, str, is_text=True)
    '5'

    Args:
        value: What a source said.
        kind: The type. A value for one that settings don't have is returned as it is.
        is_text: Whether it stood in a variable, and was read as a :func:`literal`.

    Raises:
        ConfigError: If the value is not of the type; says what is needed.
    """
    if not _is_known(kind):
        return value
    try:
        return _structured(TYPED, value, kind)
    except ConfigError:
        if not is_text or not isinstance(value, bool | int | str):
            raise
    return _structured(FROM_TEXT, as_text(value), kind)


def _structured(converter: cattrs.Converter, value: Any, kind: Any) -> Any:  # noqa: ANN401 - of that type
    try:
        return converter.structure(value, kind)
    except TypeError:  # cattrs' own, of a union
        needs(_listed([_WORDS[one] for one in get_args(kind)]), value)


def _is_known(kind: Any) -> bool:  # noqa: ANN401 - what stands at a parameter
    if _is_names(kind) or _is_literal(kind) or _is_duration(kind):
        return True
    if _is_union(kind):
        return all(one in list(_WORDS) for one in get_args(kind))
    return kind is not NoneType and kind in list(_WORDS)


def _listed(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
