# SPDX-License-Identifier: Apache-2.0
"""
What a value has to be that settings give: checked against its type, or read from a text.

Nothing is turned into what it isn't: ``"5"`` in a file is no number. The text of
an environment variable is read as the type that is needed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from numbers import Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, NoReturn, Union, cast, get_args, get_origin

import cattrs
from cattrs.strategies import configure_union_passthrough

from sessionkit.errors import ConfigError, WrongKindError, check_methods
from sessionkit.serializer import Serializer
from sessionkit.storage import Storage

VARIABLE: Final = "environment variable"
"""Begins the place that a message names where a variable said something."""

NO_LIMIT: Final = "never"
"""Stands for no limit: None in code."""

_SHOWN: Final = 40
_WORDS: Final = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path",
    NoneType: "nothing",
}


def read_as(value: Any, kind: Any, *, is_text: bool) -> Any:  # noqa: ANN401 - of that type
    """
    Return a value of the type that is needed.

    >>> read_as(5, str, is_text=True)
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
        return _structure(TYPED, value, kind)
    except ConfigError:
        if not is_text or not isinstance(value, bool | int | str):
            raise
    return _structure(FROM_TEXT, as_text(value), kind)


def _structure(converter: cattrs.Converter, value: Any, kind: Any) -> Any:  # noqa: ANN401 - of that type
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


# -- what code may give where the name of a plugin may stand ----------------------------

_STORAGE: Final = ("read", "write", "touch", "delete", "find", "count", "purge", "close")
_SERIALIZER: Final = ("dumps", "loads")
_LONGEST_NAME: Final = 255


def as_storage(given: object) -> Storage | str:
    """
    Return what stands in ``configure(storage=...)``: a name, or an open storage.

    Raises:
        WrongKindError: If it is neither.
    """
    if isinstance(given, str):
        return given
    check_methods(given, "the name of a storage, or an open storage,", _STORAGE)
    return cast("Storage", given)


def as_serializer(given: object) -> Serializer | str:
    """
    Return what stands in ``configure(serializer=...)``: a name, or a serializer.

    Raises:
        WrongKindError: If it is neither, or a serializer of a name that no record can bear.
    """
    if isinstance(given, str):
        return given
    check_methods(given, "the name of a serializer, or a serializer,", _SERIALIZER)
    name_of_serializer(cast("Serializer", given))
    return cast("Serializer", given)


def name_of_serializer(given: Serializer | str) -> str:
    """
    Return the name that records are sealed with: of a serializer that is given as an object its ``name``, else its class's.

    Raises:
        WrongKindError: If no record can bear it.
    """
    if isinstance(given, str):
        return given
    kind = type(given).__name__
    name = getattr(given, "name", kind)
    if not isinstance(name, str) or not name.isascii() or not 0 < len(name) <= _LONGEST_NAME:
        msg = f"a serializer's name is a text of 1 to {_LONGEST_NAME} ASCII characters, which {kind}.name is not"
        raise WrongKindError(msg)
    return name


# -- durations as people write them: "24h", "1h30m", "500ms", "never" ------------------


_UNITS: Final = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}

_DURATION: Final = re.compile(
    r"\s*".join(rf"(?:(?P<{unit}>[0-9]{{1,12}}){unit}(?![a-z]))?" for unit in _UNITS)
)

_LONGEST: Final = timedelta(days=365_250)
_RIGHT: Final = "write a number and a unit (d, h, m, s, ms), such as '30d', '1h30m' or '500ms'"


def parse_duration(text: str) -> timedelta | None:
    """
    Return the duration that *text* says.

    Args:
        text: Whole numbers with the units d, h, m, s and ms, the larger first;
            or ``"never"``.

    Returns:
        The duration; None for ``"never"``.

    Raises:
        ConfigError: If the text says neither.
    """
    written = text.strip()
    if written == NO_LIMIT:
        return None
    match = _DURATION.fullmatch(written)
    if not written or match is None:
        msg = f"{text[:_SHOWN]!r} is no duration; {_RIGHT}, or {NO_LIMIT!r}"
        raise ConfigError(msg)
    try:
        return sum((int(n) * _UNITS[unit] for unit, n in match.groupdict("0").items()), timedelta())
    except OverflowError:
        msg = f"{text[:_SHOWN]!r} is longer than any calendar; say {NO_LIMIT!r}"
        raise ConfigError(msg) from None


def format_duration(duration: timedelta | None) -> str:
    """
    Return *duration* as :func:`parse_duration` reads it; less than a millisecond is cut off.

    >>> format_duration(timedelta(minutes=90))
    '1h30m'
    """
    if duration is None:
        return NO_LIMIT
    written, rest = "", duration
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        written += f"{count}{unit}" if count else ""
    return written or "0s"


def length_of(number: float, unit: str, name: str) -> timedelta:
    """
    Return the time that a function or a command was given as a number.

    Args:
        number: How many; above 0, and a thousand years at most, which any calendar and store has.
        unit: Of what, such as ``hours``.
        name: What messages call it.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is out of bounds.
    """
    if not isinstance(number, Real) or isinstance(number, bool):
        msg = f"{name} is a number of {unit}, such as 24, not {type(number).__name__}"
        raise TypeError(msg)
    try:
        length = timedelta(**{unit: float(number)})
    except (OverflowError, ValueError):  # no number, or none that a timedelta has
        length = timedelta()
    if not timedelta() < length <= _LONGEST:
        msg = f"{name} is a number of {unit} above 0, and 1000 years at most, not {number!r:.40}"
        raise ValueError(msg)
    return length


# -- texts of environment variables whose type isn't known yet, and back ---------------


_WHOLE_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")


def literal(text: str) -> Any:  # noqa: ANN401 - a plugin's key may be of any type
    """Read a variable whose type only a plugin knows: true, false, a whole number, else text; quotes make it text."""
    if text in {"true", "false"}:
        return text == "true"
    if _WHOLE_NUMBER.fullmatch(text) and text != "-0":
        return int(text)
    return text[1:-1] if _QUOTED.fullmatch(text) else text


def as_text(value: bool | int | str) -> str:  # noqa: FBT001 - what literal() returned
    """Return the text, without quotes, that :func:`literal` reads as this value."""
    return str(value).lower() if isinstance(value, bool) else str(value)


# -- readers: one a type ---------------------------------------------------------------


def text(value: Any, _: object = str) -> str:  # noqa: ANN401 - what a source said
    """Return a text as it is, and refuse everything else."""
    if not isinstance(value, str):
        # Not shown: it may be a secret.
        msg = f"a text is needed, not {type(value).__name__}"
        raise ConfigError(msg)
    return value


def needs(kind: str, value: object) -> NoReturn:
    """Raise a :class:`ConfigError` that says what is needed instead of *value*."""
    shown = repr(value)
    found = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    msg = f"{kind} is needed, not {type(value).__name__} {found}"
    raise ConfigError(msg)


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


def _listed(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _is_duration(kind: Any) -> bool:  # noqa: ANN401 - a type
    return bool(kind == timedelta | None)


def _is_names(kind: Any) -> bool:  # noqa: ANN401 - a type
    return get_origin(kind) in {tuple, list, Sequence} and get_args(kind) in {(str,), (str, ...)}


def _is_literal(kind: Any) -> bool:  # noqa: ANN401 - a type
    return get_origin(kind) is Literal


def _is_union(kind: Any) -> bool:  # noqa: ANN401 - a type
    return get_origin(kind) in {Union, UnionType}


def _make_converter(whole: Any, number: Any, flag: Any, names: Any) -> cattrs.Converter:  # noqa: ANN401 - structure hooks
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


TYPED: Final = _make_converter(_whole, _number, _flag, _names)
"""Takes what code and files give."""

FROM_TEXT: Final = _make_converter(
    _whole_from_text, _number_from_text, _flag_from_text, _names_from_text
)
"""Takes what variables give: texts."""
