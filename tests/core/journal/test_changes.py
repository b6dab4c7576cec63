# SPDX-License-Identifier: Apache-2.0
"""The records of a journal, and their bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from sessionkit.journal.changes import (
    LineBegin,
    LineChange,
    LineEnd,
    SentWrite,
    Step,
    WriteLanded,
    pack,
    unpack,
)
from sessionkit.records import SessionHead

HEAD = SessionHead(
    session_id="s", version=3, save_id="a", recent=("b", "c"), created_at=1, last_activity=2
)
BEGIN = LineBegin(line=1, session_id="s", serializer="msgpack", created_at=1, steps=(Step(2, {}),))
SENT = attrs.evolve(BEGIN, base={"a": None}, known=HEAD, sent=SentWrite(HEAD, {"a": b""}))
ODD: Sequence[Mapping[str, Any]] = ({}, {"inputs": None}, {"inputs": b"\0", "form:x": b""})


@pytest.mark.parametrize(
    "record",
    [
        BEGIN,
        SENT,
        WriteLanded(line=2),
        LineEnd(line=3),
        *(LineChange(line=1, at=5, ours=dict(odd)) for odd in ODD),
    ],
)
def test_records_are_read_as_they_were_written(record: Any) -> None:
    """Each kind."""
    assert record == unpack(pack(record))


@pytest.mark.parametrize("data", [b"", b"\x90", b"\x91\x09", b"\x92\x00\x01", b"\xc1", b"\x91\xff"])
def test_other_bytes_are_no_record(data: bytes) -> None:
    """Though they may be MessagePack."""
    with pytest.raises(ValueError, match="no record of a journal"):
        unpack(data)
