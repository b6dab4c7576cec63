# SPDX-License-Identifier: Apache-2.0
"""What a session's fields take: checked where the app assigns them, so that the error stands at its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs


def of_type(*kinds: type) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """
    Return a validator that takes instances of *kinds*.

    Raises:
        TypeError: From the validator; the message names class, field and both types.
    """

    def check(instance: object, field: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, kinds):
            wanted = " or ".join(_shown(kind) for kind in kinds)
            owner = type(instance).__name__
            msg = f"{owner}.{field.alias} is a {wanted}, not {_shown(type(value))}: {value!r:.80}"
            raise TypeError(msg)

    return check


def _check_count(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 0:
        owner = type(instance).__name__
        msg = f"{owner}.{field.alias} is a whole number from 0 on, not {value!r:.80}"
        raise ValueError(msg)


COUNT: Final = _check_count
"""A validator that takes whole numbers from 0 on."""


def set_of_texts(values: Iterable[str]) -> set[str]:
    """
    Return *values* as a set.

    Raises:
        TypeError: If they are one text, whose characters would become the members.
    """
    if isinstance(values, str):
        msg = f"a set of texts is needed, such as {{{values!r}}}, not the text {values!r}"
        raise TypeError(msg)
    return set(values)


def _shown(kind: type) -> str:
    return "None" if kind is type(None) else kind.__name__
