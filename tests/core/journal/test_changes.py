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
    base_of,
    pack_change,
    pack_head,
    thin_out,
    unpack,
)
from sessionkit.records import SessionHead

HEAD = SessionHead(
    session_id="s", version=3, save_id="a", recent=("b", "c"), created_at=1, last_activity=2
)
BARE = LineHead(session_id="s", serializer="msgpack", created_at=1)
SENT = attrs.evolve(
    BARE, base={"stamps": b"1"}, known=HEAD, sent=SentWrite(HEAD, {"a": b""}), sent_place=2
)
ODD: Sequence[Mapping[str, Any]] = ({}, {"inputs": None}, {"inputs": b"\0", "form:x": b""})


@pytest.mark.parametrize("head", [BARE, SENT])
def test_heads_are_read_as_they_were_written(head: LineHead) -> None:
    """With and without a write whose answer is not known; what is known of what was before is in the changes."""
    written = attrs.evolve(head, base=None if head.base is None else {})

    assert written == unpack(pack_head(head, head.base), LineHead)


@pytest.mark.parametrize("parts", ODD)
def test_changes_are_read_as_they_were_written(parts: Mapping[str, Any]) -> None:
    """Parts that are not there any more, too."""
    data, _ = pack_change(5, dict(parts), {"x:a": None}, first=("x:a",), over=("form:y",))

    assert LineChange(at=5, parts=dict(parts), over=("form:y",), base={"x:a": None}) == unpack(
        data, LineChange
    )


@pytest.mark.parametrize("data", [b"", b"\x90", b"\x91\x09", b"\x92\x00\x01", b"\xc1", b"\x91\xff"])
def test_other_bytes_are_no_record(data: bytes) -> None:
    """Though they may be MessagePack."""
    with pytest.raises(ValueError, match="record"):
        unpack(data, LineHead)
    with pytest.raises(ValueError, match="record"):
        unpack(data, LineChange)


def state_of(head: LineHead, changes: Sequence[LineChange]) -> LineState:
    """Return what records say, each in its place."""
    base = base_of(head, changes)
    return LineState.of(
        attrs.evolve(head, sent=head.sent and head.sent.whole(base)),
        base,
        [(place, change.whole(base)) for place, change in enumerate(changes, 1)],
    )


def read_again(state: LineState) -> LineState:
    """Return what the records of a state say after they were bytes."""
    head, *changes = state.records().values()
    return state_of(unpack(head, LineHead), [unpack(change, LineChange) for change in changes])


def test_records_that_are_written_anew_say_the_same() -> None:
    """What the write holds that was sent stays apart from what came after it."""
    changes = [
        LineChange(at=1, parts={"a": b"1", "b": b"1"}, base={"a": None, "b": b"0"}),
        LineChange(at=2, parts={"a": b"2"}, over=("a",)),
        LineChange(at=3, parts={"a": b"3"}),
    ]
    state = state_of(SENT, changes)

    for one in (state, read_again(state)):
        assert [Step(1, {"b": b"1"}), Step(2, {"a": b"2"})] == one.steps
        assert [Step(3, {"a": b"3"})] == one.after
        assert {"a": None, "b": b"0", "stamps": b"1"} == one.base
        assert {"a": b"3", "b": b"1"} == one.recorded().ours


@pytest.mark.parametrize("has_sent", [True, False])
def test_stamps_are_written_once(*, has_sent: bool) -> None:
    """Not again with a head, which each save writes; also of a line without changes."""
    head = SENT if has_sent else attrs.evolve(SENT, sent=None, sent_place=0)
    stamps = b"stamped" * 1000
    state = LineState(head=attrs.evolve(head, base=None), base={"stamps": stamps})
    first, change = state.records().values()

    assert stamps not in first
    assert stamps in change
    assert state.base == read_again(state).base
    assert ([], []) == (read_again(state).steps, read_again(state).after)


LARGE: bytes = b"".join(b"%05d" % number for number in range(4000))


@pytest.mark.parametrize(
    "now",
    [
        LARGE + b"more",
        b"more" + LARGE,
        LARGE[:9000] + b"other" + LARGE[9005:],
        LARGE[:9000] + LARGE[9500:],
        LARGE[:9000] * 2 + LARGE[9000:],
        LARGE[:2000],
        LARGE[-2000:],
        LARGE[::-1],
        b"",
        None,
    ],
)
def test_of_a_large_part_only_what_changed_is_recorded(now: bytes | None) -> None:
    """Once what it was, and then what is another; whatever that is, all is read again."""
    state = LineState(
        head=attrs.evolve(BARE, known=HEAD, sent=SentWrite(HEAD, {"a": now})),
        base={"a": LARGE},
        steps=[Step(at, {"a": now}) for at in range(5)],
        after=[Step(9, {"a": LARGE + b"after"})],
    )
    again = read_again(state)

    assert (state.base, state.steps, state.after) == (again.base, again.steps, again.after)
    assert state.recorded().head == again.recorded().head
    if now in {LARGE + b"more", b"more" + LARGE}:
        assert sum(map(len, state.records().values())) < len(LARGE) + 2000


@pytest.mark.parametrize("begin", [0, 100, 9000, 20_000])
def test_a_patch_near_an_earlier_one_is_as_good(begin: int) -> None:
    """What is typed lies where the last letter was; it may also be taken back, or lie elsewhere."""
    base: dict[str, bytes | None] = {"a": LARGE}
    first = LARGE[:begin] + b"typed" + LARGE[begin + 3 :]
    _, near = pack_change(1, {"a": first}, base)
    for now in (
        LARGE[:begin] + b"typed more" + LARGE[begin + 3 :],
        LARGE[:begin] + b"t" + LARGE[begin + 3 :],
        LARGE[:begin] + LARGE[begin + 3 :],
        LARGE[: begin // 2] + b"elsewhere" + LARGE[begin // 2 :],
        first + b"and at the end",
        LARGE,
        LARGE[:1030],
        LARGE[-1030:],
    ):
        data, _ = pack_change(2, {"a": now}, base, near=near)

        assert {"a": now} == unpack(data, LineChange).whole(base).parts


def test_a_patch_without_what_it_was_made_for_is_told() -> None:
    """It would be other bytes than anybody wrote."""
    change = LineChange(at=1, parts={}, patches={"a": (0, 5, b"other")})

    for base in (None, {}, {"a": None}, {"a": b"1234"}):
        with pytest.raises(ValueError, match="patch"):
            change.whole(base)


def test_fewer_moments_lead_to_the_same() -> None:
    """Those that lie close together become one."""
    steps = [Step(at, {"a": bytes([at])}) for at in (1, 2, 100, 101, 102, 200)]

    assert [2, 102, 200] == [step.at for step in thin_out(steps, 3)]
