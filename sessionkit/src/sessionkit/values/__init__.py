# SPDX-License-Identifier: Apache-2.0
"""
The app's own values <-> plain data: every value that can be kept, how it is tagged, and which two are equal.

Text, numbers, booleans, None, lists and dicts are plain. What is kept beside
them is a closed table (:mod:`sessionkit.values.kinds`) that both serializers
share: dates and times, ``Decimal``, ``UUID``, bytes, sets, tuples, dicts with
any keys, ``Counter``, ``OrderedDict`` and ``defaultdict``, NaN, large and complex numbers, registered
enums, DataFrames, Series and arrays. In JSON they bear a tag::

    {"$t": "date", "v": "2026-01-31"}

Two things come back as the plain value that they equal: a numpy scalar as
Python's number, and a ``bytearray`` or ``memoryview`` as bytes. All else that
is not in the table is refused, with its path.

What is stored but can't be read in this process (an enum that isn't registered, a library that is missing, a
kind of a newer release) comes as an :class:`Opaque`, which is written back as it was; sessions keep it apart from what apps see.

Others import what stands in ``__all__`` from here, and from the modules: ``equality`` (``same_content``,
``same_stored``, ``content``, ``written``, ``equals``, ``is_empty``, ``COMPARED_AT_ONCE``), ``dicts`` (``of_one_kind``, ``kind_of_dict``,
``dict_like``, ``put_in_order``, ``DICT_TYPES``), ``definitions`` (``Definition``, ``defined_alike``, ``hints_of``), ``extent`` (``holds_too_much``,
``too_much``) and ``opaque`` (``opaque_in``).
A serializer may use the limits of ``simplify``. There is no lock here.
"""

from sessionkit.values.kind import Kind
from sessionkit.values.kinds import Kinds
from sessionkit.values.opaque import CODED, Opaque
from sessionkit.values.simplify import MAX_DEPTH, Simplifier
from sessionkit.values.tagged import from_tagged, parse_json, to_tagged

__all__ = [
    "CODED",
    "MAX_DEPTH",
    "Kind",
    "Kinds",
    "Opaque",
    "Simplifier",
    "from_tagged",
    "parse_json",
    "to_tagged",
]
