# SPDX-License-Identifier: Apache-2.0
"""Dicts of several kinds, such as ``Counter``: their entries are merged one by one as those of dicts are."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Mapping
from copy import copy
from typing import Any, Final

# What they hold may be anything.
# ruff: noqa: ANN401


KEPT: Final = frozenset({dict, Counter, OrderedDict, defaultdict})
"""Types of dicts that come back as what they were."""


def of_one_kind(one: Any, other: Any) -> bool:
    """Return whether both are dicts, of one type, that make missing values alike."""
    if type(one) is not type(other):
        return False
    return type(one) is dict or (isinstance(one, dict) and kind_of_dict(one) == kind_of_dict(other))


def kind_of_dict(value: Any) -> str | None:
    """Return what kind of dict a value is, in words that have an order; None if it is none."""
    cls = type(value)
    if cls is dict:
        return ""
    if not isinstance(value, dict):
        return None
    return f"{cls.__module__}.{cls.__qualname__} {getattr(value, 'default_factory', None)!r}"


def filled(like: dict[Any, Any], entries: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a dict of another one's kind that holds *entries*."""
    made = copy(like)
    made.clear()
    for key, value in entries.items():
        made[key] = value  # a Counter's update() counts
    return made
