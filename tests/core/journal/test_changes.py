# SPDX-License-Identifier: Apache-2.0
"""The records of a journal, and their bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from sessionkit.journal.changes import (
    LineChange,
    LineHead,
    LineState,
    SentWrite,
    Step,
    pack,
    thin_out,
    unpack,
)
from sessionkit.records import SessionHead

HEAD = SessionHead(
    session_id="s", version=3, save_id="a", recent=("b", "c"), created_at=1, last_activity=2
)
BARE = LineHead(session_id="s", serializer="msgpack", created_at=1)
SENT = attrs.evolve(
    BARE, base={"a": None}, known=HEAD, sent=SentWrite(HEAD, {"a": b""}), sent_place=2
)
ODD: Sequence[Mapping[str, Any]] = ({}, {"inputs": None}, {"inputs": b"\0", "form:x": b""})


@pytest.mark.parametrize("head", [BARE, SENT])
def test_heads_are_read_as_they_were_written(head: LineHead) -> None:
    """With and without a write whose answer is not known."""
    assert head == unpack(pack(head), LineHead)


@pytest.mark.parametrize("parts", ODD)
def test_changes_are_read_as_they_were_written(parts: Mapping[str, Any]) -> None:
    """Parts that are not there any more, too."""
    change = LineChange(at=5, parts=dict(parts), over=("form:y",))

    assert change == unpack(pack(change), LineChange)


@pytest.mark.parametrize("data", [b"", b"\x90", b"\x91\x09", b"\x92\x00\x01", b"\xc1", b"\x91\xff"])
def test_other_bytes_are_no_record(data: bytes) -> None:
    """Though they may be MessagePack."""
    with pytest.raises(ValueError, match="record"):
        unpack(data, LineHead)
    with pytest.raises(ValueError, match="record"):
        unpack(data, LineChange)


def test_records_that_are_written_anew_say_the_same() -> None:
    """What the write holds that was sent stays apart from what came after it."""
    changes = [
        (1, LineChange(at=1, parts={"a": b"1", "b": b"1"})),
        (2, LineChange(at=2, parts={"a": b"2"}, over=("a",))),
        (3, LineChange(at=3, parts={"a": b"3"})),
    ]
    state = LineState.of(SENT, changes)
    head, *rest = state.records()
    assert isinstance(head, LineHead)
    again = LineState.of(
        head, [(place, one) for place, one in enumerate(rest, 1) if isinstance(one, LineChange)]
    )

    assert [Step(1, {"b": b"1"}), Step(2, {"a": b"2"})] == state.steps == again.steps
    assert [Step(3, {"a": b"3"})] == state.after == again.after
    assert {"a": b"3", "b": b"1"} == state.recorded().ours


def test_fewer_moments_lead_to_the_same() -> None:
    """Those that lie close together become one."""
    steps = [Step(at, {"a": bytes([at])}) for at in (1, 2, 100, 101, 102, 200)]

    assert [2, 102, 200] == [step.at for step in thin_out(steps, 3)]
