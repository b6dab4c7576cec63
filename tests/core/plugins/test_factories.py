# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from sessionkit.cli.app import make_cli
from sessionkit.errors import ConfigError, PluginError, UnavailableError, UnknownPluginError
from sessionkit.plugins import Plugins
from sessionkit.plugins.factories import call_factory
from sessionkit.plugins.registry import HOST, STORAGE, PluginKind
from sessionkit.settings import load_settings

Install = Callable[..., None]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"urll": "u"},
            "[storages.mine] urll: unknown; did you mean 'url'? (allowed: table, timeout, url)",
        ),
        ({"url": "u", "zzz": 1}, "[storages.mine] zzz: unknown; allowed: table, timeout, url"),
        ({}, "[storages.mine] url: missing; it has no default (keys: table, timeout, url)"),
    ],
)
def test_a_table_is_checked_against_the_factorys_signature(
    install_storage: Install, plugins: Callable[[], Plugins], table: dict[str, Any], message: str
) -> None:
    """Table, key, who said it, and what would be right."""
    install_storage("mine")
    found, asked = plugins(), []

    def where(key: str) -> str:
        asked.append(key)
        return "the file"

    with pytest.raises(ConfigError) as caught:
        found.storage("mine", table, where=where)

    assert f"the file: {message}" == str(caught.value)
    assert [f"storages.mine.{next(iter(table), 'url') if 'zzz' not in table else 'zzz'}"] == asked
    with pytest.raises(ConfigError) as caught:
        found.storage("mine", table)
    assert message == str(caught.value)


def test_a_table_can_be_checked_without_making_anything(
    install: Install, plugins: Callable[[], Plugins]
) -> None:
    """Name and keys; what the factory gets besides is neither missing nor to be set."""
    body = "@hookimpl\ndef sessionkit_storages():\n    return {'mine': lambda *, own, url: 1 / 0}\n"
    install("x-mine", {"mine": "mine_hooks"}, {"mine_hooks": body})
    found = plugins()
    found.check(STORAGE, "mine", {"url": "u"}, injected=("own",))
    for table, injected in (({"url": "u"}, ()), ({"url": "u", "own": 1}, ("own",))):
        with pytest.raises(ConfigError, match=r"\[storages\.mine\] own"):
            found.check(STORAGE, "mine", table, injected=injected)
    with pytest.raises(UnknownPluginError, match="did you mean 'mine'"):
        found.check(STORAGE, "mien")


def test_a_storage_without_keys_takes_none() -> None:
    """The message says that nothing is allowed."""
    with pytest.raises(ConfigError, match=r"\[storages\.memory\] url: unknown; allowed: none"):
        Plugins(entry_points=[]).storage("memory", {"url": "u"})


def test_a_factory_may_take_any_key(install: Install, plugins: Callable[[], Plugins]) -> None:
    """With **keywords nothing is unknown; without a signature nothing is checked."""
    body = """\
@hookimpl
def sessionkit_storages():
    return {"mine": lambda **keys: keys, "bare": dict}
"""
    install("x-mine", {"mine": "mine_hooks", "bare": "mine_hooks"}, {"mine_hooks": body})
    found = plugins()

    opened: Any = (found.storage("mine", {"a": 1}), found.storage("bare", {"b": 2}))

    assert ({"a": 1}, {"b": 2}) == opened


def test_a_factory_that_fails_is_told(install: Install, plugins: Callable[[], Plugins]) -> None:
    """Plugin, table and cause; an error of sessionkit passes as it is."""
    body = """\
from sessionkit.errors import UnavailableError

def _bug():
    raise ZeroDivisionError("bug")

def _down():
    raise UnavailableError("down")

@hookimpl
def sessionkit_storages():
    return {"bug": _bug, "down": _down}
"""
    install("x-mine", {"bug": "mine_hooks", "down": "mine_hooks"}, {"mine_hooks": body})
    found = plugins()

    with pytest.raises(PluginError) as caught:
        found.storage("bug")

    assert (
        "plugin 'bug' of x-mine 1.0: [storages.bug] can't be made: ZeroDivisionError: bug"
    ) == str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(UnavailableError, match="down"):
        found.storage("down")


# -- the values in a table are of the types that the factory's keywords are annotated with ---


TYPED = """\
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional

from sessionkit.hookspecs import hookimpl

if TYPE_CHECKING:
    from sessionkit.storage import Storage

class Own:
    pass

def _open(
    *, text: str = "", number: int = 1, flag: bool = False, share: float = 0.5, path: Path = Path(),
    names: Sequence[str] = (), listed: list[str] = [], mode: Literal["full", "normal", 2] = "full",
    place: str | Path = "", some: int | None = None, more: Optional[str] = None, size: int | str = 0,
    ttl: timedelta | None = None, table: Mapping[str, Any] = {}, own: Own | None = None,
    unknown: Storage = None, any: Any = None, bare=None, broken: "1 +" = None,
) -> Storage:
    given = dict(locals())
    return lambda key: given[key]

@hookimpl
def sessionkit_storages():
    return {"typed": _open}
"""

Give = Callable[[str, Any], Any]


@pytest.fixture
def give(install: Install, site: Path, plugins: Callable[[], Plugins]) -> Give:
    """Return what the factory gets for a value that code or a file gives."""
    install("x-typed", {"typed": "typed_hooks"})
    (site / "typed_hooks.py").write_text(TYPED)
    found = plugins()

    def give(key: str, value: Any) -> Any:
        opened: Any = found.storage("typed", {key: value}, where=lambda key: f"the file ({key})")
        return opened(key)

    return give


@pytest.fixture
def give_text(give: Give, bare: Path, monkeypatch: pytest.MonkeyPatch) -> Give:
    """Return what the factory gets for the text of a variable."""
    assert give is not None
    assert bare == Path.cwd()

    def give_text(key: str, text: str) -> Any:
        monkeypatch.setenv(f"SESSIONKIT_STORAGES__TYPED__{key.upper()}", text)
        loaded = load_settings()
        table = loaded.storages["typed"]
        opened: Any = Plugins().storage("typed", table, where=loaded.where)
        return opened(key)

    return give_text


@pytest.mark.parametrize(
    ("key", "value", "needed"),
    [
        ("text", 5, "a text is needed, not int"),
        ("number", "5s", "a whole number is needed, not str '5s'"),
        ("number", "5", "a whole number is needed, not str '5'"),
        ("number", True, "a whole number is needed, not bool True"),
        ("number", 5.5, "a whole number is needed, not float 5.5"),
        ("flag", "no", "true or false is needed, not str 'no'"),
        ("flag", 1, "true or false is needed, not int 1"),
        ("share", "1/2", "a number is needed, not str '1/2'"),
        ("share", True, "a number is needed, not bool True"),
        ("path", 5, "a text is needed, not int"),
        ("names", "a", "a list of names is needed, not str 'a'"),
        ("names", ["a", 1], "a text is needed, not int"),
        ("mode", "ful", "'full', 'normal' or 2 is needed, not str 'ful'"),
        ("place", 5, "a text is needed, not int"),
        ("some", "5", "a whole number is needed, not str '5'"),
        ("more", 5, "a text is needed, not int"),
        ("size", 5.5, "a whole number or a text is needed, not float 5.5"),
        ("ttl", "soon", "'soon' is no duration; write a number and a unit"),
    ],
)
def test_a_value_of_another_type_is_refused(give: Give, key: str, value: Any, needed: str) -> None:
    """Who said it, the table, the key, and what is needed; nothing is made."""
    with pytest.raises(ConfigError) as caught:
        give(key, value)

    said = f"the file (storages.typed.{key}): [storages.typed] {key}: {needed}"
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("key", "value", "got"),
    [
        ("text", "5", "5"),
        ("number", 5, 5),
        ("flag", True, True),
        ("share", 1, 1.0),
        ("path", "a/b", Path("a/b")),
        ("names", ["a", "b"], ("a", "b")),
        ("listed", ["a", "b"], ["a", "b"]),
        ("mode", "normal", "normal"),
        ("mode", 2, 2),
        ("place", "a", "a"),
        ("place", Path("a"), Path("a")),
        ("some", None, None),
        ("some", 5, 5),
        ("size", "5", "5"),
        ("ttl", "24h", timedelta(hours=24)),
        ("table", {"a": 1}, {"a": 1}),
        ("table", 5, 5),
        ("own", "no Own", "no Own"),
        ("unknown", 5, 5),
        ("any", 5, 5),
        ("bare", "5", "5"),
        ("broken", "5", "5"),
    ],
)
def test_a_value_becomes_what_its_keyword_says(
    give: Give, key: str, value: Any, got: object
) -> None:
    """What the settings have types for; with no annotation, or any other, a value is left alone."""
    found = give(key, value)

    assert (got, type(got)) == (found, type(found))


@pytest.mark.parametrize(
    ("key", "text", "got"),
    [
        ("text", "5", "5"),
        ("text", "true", "true"),
        ("text", "'5'", "5"),
        ("number", "5", 5),
        ("flag", "false", False),
        ("share", "0.25", 0.25),
        ("path", "5", Path("5")),
        ("names", "a, b", ("a", "b")),
        ("listed", "5", ["5"]),
        ("mode", "2", 2),
        ("place", "5", "5"),
        ("some", "5", 5),
        ("more", "5", "5"),
        ("size", "5", 5),
        ("size", "5s", "5s"),
        ("ttl", "never", None),
        ("any", "5", 5),
        ("bare", "true", True),
    ],
)
def test_the_text_of_a_variable_is_read_as_the_keywords_type(
    give_text: Give, key: str, text: str, got: object
) -> None:
    """A text that looks like a number stays one where a text is needed."""
    found = give_text(key, text)

    assert (got, type(got)) == (found, type(found))


@pytest.mark.parametrize(
    ("key", "text", "needed"),
    [
        ("number", "abc", "a whole number is needed, not str 'abc'"),
        ("flag", "no", "true or false is needed, not str 'no'"),
        ("flag", "1", "true or false is needed, not int 1"),
        ("share", "half", "a number is needed, not str 'half'"),
        ("mode", "ful", "'full', 'normal' or 2 is needed, not str 'ful'"),
    ],
)
def test_a_text_of_a_variable_that_is_not_of_the_type_is_refused(
    give_text: Give, key: str, text: str, needed: str
) -> None:
    """The variable is named."""
    with pytest.raises(ConfigError) as caught:
        give_text(key, text)

    variable = f"environment variable SESSIONKIT_STORAGES__TYPED__{key.upper()}"
    assert f"{variable}: [storages.typed] {key}: {needed}" == str(caught.value)


def test_a_table_in_a_variable_is_no_text(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two underscores more than there should be are told, too."""
    assert bare == Path.cwd()
    monkeypatch.setenv("SESSIONKIT_STORAGES__SQLITE__BUSY_TIMEOUT_MS__MS", "5")
    loaded = load_settings()

    with pytest.raises(ConfigError, match="busy_timeout_ms: a whole number is needed, not dict"):
        Plugins().storage("sqlite", loaded.storages["sqlite"], where=loaded.where)


class Opened:
    """A factory may be a class."""

    def __init__(self, *, number: int = 1) -> None:
        """Take a number."""
        self.number = number


@attrs.frozen
class Frozen:
    """A factory may be a class whose ``__init__`` nobody wrote."""

    number: int = 1


class Opener:
    """A factory may be an object."""

    def __call__(self, *, number: int = 1) -> int:
        """Take a number."""
        return number

    def by_method(self, *, number: int = 1) -> int:
        """Take a number."""
        return number


@pytest.mark.parametrize(
    "factory",
    [Opened, Frozen, Opener(), Opener().by_method, partial(Opened), partial(Opener().by_method)],
)
def test_whatever_can_be_called_is_checked(factory: Callable[..., object]) -> None:
    """Classes, methods, objects, and what was half called already."""
    with pytest.raises(ConfigError, match=r"\[s\] number: a whole number is needed"):
        call_factory(factory, {"number": "5s"}, section="s", plugin="p", where=str)


@pytest.mark.parametrize(
    ("kind", "name", "key", "value", "said"),
    [
        (STORAGE, "sqlite", "busy_timeout_ms", "5s", "a whole number is needed, not str '5s'"),
        (STORAGE, "sqlite", "url", 5, "a text is needed, not int"),
        (STORAGE, "sql", "pool_size", "5", "a whole number is needed, not str '5'"),
        (STORAGE, "redis", "notify", "no", "true or false is needed, not str 'no'"),
        (HOST, "streamlit", "resync", "yes", "true or false is needed, not str 'yes'"),
    ],
)
def test_our_own_plugins_are_checked_before_they_are_made(
    kind: PluginKind, name: str, key: str, value: object, said: str
) -> None:
    """As an unknown key is."""
    table = {"url": "x", key: value} if name == "sql" else {key: value}

    with pytest.raises(ConfigError) as caught:
        Plugins().check(kind, name, table, where=lambda _: "the file", injected=("tokens",))

    assert f"the file: [{kind.section}.{name}] {key}: {said}" == str(caught.value)


def test_a_secret_is_not_quoted() -> None:
    """Texts may hold passwords: what stands in place of one is named by its type alone."""
    with pytest.raises(ConfigError) as caught:
        Plugins().check(STORAGE, "sqlite", {"url": ["redis://:hunter2@host"]})

    assert "hunter2" not in str(caught.value)


def test_types_of_code_are_its_own(give: Give) -> None:
    """What only code can give is handed on as it is."""
    given = object()

    assert given is give("own", given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[storages.sqlite]\nurl = 5\n", "[storages.sqlite] url: a text is needed, not int"),
        (
            "[hosts.streamlit]\nresync = 1",
            "[hosts.streamlit] resync: true or false is needed, not int 1",
        ),
    ],
)
def test_wrong_types_are_told_by_the_list_of_plugins(
    bare: Path, write: Callable[..., Path], text: str, said: str
) -> None:
    """After the list, with the file."""
    assert bare == Path.cwd()
    path = write(f"storage = 'sqlite'\n{text}")

    result: Result = CliRunner().invoke(make_cli(Plugins()), ["plugins"])

    assert 1 == result.exit_code
    assert result.stdout.startswith("name ")
    assert f"Error: {path}: {said}\n" == result.stderr
