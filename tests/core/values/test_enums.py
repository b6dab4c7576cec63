# SPDX-License-Identifier: Apache-2.0
"""Enums that an app registers, through both serializers."""

from __future__ import annotations

from enum import Enum, EnumType, Flag, IntEnum, StrEnum
from typing import Any

import pytest

from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.errors import ConfigError, SerializationError
from sessionkit.serializer import Serializer
from sessionkit.testing.serializers import assert_same
from sessionkit.values import Kinds, from_tagged, to_tagged


class Colour(Enum):
    """A plain enum."""

    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    """Numbers with names."""

    LOW = 1


class Theme(StrEnum):
    """Texts with names."""

    DARK = "dark"


class Right(Flag):
    """Flags that combine."""

    READ = 1
    WRITE = 2


ENUMS = (Colour, Level, Theme, Right)


@pytest.fixture(name="serializer", params=[MsgpackSerializer, JsonSerializer])
def _serializer(request: pytest.FixtureRequest) -> Serializer:
    made: Serializer = request.param(ENUMS)
    return made


@pytest.mark.parametrize("member", [Colour.RED, Level.LOW, Theme.DARK, Right.READ], ids=str)
def test_registered_enums_come_back(serializer: Serializer, member: Enum) -> None:
    """A member of a registered enum is kept as itself, as value and as key."""
    data = {"inputs": [member], "keys": {member: 1}, "set": {member}}

    assert_same(data, serializer.loads(serializer.dumps(data)))


def test_an_enum_is_stored_by_name() -> None:
    """The qualified name of the class and the member's own name are stored."""
    tagged = to_tagged(Colour.RED, Kinds(ENUMS))

    assert {"$t": "enum", "v": [f"{__name__}.Colour", "RED"]} == tagged


def test_an_enum_that_is_gone_is_refused() -> None:
    """A stored member whose class is no longer registered says what to do."""
    with pytest.raises(SerializationError, match=r"enums=\["):
        from_tagged(to_tagged(Colour.RED, Kinds(ENUMS)))


def test_combined_flags_are_refused() -> None:
    """A combination of flags has no name to be stored by."""
    with pytest.raises(SerializationError, match="no name of its own"):
        to_tagged(Right.READ | Right.WRITE, Kinds(ENUMS))


def test_a_page_that_defines_its_enum_anew_is_told() -> None:
    """A second class of a registered name is refused: a page makes one at each rerun."""
    anew: Any = EnumType.__call__(
        Enum, "Colour", {"RED": "red"}, module=__name__, qualname="Colour"
    )

    with pytest.raises(SerializationError, match="a module that the page imports"):
        to_tagged(anew.RED, Kinds(ENUMS))
    with pytest.raises(ConfigError, match="two different enums"):
        Kinds([Colour, anew])


def test_only_enums_are_registered() -> None:
    """Anything but an enum class is a configuration error."""
    with pytest.raises(ConfigError, match="dict"):
        Kinds([dict])  # type: ignore[list-item]
