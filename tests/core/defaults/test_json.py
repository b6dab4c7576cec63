# SPDX-License-Identifier: Apache-2.0
"""What is particular to the JSON serializer."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.errors import SerializationError
from sessionkit.testing.serializer_samples import PROBES
from sessionkit.testing.serializers import assert_same
from sessionkit.values import parse_json

SERIALIZER = JsonSerializer()


def test_it_is_json_that_people_read() -> None:
    """The bytes are compact JSON in UTF-8, with letters as letters."""
    stored = SERIALIZER.dumps({"straße": date(2026, 1, 31), "size": (3, 4)})

    assert (
        '{"straße":{"$t":"date","v":"2026-01-31"},"size":{"$t":"tuple","v":[3,4]}}'
        == stored.decode()
    )


@pytest.mark.parametrize("name", PROBES)
def test_any_json_reader_takes_it(name: str) -> None:
    """No constant that JSON lacks is written."""

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    text = SERIALIZER.dumps(PROBES[name]).decode()

    json.loads(text, parse_constant=refuse)
    assert_same(PROBES[name], parse_json(text))


def test_both_serializers_keep_the_same() -> None:
    """Data move from one serializer to the other without a change."""
    other = MsgpackSerializer()

    assert other.dumps(PROBES) == other.dumps(SERIALIZER.loads(SERIALIZER.dumps(PROBES)))


@pytest.mark.parametrize(
    "data", [b"\xff", b"{}\x00", b"{} {}", b'{"a":}', b"", '"x"'.encode("utf-16")]
)
def test_bytes_that_are_no_json_are_refused(data: bytes) -> None:
    """What is no JSON in UTF-8 is refused, and the error says where it goes wrong."""
    with pytest.raises(SerializationError, match=r"at \d|line \d"):
        SERIALIZER.loads(data)


# fmt: off
TAGS = [
    "tuple", "dict", "set", "frozenset", "int", "float", "complex", "bytes", "decimal", "uuid",
    "enum", "date", "time", "datetime", "timedelta", "array", "table", "dataframe", "series",
    "timestamp", "object",
]
# fmt: on
JSON_TEXTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$t", "v", "a"]), inner, max_size=3)
        | st.fixed_dictionaries(
            {
                "$t": st.sampled_from(TAGS),
                "v": inner,
            }
        )
    ),
    max_leaves=8,
)


@given(JSON_TEXTS)
def test_mismatched_tags(data: Any) -> None:
    """Tags that hold anything are read or refused; nothing else is raised."""
    try:
        SERIALIZER.loads(json.dumps(data).encode())
    except SerializationError:
        return


@given(st.binary(max_size=100))
def test_random_bytes(data: bytes) -> None:
    """Random bytes are read or refused; nothing else is raised."""
    try:
        SERIALIZER.loads(data)
    except SerializationError:
        return
