# SPDX-License-Identifier: Apache-2.0
"""
Every value that can be kept, and how it becomes data that JSON knows.

Text, numbers, booleans, None, lists and dicts are plain. What is kept beside
them is a closed table (:mod:`sessionkit.values.kinds`) that both serializers
share: dates and times, ``Decimal``, ``UUID``, bytes, sets, tuples, dicts with
any keys, ``Counter``, ``OrderedDict`` and ``defaultdict``, NaN, large and complex numbers, registered enums, DataFrames, Series
and arrays. In JSON they bear a tag::

    {"$t": "date", "v": "2026-01-31"}

Two things come back as the plain value that they equal: a numpy scalar as
Python's number, and a ``bytearray`` or ``memoryview`` as bytes. All else that
is not in the table is refused, with its path.
"""

from sessionkit.values.kind import Kind
from sessionkit.values.kinds import Kinds
from sessionkit.values.simplify import MAX_DEPTH, Simplifier
from sessionkit.values.tagged import from_tagged, parse_json, to_tagged

__all__ = ["MAX_DEPTH", "Kind", "Kinds", "Simplifier", "from_tagged", "parse_json", "to_tagged"]
