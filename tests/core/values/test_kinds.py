# SPDX-License-Identifier: Apache-2.0
"""The closed table of what can be kept: its names and codes, and the enums that an app registers."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, tzinfo
from enum import Enum, EnumType, Flag, IntEnum, StrEnum
from typing import Any

import pytest

from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.errors import ConfigError, SerializationError
from sessionkit.serializer import Serializer
from sessionkit.testing.serializers import assert_same
from sessionkit.values import Kinds, Opaque, from_tagged, to_tagged

# -- the table -----------------------------------------------------------------


def test_names_and_codes_are_fixed() -> None:
    """What is stored keeps its meaning: an entry of this list never changes."""
    kinds = Kinds()
    codes = {
        "tuple": 1,
        "dict": 2,
        "set": 3,
        "frozenset": 4,
        "int": 5,
        "float": 6,
        "complex": 7,
        "bytes": 8,
        "decimal": 9,
        "uuid": 10,
        "enum": 11,
        "ordereddict": 12,
        "counter": 13,
        "date": 16,
        "time": 17,
        "datetime": 18,
        "timedelta": 19,
        "defaultdict(None)": 20,
        "defaultdict(bool)": 21,
        "defaultdict(int)": 22,
        "defaultdict(float)": 23,
        "defaultdict(str)": 24,
        "defaultdict(list)": 25,
        "defaultdict(dict)": 26,
        "defaultdict(set)": 27,
        "defaultdict(tuple)": 28,
        "array": 32,
        "table": 33,
        "dataframe": 34,
        "series": 35,
        "timestamp": 36,
    }

    assert codes == {name: kinds.named(name).code for name in codes}
    assert list(codes) == [kinds.coded(code).name for code in codes.values()]


def test_a_foreign_time_zone_is_refused() -> None:
    """A ``tzinfo`` of another library would not come back; the right one is named."""
    Foreign = type("Foreign", (tzinfo,), {})  # noqa: N806 - a class
    with pytest.raises(SerializationError, match=r"Foreign.*zoneinfo\.ZoneInfo"):
        to_tagged(datetime(2026, 1, 31, tzinfo=Foreign()))


def test_importing_is_light() -> None:
    """The table imports none of the libraries whose types it knows."""
    code = (
        "import sys, sessionkit.values, sessionkit.defaults.msgpack, sessionkit.defaults.json\n"
        "print(sorted({'numpy', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert "[]\n" == done.stdout


# -- enums, through both serializers -------------------------------------------


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


def test_an_enum_that_is_gone_says_what_to_do() -> None:
    """A stored member whose class is not registered here is left unread."""
    found = from_tagged(to_tagged(Colour.RED, Kinds(ENUMS)))

    assert Opaque is type(found)
    assert "enums=[...]" in found.reason


def test_combined_flags_are_refused() -> None:
    """A combination of flags has no name to be stored by."""
    with pytest.raises(SerializationError, match="no name of its own"):
        to_tagged(Right.READ | Right.WRITE, Kinds(ENUMS))


def made_anew(members: dict[str, Any]) -> Any:
    """Return an enum of the registered one's name, as a rerun of a page makes it."""
    return EnumType.__call__(Enum, "Colour", members, module=__name__, qualname="Colour")


def test_an_enum_that_a_page_defines_anew_is_kept() -> None:
    """A page makes another class at each rerun; what is read is of the registered one."""
    kinds = Kinds([Colour])
    anew = made_anew({name: member.value for name, member in Colour.__members__.items()})
    for member in (anew.RED, Colour.RED, anew.RED):
        assert Colour.RED is from_tagged(to_tagged(member, kinds), kinds)


def test_an_enum_of_a_registered_name_with_other_members_is_refused() -> None:
    """It would come back as what it is not."""
    anew = made_anew({"RED": "another red"})

    with pytest.raises(SerializationError, match="another class, with other members"):
        to_tagged(anew.RED, Kinds(ENUMS))
    with pytest.raises(ConfigError, match="two different enums"):
        Kinds([Colour, anew])


def test_only_enums_are_registered() -> None:
    """Anything but an enum class is a configuration error."""
    with pytest.raises(ConfigError, match="dict"):
        Kinds([dict])  # type: ignore[list-item]
