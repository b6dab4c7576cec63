# SPDX-License-Identifier: Apache-2.0
"""Sessions encoded and decoded, opened and sealed: there and back, by any serializer, under other threads, and damaged."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_harness.data import SESSIONS, content, make_codec

from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.encoding.codec import Decoded, SessionCodec
from sessionkit.encoding.packing import JOIN_BELOW, PACKED, PLAIN, SPLIT_ABOVE, pack, seal, unseal
from sessionkit.encoding.parts import FIELDS
from sessionkit.errors import NewerFormatError, RejectedError, SerializationError
from sessionkit.serializer import Serializer
from sessionkit.session import UserSession
from sessionkit.session.forms import FormSnapshot
from sessionkit.session.session import NavigationEntry
from sessionkit.testing.serializers import assert_same
from sessionkit.values import Opaque

FEW = settings(max_examples=40)


class Interrupted(MsgpackSerializer):
    """A serializer that another thread gets in the way of, the first *times*."""

    def __init__(self, times: int, error: type[RuntimeError] = RuntimeError) -> None:
        """Begin to count."""
        super().__init__()
        self.left = times
        self.error = error

    def dumps(self, data: Any) -> bytes:
        """Raise, as long as there are times left."""
        if self.left:
            self.left -= 1
            msg = "dictionary changed size during iteration"
            raise self.error(msg)
        return super().dumps(data)


class Watching(MsgpackSerializer):
    """A serializer that runs *look* at each dumps."""

    def __init__(self) -> None:
        """Begin with nothing to look at."""
        super().__init__()
        self.look: Any = None

    def dumps(self, data: Any) -> bytes:
        """Look, then do as ever."""
        if self.look:
            self.look()
        return super().dumps(data)


class Counting(MsgpackSerializer):
    """A serializer that counts what it decodes."""

    def __init__(self) -> None:
        """Begin to count."""
        super().__init__()
        self.decoded = 0

    def loads(self, data: bytes) -> Any:
        """Count, then do as ever."""
        self.decoded += 1
        return super().loads(data)


# -- there and back ------------------------------------------------------------


@pytest.mark.parametrize("serializer", [MsgpackSerializer(), JsonSerializer()])
@FEW
@given(SESSIONS)
def test_encoded_parts_hold_all_of_a_session(serializer: Serializer, session: UserSession) -> None:
    """Nothing is refused, the content comes back, and equal content gives equal bytes."""
    codec = make_codec(serializer)
    encoded = codec.encode(session, {})
    decoded = codec.decode("s", encoded.parts)

    assert [] == encoded.refused
    assert_same(dict(sorted(content(session).items())), dict(sorted(content(decoded).items())))
    assert encoded.parts == codec.encode(decoded, {}).parts


def test_what_a_session_begins_with_is_not_decoded() -> None:
    """Of one with nothing but inputs: those, and what says whose it is."""
    serializer = Counting()
    codec = make_codec(serializer)
    session = UserSession(session_id="s", inputs={"city": "Ghent"})
    parts = codec.encode(session, {}).parts
    serializer.decoded = 0

    decoded = codec.decode("s", parts)

    assert 2 == serializer.decoded
    assert content(session) == content(decoded)


@FEW
@given(SESSIONS, st.booleans())
def test_what_was_sealed_is_opened(session: UserSession, split: bool) -> None:  # noqa: FBT001 - hypothesis hands it over
    """In either layout."""
    codec = make_codec()
    parts = codec.encode(session, {}).parts
    stored = {name: seal(data, "msgpack") for name, data in pack(parts, split=split).items()}

    assert parts == codec.open(stored)


def test_parts_that_nobody_knows_are_carried_on() -> None:
    """A newer release stored them, and wants them back."""
    codec = make_codec()
    last = {"newer": b"\xc1 whatever", "form:gone": b"x", **codec.encode(UserSession(), {}).parts}
    session = UserSession(theme="dark")
    encoded = codec.encode(session, last)

    assert b"\xc1 whatever" == encoded.parts["newer"]
    assert {*FIELDS, "newer"} == set(encoded.parts)
    assert "dark" == codec.decode("s", encoded.parts).theme


def test_only_the_named_parts_are_decoded() -> None:
    """And of these only the known ones."""
    codec = make_codec()
    parts = {**codec.encode(UserSession(), {}).parts, "inputs": b"damaged", "newer": b"damaged"}

    assert {"access": {"roles": [], "permissions": []}} == codec.decode_parts(
        parts, ("access", "newer")
    )


def test_what_changed_is_told_with_its_fields() -> None:
    """Who stamps changes, or asks whose the session is, decodes nothing that was just encoded."""
    codec = make_codec()
    session = UserSession(inputs={"a": 1})
    encoded = codec.encode(session, {})
    session.inputs["a"] = 2
    again = codec.encode(session, encoded.parts)

    assert set(FIELDS) == set(encoded.changed)
    assert {"inputs": {"inputs": {"a": 2}}} == again.changed


def test_what_is_empty_is_encoded_once() -> None:
    """Most sessions have no roles, no history and no cache keys: one object serves all."""
    codec = make_codec()
    one, other = (codec.encode(UserSession(), {}).parts for _ in range(2))

    assert all(one[name] is other[name] for name in ("access", "navigation", "inputs", "cache"))
    assert codec.serializer.dumps({"inputs": {}}) == one["inputs"]


def test_another_kind_of_dict_is_no_empty_dict() -> None:
    """An empty ``Counter`` is equal to an empty dict, and comes back as what it was."""
    codec = make_codec()
    session = UserSession(extensions={"x": Counter()})
    session.page_views = Counter()
    parts = codec.encode(session, {}).parts

    assert Counter is type(codec.decode("s", parts).extensions["x"])
    assert codec.encode(UserSession(), {}).parts["navigation"] == parts["navigation"]


def test_a_part_is_decoded_once_while_it_is_remembered() -> None:
    """By the object that its bytes are."""
    codec, decoded = make_codec(), Decoded()
    data = codec.encode(UserSession(inputs={"a": 1}), {}).parts["inputs"]
    first = decoded.part(codec, "inputs", data)

    assert first is decoded.part(codec, "inputs", data)

    decoded.forget(but=data)

    assert first is decoded.part(codec, "inputs", data)

    decoded.forget()

    again = decoded.part(codec, "inputs", data)
    assert first == again
    assert first is not again


def test_what_is_over_the_bounds_is_not_stored() -> None:
    """However it got in."""
    session = UserSession(max_history_size=1)
    session.navigation_history.extend(NavigationEntry(page=page) for page in "ab")
    form = session.get_form_state("f")
    form.max_snapshots = 1
    held = form.snapshots
    held.extend(FormSnapshot(form_id="f", data={"n": n}) for n in range(3))
    codec = make_codec()
    encoded = codec.encode(session, {}).parts
    parts = codec.decode_parts(encoded, encoded)

    assert ["b"] == [entry["page"] for entry in parts["navigation"]["navigation_history"]]
    assert [{"n": 2}] == [snapshot["data"] for snapshot in parts["undo:f"]["snapshots"]]


@FEW
@given(SESSIONS)
def test_what_can_be_read_needs_no_session(session: UserSession) -> None:
    """Its parts are the same as those that a session is made of."""
    codec = make_codec()
    parts = codec.encode(session, {}).parts

    assert_same(codec.decode_parts(parts, parts), codec.decode_readable(parts, Decoded()))


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(["no", "mapping"], id="no mapping"),
        pytest.param({"max_history_size": -1}, id="a negative number"),
        pytest.param({"max_history_size": "9"}, id="a text for a number"),
        pytest.param({"created_at": 2**70}, id="a time that no date says"),
        pytest.param({"user_id": 7}, id="a number for a text"),
    ],
)
def test_what_makes_no_session_is_not_readable_without_one(part: object) -> None:
    """A save that meets such a record keeps it aside, as a load does."""
    codec = make_codec()
    parts = {"profile": codec.serializer.dumps(part)}

    with pytest.raises(SerializationError):
        codec.decode("s", parts)
    assert codec.decode_readable(parts, Decoded()) is None


def test_bytes_that_are_damaged_are_not_readable() -> None:
    """What was remembered beside them is forgotten: who looks again finds all."""
    codec, decoded = make_codec(), Decoded()
    data = codec.encode(UserSession(inputs={"a": 1}), {}).parts["inputs"]
    first = decoded.part(codec, "inputs", data)

    assert codec.decode_readable({"profile": b"\xc1"}, decoded) is None
    assert first is not decoded.part(codec, "inputs", data)


# -- other threads -------------------------------------------------------------


@pytest.mark.parametrize("times", [0, 1, 9])
def test_an_encode_that_was_interrupted_is_repeated(times: int) -> None:
    """The app changes its dicts without the session's lock."""
    serializer = Interrupted(times)
    session = UserSession(inputs={"a": 1, "bad": object()})
    codec = make_codec(serializer)
    encoded = codec.encode(session, {})

    assert {"a": 1} == codec.decode("s", encoded.parts).inputs
    assert 1 == len(encoded.refused)
    assert 0 == serializer.left


def test_an_encode_that_is_always_interrupted_fails() -> None:
    """After ten times, with what was said."""
    serializer = Interrupted(1000)
    with pytest.raises(RuntimeError, match="changed size"):
        make_codec(serializer).encode(UserSession(), {})

    assert 990 == serializer.left


def test_a_recursion_that_never_ends_is_not_repeated() -> None:
    """It would not end the next time either."""
    serializer = Interrupted(1000, RecursionError)
    with pytest.raises(RecursionError):
        make_codec(serializer).encode(UserSession(), {})

    assert 999 == serializer.left


def test_a_session_is_encoded_under_its_lock() -> None:
    """No other thread's method gets in between."""
    serializer, session, got = Watching(), UserSession(), []

    def try_lock() -> None:
        if session.lock.acquire(blocking=False):
            got.append(True)
            session.lock.release()

    def look() -> None:
        thread = threading.Thread(target=try_lock)
        thread.start()
        thread.join()

    serializer.look = look
    make_codec(serializer).encode(session, {})

    assert [] == got


# -- damage, other serializers, newer releases ---------------------------------


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"inputs": b""}, "stored part 'inputs': 0 bytes that are no sealed part"),
        ({PACKED: seal(b"\xc1", "msgpack")}, "stored part '*': the packed part is damaged"),
        (
            {"a": seal(b"\xc1", "json")},
            "stored part 'a': this is no UTF-8: byte 0xc1",
        ),
    ],
)
def test_damaged_bytes_are_named_by_their_stored_part(
    stored: dict[str, bytes], message: str
) -> None:
    """Whoever looks into the store knows where to look."""
    codec = make_codec(others=lambda _: JsonSerializer())
    with pytest.raises(SerializationError) as caught:
        codec.open(stored)

    assert str(caught.value).startswith(message)


def test_a_damaged_part_is_named() -> None:
    """It may be one of many in a packed one."""
    with pytest.raises(SerializationError, match="part 'inputs': this is no MessagePack"):
        make_codec().decode("s", {"inputs": b"\xc1"})


def damage(data: bytes, where: int, what: int) -> bytes:
    """Return *data* with a byte changed, or cut off there."""
    where %= len(data)
    if what < 0:
        return data[:where]
    return data[:where] + bytes((what,)) + data[where + 1 :]


@FEW
@given(SESSIONS, st.booleans(), st.integers(0), st.integers(-1, 255))
def test_any_damage_is_told_as_damage(
    session: UserSession,
    split: bool,  # noqa: FBT001 - hypothesis hands it over
    where: int,
    what: int,
) -> None:
    """Changed or cut: what is stored is read, refused, or taken for a newer release's."""
    codec = make_codec()
    parts = codec.encode(session, {}).parts
    for name, data in pack(parts, split=split).items():
        try:
            opened = codec.open({name: damage(seal(data, "msgpack"), where, what)})
            codec.decode("s", opened)
        except (SerializationError, NewerFormatError):
            continue


def test_another_serializers_records_are_read_and_written_anew() -> None:
    """After the configuration changed; what nobody knows is kept, too."""
    asked = []

    def others(name: str) -> Serializer:
        asked.append(name)
        return JsonSerializer()

    json_codec = make_codec(JsonSerializer(), name="json")
    session = UserSession(inputs={"a": (1, 2)})
    old = {**json_codec.encode(session, {}).parts, "newer": JsonSerializer().dumps({"n": 1})}
    codec = make_codec(others=others)
    opened = codec.open(json_codec.seal(old, {}, {}).put)

    assert {"json"} == set(asked)
    assert codec.encode(session, {"newer": MsgpackSerializer().dumps({"n": 1})}).parts == opened
    assert {"msgpack"} == {unseal(data).serializer for data in codec.seal(opened, {}, {}).put.values()}  # fmt: skip


def test_a_serializer_that_is_not_installed_is_no_damage() -> None:
    """The bytes are fine elsewhere: they are neither read nor replaced."""
    with pytest.raises(NewerFormatError, match="serializer 'cbor', which is not installed here"):
        make_codec().open({"inputs": seal(b"", "cbor")})


def test_what_a_newer_release_sealed_is_no_damage() -> None:
    """It is told apart from bytes that can't be read."""
    with pytest.raises(NewerFormatError, match="sealed in format 2"):
        make_codec().open({"inputs": b"\x02" + seal(b"", "msgpack")[1:]})


# -- what a save puts and removes ----------------------------------------------


def parts_of(size: int, **more: bytes) -> dict[str, bytes]:
    """Return parts of *size* bytes and some more."""
    return {"inputs": b"x" * size, "cache": b"c", **more}


@pytest.fixture(name="codec")
def _codec() -> SessionCodec:
    return make_codec()


def test_a_small_session_is_put_as_one(codec: SessionCodec) -> None:
    """All its parts, whichever changed."""
    parts = parts_of(10)
    first = codec.seal(parts, {}, {})
    again = codec.seal({**parts, "cache": b"d"}, parts, first.layout)

    assert ({PACKED}, (), {PACKED}) == (set(first.put), first.remove, set(first.layout))
    assert {**parts, "cache": b"d"} == codec.open(again.put)


def test_a_split_session_puts_what_changed(codec: SessionCodec) -> None:
    """And removes what is gone."""
    parts = parts_of(SPLIT_ABOVE, access=b"a")
    first = codec.seal(parts, {}, {})
    assert set(parts) == set(first.put) == set(first.layout)

    changed = {"inputs": parts["inputs"], "cache": b"d"}
    again = codec.seal(changed, parts, first.layout)
    assert {"cache": b"d"} == codec.open(again.put)
    assert (("access",), {"inputs", "cache"}) == (again.remove, set(again.layout))


def test_a_change_of_layout_puts_all_and_removes_the_other_names(codec: SessionCodec) -> None:
    """In the same write, both ways."""
    small, large = parts_of(10), parts_of(SPLIT_ABOVE)
    split = codec.seal(large, small, {PACKED: PLAIN})
    assert large == codec.open(split.put)
    assert ((PACKED,), set(large)) == (split.remove, set(split.layout))

    joined = codec.seal(small, large, split.layout)
    assert small == codec.open(joined.put)
    assert (("cache", "inputs"), {PACKED}) == (joined.remove, set(joined.layout))


def test_between_the_thresholds_the_layout_stays(codec: SessionCodec) -> None:
    """As it was stored before."""
    parts = parts_of((SPLIT_ABOVE + JOIN_BELOW) // 2)

    assert {PACKED} == set(codec.seal(parts, {}, {PACKED: PLAIN}).layout)
    assert set(parts) == set(codec.seal(parts, {}, dict.fromkeys(parts, PLAIN)).layout)


def test_without_a_before_all_is_put(codec: SessionCodec) -> None:
    """As after a failover: the store has other parts than it had."""
    parts = parts_of(SPLIT_ABOVE)

    assert parts == codec.open(codec.seal(parts, {}, dict.fromkeys(parts, PLAIN)).put)


def test_a_session_that_is_too_large_is_refused() -> None:
    """The error says how large it is, how large it may be, and what makes it so."""
    codec = make_codec(max_bytes=100)
    codec.seal(parts_of(99), {}, {})
    with pytest.raises(RejectedError) as caught:
        codec.seal(parts_of(100), {}, {})

    assert (
        "the session has 101 bytes, more than limits.session_bytes = 100; "
        "its largest part is 'inputs' with 100 bytes"
    ) == str(caught.value)


def test_only_a_decode_that_met_what_can_not_be_read_looks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One value of one session makes no other one slower, whatever the process has met before."""
    codec = make_codec()
    parts = codec.encode(UserSession(session_id="s", inputs={"name": "Ada"}), {}).parts
    assert Opaque("enum", ["m.Size", "LARGE"], "not registered")
    looked: list[UserSession] = []
    monkeypatch.setattr("sessionkit.encoding.codec.keep_unread_apart", looked.append)

    codec.decode("s", parts)
    assert [] == looked
    odd = {**parts, "x:odd": codec.serializer.dumps({"value": Opaque("enum", ["m.Size", "L"], "")})}
    codec.decode("s", odd)
    assert ["s"] == [session.session_id for session in looked]


_NEEDED = {"user_id", "authenticated", "inputs"}
"""Without these a session is not read."""

_BY_CLOCK = {"created_at"}
"""What a new session begins with differs each time: a session without it begins anew."""


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, one)
        for name, fields in FIELDS.items()
        for one in fields
        if one not in _NEEDED | _BY_CLOCK
    ],
)
def test_a_field_that_can_not_be_read_at_all_is_stored_again(name: str, field: str) -> None:
    """As it was, whatever the field begins with: an empty list, zero or nothing."""
    codec = make_codec()
    parts = codec.encode(UserSession(session_id="s"), {}).parts
    odd = Opaque("enum", ["m.Size", "LARGE"], "not registered")
    part = {**codec.decode_part(name, parts[name]), field: odd}
    session = codec.decode("s", {**parts, name: codec.serializer.dumps(part)})

    again = codec.encode(session, {})
    assert [] == [error.path for error in again.refused]
    assert {**parts, name: codec.serializer.dumps(part)} == again.parts


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, one) for name, fields in FIELDS.items() for one in fields if one in _NEEDED],
)
def test_a_session_is_not_read_without_what_it_can_not_do_without(name: str, field: str) -> None:
    """Whose it is, and what its user typed, is not guessed."""
    codec = make_codec()
    parts = codec.encode(UserSession(session_id="s"), {}).parts
    odd = Opaque("enum", ["m.Size", "LARGE"], "not registered")
    part = {**codec.decode_part(name, parts[name]), field: odd}

    with pytest.raises(SerializationError, match=field):
        codec.decode("s", {**parts, name: codec.serializer.dumps(part)})


def test_what_the_app_sets_in_place_of_a_field_that_can_not_be_read_counts() -> None:
    """It is what the user did since."""
    codec = make_codec()
    parts = codec.encode(UserSession(session_id="s"), {}).parts
    odd = Opaque("enum", ["m.Size", "LARGE"], "not registered")
    part = {**codec.decode_part("access", parts["access"]), "roles": odd}
    session = codec.decode("s", {**parts, "access": codec.serializer.dumps(part)})

    session.roles.add("editor")
    assert ["editor"] == codec.decode_part("access", codec.encode(session, {}).parts["access"])[
        "roles"
    ]
