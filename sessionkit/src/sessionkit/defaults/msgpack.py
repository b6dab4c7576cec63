# SPDX-License-Identifier: Apache-2.0
"""The default serializer: MessagePack with a closed table of extension codes."""

from __future__ import annotations

import re
import secrets
import struct
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Final

import ormsgpack

from sessionkit.errors import SerializationError
from sessionkit.values import CODED, MAX_DEPTH, Kind, Kinds, Opaque, Simplifier
from sessionkit.values.simplify import fits_64_bits, too_deep

# What ormsgpack would turn into something else it must refuse instead.
_EXACT: Final = (
    ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_CODED: Final = re.compile(re.escape(CODED) + r"(\d{1,3})")
_LAST_CODE: Final = 127
_PAIR: Final = b"\x92"
# ormsgpack ignores what follows a value. Nobody can have stored this number, so where it
# is found next to the value nothing else lies between.
_END: Final = secrets.token_bytes(16)
_PACKED_END: Final = ormsgpack.packb(_END)

_ARRAY: Final = (0x90, 0xDC, 0xDD)
_MAP: Final = (0x80, 0xDE, 0xDF)
_CHUNK: Final = 15
"""So many items have a head of one byte, which is easily cut off."""

_SURELY_SHALLOW: Final = 32
"""So few bytes can't nest deeply."""
_NESTED_LEVELS: Final = 5 * MAX_DEPTH
"""How deeply extensions, all together, may nest: each level takes about 700 bytes of the C stack."""


class MsgpackSerializer:
    """
    Values as MessagePack; what it lacks is an extension (:mod:`sessionkit.values`).

    Plain data never leave C.

    Example:
        >>> MsgpackSerializer().loads(MsgpackSerializer().dumps({"size": (3, 4)}))
        {'size': (3, 4)}
    """

    name: Final = "msgpack"
    """What records are sealed with."""

    def __init__(self, enums: Sequence[type[Enum]] = ()) -> None:
        """
        Register the enums whose members are kept.

        Args:
            enums: ``Enum`` classes of importable modules; a member is stored by name.
        """
        self._kinds = Kinds(enums)
        self._simplify = _Packer(self._kinds)

    def dumps(self, data: Any) -> bytes:  # noqa: ANN401 - any value a widget may return
        """
        Return *data* as MessagePack.

        Raises:
            SerializationError: If a value can't be kept; ``path`` says which.
            RuntimeError: If *data* was changed by another thread meanwhile.
        """
        try:
            return _pack(data)
        except TypeError:
            return _pack(self._simplify(data))

    def loads(self, data: bytes) -> Any:  # noqa: ANN401 - what dumps was given
        """
        Return what *data* was made from; an ``Opaque`` stands for what can't be read in this process.

        Raises:
            SerializationError: If the bytes are not what :meth:`dumps` writes.
        """
        return _Unpacker(self._kinds).unpack(data)


def _pack(data: Any) -> bytes:  # noqa: ANN401 - plain data
    # Never with a hook (default=): while it runs, another thread may shorten the list that
    # ormsgpack walks, and ormsgpack then reads freed memory. Without one the walk is atomic.
    return ormsgpack.packb(data, option=_EXACT)


class _Packer(Simplifier):
    """Makes of what ormsgpack refuses a copy with extensions."""

    def simplify(self, value: Any, depth: int) -> Any:  # noqa: ANN401 - any value
        if type(value) in (list, dict):
            try:
                return ormsgpack.Fragment(_pack(value))
            except TypeError:
                pass  # something in it is not plain: it is packed piece by piece
        return super().simplify(value, depth)

    def copy_list(self, items: list[Any], depth: int) -> ormsgpack.Fragment:
        def single(index: int, item: Any) -> bytes:  # noqa: ANN401 - any value
            return _pack(self.at(index, item, depth))

        head = _head(len(items), _ARRAY)
        return _joined(head, list(enumerate(items)), _second_of_each, single)

    def copy_dict(self, items: list[tuple[Any, Any]], depth: int) -> ormsgpack.Fragment:
        def single(key: Any, item: Any) -> bytes:  # noqa: ANN401 - any value
            return _pack(self.at(key, key, depth)) + _pack(self.at(key, item, depth))

        return _joined(_head(len(items), _MAP), items, dict, single)

    def takes(self, value: int | float | bytes) -> bool:  # noqa: PYI041 - each is meant, exactly
        return not isinstance(value, int) or fits_64_bits(value)

    def tag(self, kind: Kind, simple: Any) -> Any:  # noqa: ANN401 - plain data
        return ormsgpack.Ext(kind.code, _pack(simple))

    def tag_opaque(self, value: Opaque, simple: Any) -> Any:  # noqa: ANN401 - plain data
        kind = self._kinds.named(value.kind)
        if kind is not None:
            return self.tag(kind, simple)
        code = _CODED.fullmatch(value.kind)
        if code is None or int(code[1]) > _LAST_CODE or type(simple) is not bytes:
            msg = f"a value of the kind {value.kind!r} has no extension code here; a newer release may have written it"
            raise SerializationError(msg)
        return ormsgpack.Ext(int(code[1]), simple)

    def order(self, simple: Any) -> bytes:  # noqa: ANN401 - plain data
        return _pack(simple)


def _second_of_each(pairs: Iterable[tuple[Any, Any]]) -> list[Any]:
    return [item for _, item in pairs]


def _head(size: int, marks: tuple[int, int, int]) -> bytes:
    short, of_two_bytes, of_four_bytes = marks
    if size <= _CHUNK:
        return bytes([short + size])
    return (
        struct.pack(">BH", of_two_bytes, size)
        if size < 2**16
        else struct.pack(">BI", of_four_bytes, size)
    )


def _joined(
    head: bytes,
    pairs: list[tuple[Any, Any]],
    together: Callable[[list[tuple[Any, Any]]], Any],
    single: Callable[[Any, Any], bytes],
) -> ormsgpack.Fragment:
    """Pack in C what is plain, chunk by chunk, and the items of the other chunks one by one."""
    packed = [head]
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        try:
            packed.append(_pack(together(chunk))[1:])
        except TypeError:
            packed += [single(key, item) for key, item in chunk]
    return ormsgpack.Fragment(b"".join(packed))


class _Unpacker:
    """Reads one message. Hostile bytes must not exhaust the C stack: extensions count their levels."""

    __slots__ = ("_failure", "_kinds", "_left")

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._left = _NESTED_LEVELS
        self._failure: BaseException | None = None

    def unpack(self, data: bytes) -> Any:  # noqa: ANN401 - what was packed
        try:
            value, end = ormsgpack.unpackb(
                b"".join((_PAIR, data, _PACKED_END)), ext_hook=self._restored
            )
        except ValueError as error:
            raise self._reason(error) from error
        if type(end) is not bytes or end != _END:
            msg = "other bytes follow the MessagePack value; it was damaged or is none"
            raise SerializationError(msg)
        return value

    def _reason(self, error: ValueError) -> BaseException:
        # ormsgpack hides what its hook raised, a Ctrl-C too.
        if self._failure is None:
            return SerializationError(f"this is no MessagePack of ours: {error}")
        return self._failure

    def _restored(self, code: int, packed: bytes) -> Any:  # noqa: ANN401 - any value
        try:
            kind = self._kinds.coded(code)
            return _unknown(code, packed) if kind is None else kind.restored(self._simple(packed))
        except RecursionError as error:
            self._failure = too_deep()
            raise self._failure from error
        # The C code hides what a hook raises, Ctrl-C too: it is kept, and raised outside.
        except BaseException as error:
            self._failure = error
            raise

    def _simple(self, packed: bytes) -> Any:  # noqa: ANN401 - plain data
        levels = len(packed) if len(packed) <= _SURELY_SHALLOW else _levels(packed)
        if levels > self._left:
            raise too_deep()
        self._left -= levels
        simple = self.unpack(packed)
        self._left += levels
        return simple


def _unknown(code: int, packed: bytes) -> Opaque:
    if code < 0:
        msg = f"an extension has the code {code}, which no release writes"
        raise SerializationError(msg)
    reason = f"no kind of value has the extension code {code}; a newer release may have written it"
    return Opaque(f"{CODED}{code}", packed, reason)


def _levels(packed: bytes) -> int:
    """Return how deeply lists and dicts nest in a message, extensions left closed."""
    try:
        level = [ormsgpack.unpackb(packed, ext_hook=lambda *_: None)]
    except ValueError:
        return 0  # unpacking it in earnest says why
    levels = 0
    while level:
        levels += 1
        lists = [item for node in level if type(node) is list for item in node]
        level = lists + [item for node in level if type(node) is dict for item in node.values()]
    return levels
