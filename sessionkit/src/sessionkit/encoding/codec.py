# SPDX-License-Identifier: Apache-2.0
"""UserSession <-> encoded parts <-> sealed bytes: the parts, the serializer and the packing, joined."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

import attrs

from sessionkit.encoding.fallback import Fallback
from sessionkit.encoding.packing import (
    IN_ONE,
    PACKED,
    PATCH,
    PATCH_BEGINS,
    PLAIN,
    UNKNOWN,
    Layout,
    Patch,
    StoredPart,
    differences,
    free_number,
    has_patches,
    is_split,
    may_patch,
    pack,
    patch_name,
    patched_part,
    read_patches,
    seal,
    unpack,
    unseal,
    write_patch,
)
from sessionkit.encoding.parts import (
    FIELDS,
    PlainPart,
    from_parts,
    in_own_types,
    is_known,
    misfits,
    to_parts,
    unreadable_fields,
)
from sessionkit.errors import (
    NewerFormatError,
    RejectedError,
    SerializationError,
    UnknownPluginError,
)
from sessionkit.serializer import Serializer
from sessionkit.session.plain import keep_unread_apart
from sessionkit.session.privacy import Privacy
from sessionkit.session.session import UserSession
from sessionkit.values import Opaque
from sessionkit.values.extent import holds_too_much

EncodedParts = dict[str, bytes]
"""A session's logical parts as the serializer's bytes, by part name."""

Damages = dict[str, SerializationError]
"""Why parts can't be read, by their name; by the stored name where that is all that is known."""

P = ParamSpec("P")
T = TypeVar("T")

_ATTEMPTS: Final = 10

_CONTAINERS: Final = frozenset({list, dict})
"""What the fields of empty parts are; another kind of dict is equal to an empty one, and written as what it is."""

_EMPTY: Final = {
    name: part for name, part in to_parts(UserSession()).items() if not any(part.values())
}
"""The parts that each session has while nothing is in them."""


def until_steady(look: Callable[P, T], *args: P.args, **keywords: P.kwargs) -> T:
    """
    Return what *look* finds in an app's values; again where another thread changed one of its dicts meanwhile.

    An app changes ``form.data`` without the session's lock.

    Raises:
        RuntimeError: If other threads kept changing it all the time.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return look(*args, **keywords)
        except RecursionError:
            raise
        except RuntimeError:
            continue
    return look(*args, **keywords)


@attrs.frozen(kw_only=True)
class SessionCodec:
    """
    Encodes and decodes sessions.

    Attributes:
        serializer: Encodes, and decodes what bears its name.
        name: The serializer's name.
        others: Returns the serializer of another name, for records that an
            earlier configuration wrote.
        max_bytes: How large a session may be, in bytes, all its encoded parts together.
        privacy: Which entries are left out of the parts, whoever encodes.
    """

    serializer: Serializer
    name: str
    others: Callable[[str], Serializer]
    max_bytes: int
    privacy: Privacy = attrs.field(factory=Privacy)
    _seal: bytes = attrs.field(
        init=False, default=attrs.Factory(lambda own: seal(b"", own.name), takes_self=True)
    )
    _empty: dict[str, bytes] = attrs.field(init=False, eq=False, repr=False, factory=dict)

    def encode(
        self, session: UserSession, last: Mapping[str, bytes], held: Collection[str] = ()
    ) -> Encoded:
        """
        Encode a session under its lock.

        Args:
            session: The session.
            last: Its parts as they were last encoded. Parts that this release
                doesn't know are taken from them, and so are the last values of
                what can't be encoded.
            held: Names of parts that are taken from *last*, whatever the session has.

        Raises:
            RuntimeError: If other threads kept changing it all the time.
        """
        encoded = until_steady(self._encode_once, session, last, held)
        session.encoded_size = _size(encoded.parts)
        return encoded

    def _encode_once(
        self, session: UserSession, last: Mapping[str, bytes], held: Collection[str]
    ) -> Encoded:
        refused: list[SerializationError] = []
        with session.lock:
            plain, rules = self._plain(session, held, refused)
            # What comes to less than all of them may takes no time without an end to write.
            wide = holds_too_much(plain, self.max_bytes, tuples=False)
            most = self.max_bytes if wide else None
            parts: dict[str, bytes | None] = {}
            changed = self._dumps(plain, last, most, parts)
            # What is as it was, or empty, needs no look at what it holds.
            fresh = {
                name: part
                for name, part in changed.items()
                if (data := parts[name]) is None or data is not self._empty.get(name)
            }
            if rules is not None:
                again = rules.stripped(fresh)
                for name in again:
                    del changed[name], fresh[name]
                if again:
                    again = self._dumps(again, last, most, parts)
                    changed |= again
                    fresh |= again
            kept = [n for n in last if n not in plain and (n in held or not is_known(n))]
            odd = misfits(fresh)
            if None in parts.values():
                odd += [name for name in fresh if parts[name] is None and name not in odd]
            for name in odd:
                part = in_own_types(name, changed.pop(name))
                changed |= self._dumps_sound(name, part, last, most, parts, refused)
        encoded = {name: data for name, data in parts.items() if data is not None}
        for name in kept:
            encoded[name] = last[name]
        return Encoded(encoded, refused, changed)

    def _plain(
        self, session: UserSession, held: Collection[str], refused: list[SerializationError]
    ) -> tuple[dict[str, PlainPart], Privacy | None]:
        """Return a session's parts, and what is never stored of those that are not as they were; None where they are without it."""
        if session.privacy is not self.privacy:  # each assignment runs the checks of all fields
            session.privacy = self.privacy
        session.trim()
        if session.states is not None:
            session.capture_states(refused.append)
        rules = session.never_stored
        plain = to_parts(session, refused.append)
        if held:
            plain = {name: part for name, part in plain.items() if name not in held}
        if session.encoded_by is rules or session.encoded_by == rules:
            return plain, rules
        # By other rules, or none of ours, what is never stored may have been stored.
        session.encoded_by = rules
        return {name: rules.public(part) for name, part in plain.items()}, None

    def _dumps(
        self,
        plain: Mapping[str, PlainPart],
        last: Mapping[str, bytes],
        most: int | None,
        parts: dict[str, bytes | None],
    ) -> dict[str, PlainPart]:
        """Encode into *parts*, None for one with a value that can't be; return those that are not as they were."""
        dumps, empty = self.serializer.dumps, self._empty_parts()
        changed: dict[str, PlainPart] = {}
        for name, part in plain.items():
            before = last.get(name)
            data: bytes | None
            if part == _EMPTY.get(name) and _CONTAINERS.issuperset(map(type, part.values())):
                data = empty[name]
            elif most is not None and holds_too_much(part, most):
                data = None
            else:
                try:
                    data = dumps(part)
                except SerializationError:
                    data = None
            if data is None or data != before:
                changed[name] = part
                parts[name] = data
            else:
                # It has been read before; and to compare the same object again costs nothing.
                parts[name] = before
        return changed

    def _dumps_sound(  # noqa: PLR0913, PLR0917 - as _dumps
        self,
        name: str,
        part: PlainPart,
        last: Mapping[str, bytes],
        most: int | None,
        parts: dict[str, bytes | None],
        refused: list[SerializationError],
    ) -> dict[str, PlainPart]:
        """Do as :meth:`_dumps` for a part in which something is not as it should be: of that there is what was *last*."""
        changed = self._dumps({name: part}, last, most, parts)
        if not changed or (parts[name] is not None and not unreadable_fields(name, part)):
            return changed
        before = {} if name not in last else self.serializer.loads(last[name])
        kept = Fallback(self.serializer, refused, most).part(name, part, before)
        parts[name] = data = self.serializer.dumps(kept) if kept else None
        return {} if data is None else {name: kept}

    def _empty_parts(self) -> Mapping[str, bytes]:
        """Return the bytes of empty parts: one object each for all sessions, encoded once."""
        if not self._empty:
            self._empty.update({name: self.serializer.dumps(part) for name, part in _EMPTY.items()})
        return self._empty

    def _share_empty(self, parts: EncodedParts) -> EncodedParts:
        """Let the bytes of empty parts be those that all sessions have; a live session keeps its own for long."""
        for name, empty in self._empty_parts().items():
            if parts.get(name) == empty:
                parts[name] = empty
        return parts

    def decode(self, session_id: str, parts: Mapping[str, bytes]) -> UserSession:
        """
        Return the session that *parts* encode, as a new object.

        Args:
            session_id: Its id.
            parts: Its parts.

        Raises:
            SerializationError: If they can't be read; the message names the part.
        """
        made, empty = Opaque.made, self._empty_parts()
        # An empty part holds what each session begins with.
        filled = [name for name, data in parts.items() if data != empty.get(name)]
        session = from_parts(session_id, self.decode_parts(parts, filled))
        if made != Opaque.made:
            keep_unread_apart(session)
        session.privacy, session.encoded_size = self.privacy, _size(parts)
        return session

    def decode_parts(
        self, parts: Mapping[str, bytes], names: Iterable[str], decoded: Decoded | None = None
    ) -> dict[str, PlainPart]:
        """Return the parts of these *names* that this release knows, decoded."""
        known = {name: parts[name] for name in names if name in FIELDS or is_known(name)}
        if decoded is None:
            return self._loads(known)
        return dict(zip(known, decoded.parts(self, known.items()), strict=True))

    def decode_part(self, name: str, data: bytes) -> PlainPart:
        """Return the part of this name that *data* encode."""
        return self._loads({name: data})[name]

    def _loads(self, parts: Mapping[str, bytes]) -> dict[str, PlainPart]:
        loads = self.serializer.loads
        plain: dict[str, PlainPart] = {}
        for name, data in parts.items():
            try:
                plain[name] = loads(data)
            except SerializationError as error:
                raise _in_part(name, error) from error
        return plain

    def decode_readable(
        self, parts: Mapping[str, bytes], decoded: Decoded
    ) -> dict[str, PlainPart] | None:
        """
        Return parts decoded, if they can surely be read, and all that is in them; no session is made of them.

        Args:
            parts: Encoded parts.
            decoded: Remembers them; in doubt it forgets all.
        """
        made = Opaque.made
        try:
            plain = self.decode_parts(parts, parts, decoded)
        except SerializationError:
            is_readable = False
        else:
            are_parts = {dict}.issuperset(map(type, plain.values()))
            is_readable = made == Opaque.made and are_parts and not misfits(plain)
        if is_readable:
            return plain
        decoded.forget()
        return None

    def decode_sound(
        self, session_id: str, parts: Mapping[str, bytes]
    ) -> tuple[UserSession, Damages]:
        """Return the session that those of *parts* encode which can be read, and why the others can't."""
        try:
            return self.decode(session_id, parts), {}
        except SerializationError:
            damages = {
                name: why for name in parts if (why := self._damage(session_id, parts, name))
            }
            sound = {name: data for name, data in parts.items() if name not in damages}
            return self.decode(session_id, sound), damages

    def _damage(
        self, session_id: str, parts: Mapping[str, bytes], name: str
    ) -> SerializationError | None:
        try:
            self.decode(session_id, {name: parts[name]})
        except SerializationError as error:
            return error
        return None

    def open(self, stored: Mapping[str, bytes]) -> EncodedParts:
        """
        Return the parts that stored bytes hold, encoded by this codec's serializer.

        Raises:
            SerializationError: If bytes are damaged; the message names the stored part.
            NewerFormatError: As :meth:`open_sound`.
        """
        parts, damages, _ = self.open_sound(stored)
        for damage in damages.values():
            raise damage
        return parts

    def open_sound(self, stored: Mapping[str, bytes]) -> tuple[EncodedParts, Damages, Layout]:
        """
        Return those parts that can be read, why others can't, and how all are stored.

        Raises:
            NewerFormatError: If they were sealed by a newer release, by a serializer that is not
                installed, or hold what this codec's serializer can't write.
        """
        parts: EncodedParts = {}
        damages: Damages = {}
        layout = dict.fromkeys(stored, UNKNOWN)
        patches = read_patches(stored, damages) if has_patches(stored) else {}
        for stored_name, sealed in stored.items():
            is_plain = stored_name not in patches and sealed.startswith(self._seal)
            if is_plain:
                layout[stored_name] = PLAIN
                if stored_name != PACKED:
                    parts[stored_name] = sealed[len(self._seal) :]
                    continue
            elif stored_name in damages or sealed.startswith(PATCH_BEGINS):
                continue
            try:
                if is_plain:
                    parts |= unpack({stored_name: sealed[len(self._seal) :]})
                    continue
                opened = unseal(sealed)
                if stored_name in patches:
                    opened, layout[stored_name] = patched_part(
                        opened, patches[stored_name], self.name
                    )
                inner = unpack({stored_name: opened.payload})
            except SerializationError as error:
                damages[stored_name] = _located(stored_name, error)
                continue
            if opened.serializer != self.name:
                inner = self._reencoded(opened.serializer, inner, stored_name, damages)
            parts |= inner
        for name in damages.keys() & layout.keys():
            layout[name] = layout[name]._replace(is_known=False)
        return self._share_empty(parts), damages, IN_ONE if layout == IN_ONE else layout

    def _reencoded(
        self, serializer: str, inner: EncodedParts, stored_name: str, damages: Damages
    ) -> EncodedParts:
        """Return parts of another serializer in the bytes of this one; why some can't be read goes into *damages*."""
        try:
            other = self.others(serializer)
        except UnknownPluginError as error:
            # Not damage: the bytes are fine where that plugin is installed.
            msg = f"written by serializer {serializer!r}, which is not installed here"
            raise NewerFormatError(msg) from error
        parts: EncodedParts = {}
        for name, data in inner.items():
            try:
                plain = other.loads(data)
            except SerializationError as error:
                damages[name] = _located(stored_name, error)
                continue
            try:
                parts[name] = self.serializer.dumps(plain)
            except SerializationError as error:
                # Not damage either: a value of a newer release, which only that serializer can carry.
                msg = f"written by serializer {serializer!r}: {error}"
                raise NewerFormatError(msg) from error
        return parts

    def seal(self, parts: EncodedParts, before: Mapping[str, bytes], layout: Layout) -> Sealed:
        """
        Return what a save has to put and to remove.

        Args:
            parts: What is to be stored.
            before: What is stored now, as parts; empty to put all.
            layout: The names that it is stored under.

        Raises:
            RejectedError: If the session is larger than ``max_bytes``.
        """
        size = _size(parts)
        if size > self.max_bytes:
            raise self._too_large(parts, size)
        put: dict[str, bytes] = {}
        if not is_split(size, layout):
            put = {PACKED: self._seal + pack(parts, split=False)[PACKED]}
            now = IN_ONE
        else:
            now = {}
            stored = {} if PACKED in layout else before
            for name, data in parts.items():
                now[name] = layout.get(name, PLAIN)
                if stored.get(name) != data:
                    number = free_number(layout, now)
                    now[name] = self._put(put, name, data, stored.get(name), now[name], number)
                now |= {patch_name(number): PLAIN for number in now[name].patches}
        return Sealed(put, tuple(sorted(layout.keys() - now.keys())), now)

    def _put(  # noqa: PLR0913, PLR0917 - a call a changed part
        self,
        put: dict[str, bytes],
        name: str,
        data: bytes,
        before: bytes | None,
        stored: StoredPart,
        number: int,
    ) -> StoredPart:
        """Put a part that is not what is stored: a patch of this number, or all of it; return how it is stored then."""
        if before is not None and may_patch(data, stored):
            patch = write_patch(Patch(name, len(stored.patches), differences(before, data)))
            if len(patch) < len(data) // 4:
                put[patch_name(number)] = seal(patch, self.name, PATCH)
                return StoredPart((*stored.patches, number), stored.size + len(patch))
        put[name] = self._seal + data
        return PLAIN

    def _too_large(self, parts: EncodedParts, size: int) -> RejectedError:
        largest = max(parts, key=lambda name: len(parts[name]))
        return RejectedError(
            f"the session has {size} bytes, more than limits.session_bytes = {self.max_bytes}; "
            f"its largest part is {largest!r} with {len(parts[largest])} bytes"
        )


def _size(parts: Mapping[str, bytes]) -> int:
    return sum(map(len, parts.values()))


def _in_part(name: str, error: SerializationError) -> SerializationError:
    return SerializationError(error.reason, f"part {name!r}{error.path}")


def _located(stored_name: str, error: SerializationError) -> SerializationError:
    located = SerializationError(error.reason, f"stored part {stored_name!r}{error.path}")
    located.__cause__ = error
    return located


@attrs.define(eq=False)
class Decoded:
    """
    What encoded parts hold, each decoded once for as long as it is remembered.

    Bytes are known again by being the same object: that costs the same however many they are. Whoever gets
    something leaves it as it is.
    """

    _known: dict[int, tuple[bytes, Any]] = attrs.field(factory=dict)

    def part(self, codec: SessionCodec, name: str, data: bytes) -> PlainPart:
        """Return the part of this name that *data* encode."""
        part: PlainPart = self.parts(codec, [(name, data)])[0]
        return part

    def parts(self, codec: SessionCodec, wanted: Iterable[tuple[str, bytes | None]]) -> list[Any]:
        """Return parts, each of a name and the bytes that encode it; None where there are none."""
        loads = codec.serializer.loads
        found: list[Any] = []
        for name, data in wanted:
            if data is None:
                found.append(None)
                continue
            known = self._known.get(id(data))
            if known is None:
                try:
                    known = self._known[id(data)] = data, loads(data)
                except SerializationError as error:
                    raise _in_part(name, error) from error
            found.append(known[1])
        return found

    def values(self, codec: SessionCodec, wanted: Iterable[bytes | None]) -> list[Any]:
        """Return what these encode, whatever it is; None where there is nothing that can be read."""
        loads = codec.serializer.loads
        found: list[Any] = []
        for data in wanted:
            if type(data) is not bytes:  # a store may hold anything
                found.append(None)
                continue
            known = self._known.get(id(data))
            if known is None:
                try:
                    known = self._known[id(data)] = data, loads(data)
                except SerializationError:
                    known = data, None
            found.append(known[1])
        return found

    def put(self, *known: tuple[bytes, Any]) -> None:
        """Remember what bytes encode, each with its value."""
        for one in known:
            self._known[id(one[0])] = one

    def forget(self, but: bytes | None = None) -> None:
        """Forget all, *but* what these encode, and what is encoded in the values of that."""
        known = self._known
        kept = None if but is None else known.get(id(but))
        self._known = {}
        if kept is not None:
            places = (id(but), *map(id, kept[1].values() if type(kept[1]) is dict else ()))
            self._known = {place: known[place] for place in places if place in known}


class Encoded(NamedTuple):
    """
    A session, encoded.

    Attributes:
        parts: Its parts.
        refused: One error for each value that can't be kept; it has its last value in the parts.
        changed: The fields of the parts that are not what they were, by part name. The app's own values are
            in them, not copied: they are what was encoded for as long as the session's lock is held.
    """

    parts: EncodedParts
    refused: list[SerializationError]
    changed: dict[str, PlainPart]


class Sealed(NamedTuple):
    """
    What a save puts and removes.

    Attributes:
        put: Sealed bytes by stored name.
        remove: Stored names that go.
        layout: The stored names afterwards.
    """

    put: dict[str, bytes]
    remove: tuple[str, ...]
    layout: Layout
