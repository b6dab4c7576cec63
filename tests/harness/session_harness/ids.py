# SPDX-License-Identifier: Apache-2.0
"""Ids of parametrised tests: the same in each process that shares in a run."""

from __future__ import annotations

import re


def repr_without_address(value: object) -> str:
    """Return the text of a value without where it lies in memory; a set's in order."""
    if isinstance(value, set | frozenset):
        value = type(value).__name__, sorted(map(repr, value))
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
