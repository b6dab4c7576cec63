# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessionkit.errors import ConfigError
from sessionkit.settings import Settings, load_settings
from sessionkit.settings.settings import PersistenceSettings
from sessionkit.settings.types import format_duration

SECRET = "a secret that is long enough"  # noqa: S105 - signs nothing


@pytest.fixture(autouse=True)
def _alone(bare: Path) -> None:
    """Every test begins without file and variables."""
    assert [] == list(bare.iterdir())


# -- the file --------------------------------------------------------------------------


def test_pyproject_is_read_where_there_is_no_own_file(write: Callable[..., Path]) -> None:
    """The table [tool.sessionkit] is the same as an own file."""
    path = write('[tool.sessionkit]\nstorage = "memory"\n', "pyproject.toml")

    assert "memory" == load_settings().storage
    assert path == load_settings().source


@pytest.mark.parametrize(
    "text", ["[project]\nname = 'sessionkit'\n", "[tool.ruff]\nsrc = ['sessionkit']"]
)
def test_a_pyproject_without_the_table_counts_as_no_file(
    write: Callable[..., Path], text: str
) -> None:
    """A project that doesn't configure sessionkit has no settings file."""
    write(text, "pyproject.toml")

    assert load_settings().source is None


def test_a_broken_pyproject_that_never_speaks_of_us_is_none_of_our_business(
    write: Callable[..., Path],
) -> None:
    """Someone else's file breaks nothing."""
    write("[project\n", "pyproject.toml")

    assert load_settings().source is None


def test_the_own_file_goes_before_pyproject(write: Callable[..., Path]) -> None:
    """Only one file is read."""
    write('[tool.sessionkit]\nstorage = "a"\nserializer = "json"\n', "pyproject.toml")
    own = write('storage = "b"\n')

    loaded = load_settings()

    assert ("b", "msgpack", own) == (loaded.storage, loaded.serializer, loaded.source)


def test_a_variable_names_the_file(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """$SESSIONKIT_CONFIG goes before both files of the folder."""
    write('storage = "a"\n')
    named = write('storage = "b"\n', "other.toml")
    monkeypatch.setenv("SESSIONKIT_CONFIG", "other.toml")

    assert ("b", named) == (load_settings().storage, load_settings().source)


def test_a_variable_may_name_a_pyproject(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    """Of a file called pyproject.toml the table [tool.sessionkit] is read, wherever it lies."""
    (bare / "deep").mkdir()
    named = write('[tool.sessionkit]\nstorage = "b"\n', "deep/pyproject.toml")
    monkeypatch.setenv("SESSIONKIT_CONFIG", str(named))

    assert "b" == load_settings().storage


def test_a_byte_order_mark_is_no_error(bare: Path) -> None:
    """Editors that write one are used."""
    (bare / "sessionkit.toml").write_bytes(b"\xef\xbb\xbfstorage = 'memory'\n")

    assert "memory" == load_settings().storage


def test_a_syntax_error_is_told_with_its_line(write: Callable[..., Path]) -> None:
    """File, line and column are named."""
    path = write("storage = 'a'\nserializer = \n")

    with pytest.raises(ConfigError, match=r"not TOML: .*at line 2, column 14") as caught:
        load_settings()

    assert str(caught.value).startswith(str(path))


def test_a_file_in_another_encoding_is_told_with_its_line(bare: Path) -> None:
    """Settings are UTF-8."""
    (bare / "sessionkit.toml").write_bytes("storage = 'a'\nserializer = 'ü'\n".encode("latin-1"))

    with pytest.raises(ConfigError, match=r"sessionkit\.toml: not UTF-8 \(line 2, byte 28\)"):
        load_settings()


def test_a_folder_in_place_of_the_file_is_told(bare: Path) -> None:
    """What is there and can't be read is no missing file."""
    (bare / "sessionkit.toml").mkdir()

    with pytest.raises(ConfigError, match=r"sessionkit\.toml: the settings can't be read"):
        load_settings()


def test_a_file_without_rights_is_told(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's reason is shown; the superuser may read everything, so the refusal is played."""
    path = write("storage = 'a'\n")
    path.chmod(stat.S_IWUSR)

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)

    with pytest.raises(
        ConfigError, match=r"sessionkit\.toml: the settings can't be read: Permission denied"
    ):
        load_settings()


def test_a_table_of_pyproject_that_is_none_is_told(write: Callable[..., Path]) -> None:
    """[tool] sessionkit = ... is no table."""
    write("[tool]\nsessionkit = 3\n", "pyproject.toml")

    with pytest.raises(ConfigError, match=r"pyproject\.toml: tool\.sessionkit is a table, not int"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "environment variable SESSIONKIT_CONFIG is empty: name a file, or unset it"),
        ("gone.toml", r"environment variable SESSIONKIT_CONFIG: there is no file .*gone\.toml"),
        (
            "pyproject.toml",
            r"environment variable SESSIONKIT_CONFIG: .*pyproject\.toml has no table \[tool\.sessionkit\]",
        ),
    ],
)
def test_a_variable_that_names_no_settings_is_told(
    name: str, message: str, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was asked for must be there, and hold settings."""
    write("[tool.ruff]\n", "pyproject.toml")
    monkeypatch.setenv("SESSIONKIT_CONFIG", name)

    with pytest.raises(ConfigError, match=message):
        load_settings()


# -- environment variables, and the secret that stands in one --------------------------


@pytest.mark.parametrize("name", ["sessionkit_storage", "SessionKit_Storage"])
def test_case_does_not_count_in_variables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SESSIONKIT_STORAGE may be written in any case."""
    monkeypatch.setenv(name, "memory")

    assert "memory" == load_settings().storage


def test_two_variables_that_differ_in_case_only_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which one counts would be left to chance."""
    monkeypatch.setenv("SESSIONKIT_STORAGE", "a")
    monkeypatch.setenv("sessionkit_storage", "b")

    with pytest.raises(ConfigError, match="SESSIONKIT_STORAGE is set twice"):
        load_settings()


@pytest.mark.parametrize("reference", ["env:OWN_NAME", "env: OWN_NAME"])
def test_a_secret_may_stand_in_any_variable(
    reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """env:NAME stands for what the variable NAME holds."""
    monkeypatch.setenv("OWN_NAME", SECRET)

    loaded = load_settings(security={"secret_key": reference})

    assert SECRET == loaded.security.secret_key
    assert "environment variable OWN_NAME" == loaded.where("security.secret_key")


def test_env_alone_is_the_variable_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """env: without a name stands for SESSIONKIT_SECRET_KEY."""
    monkeypatch.setenv("SESSIONKIT_SECRET_KEY", SECRET)

    assert SECRET == load_settings(security={"secret_key": "env:"}).security.secret_key


def test_the_variable_counts_where_no_secret_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting SESSIONKIT_SECRET_KEY is enough; a secret that is given goes before it."""
    monkeypatch.setenv("SESSIONKIT_SECRET_KEY", SECRET)

    assert SECRET == load_settings().security.secret_key
    assert "x" * 16 == load_settings(security={"secret_key": "x" * 16}).security.secret_key


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, r"GONE is not set"),
        ("", r"GONE: .* at least 16 characters"),
        ("short", r"GONE: .* this one has 5"),
    ],
)
def test_a_secret_that_is_asked_for_must_be_there(
    value: str | None, message: str, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names file, key and variable."""
    path = write("security.secret_key = 'env:GONE'\n")
    if value is not None:
        monkeypatch.setenv("GONE", value)

    with pytest.raises(ConfigError, match=message) as caught:
        load_settings()

    assert str(caught.value).startswith(f"{path}: security.secret_key: environment variable GONE")


def test_an_empty_variable_is_no_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that forgot the secret's value fails, rather than making a secret of its own."""
    monkeypatch.setenv("SESSIONKIT_SECRET_KEY", "")

    with pytest.raises(
        ConfigError, match="environment variable SESSIONKIT_SECRET_KEY: a secret has"
    ):
        load_settings()


# -- one source over another -----------------------------------------------------------


MS = st.integers(0, 2**31 - 1)
NAMES = st.sampled_from(["memory", "sqlite", "json", "msgpack", "x-y_z.1"])
LIFETIMES = st.none() | st.integers(1, 10**9).map(lambda ms: timedelta(milliseconds=ms))
PLUGIN_VALUES = (
    st.integers(-(10**9), 10**9)
    | st.booleans()
    | st.sampled_from(["", "x", "a b", "redis://:p@h/0", "007"])
)

KEYS: dict[tuple[str, ...], st.SearchStrategy[Any]] = {
    ("storage",): NAMES,
    ("serializer",): NAMES,
    ("conflict_strategy",): NAMES,
    ("plugins",): st.lists(NAMES, max_size=3).map(tuple),
    ("storages", "sqlite", "url"): PLUGIN_VALUES,
    ("serializers", "json", "indent"): PLUGIN_VALUES,
    ("conflict_strategies", "merge", "prefer"): PLUGIN_VALUES,
    ("hosts", "streamlit", "secure"): PLUGIN_VALUES,
    ("persistence", "debounce_ms"): MS,
    ("persistence", "max_wait_ms"): MS,
    ("persistence", "batch_size"): st.integers(1, 100_000),
    ("persistence", "max_pending"): st.integers(1, 2**31 - 1),
    ("persistence", "max_pending_bytes"): st.integers(1, 2**50),
    ("persistence", "when_full"): st.sampled_from(["block", "raise"]),
    ("persistence", "full_timeout_ms"): MS,
    ("persistence", "exit_timeout_ms"): MS,
    ("persistence", "journal"): st.sampled_from([Path(".sessionkit/journal"), Path("/var/lib/j")]),
    ("persistence", "journal_fsync"): st.booleans(),
    ("persistence", "refresh"): st.sampled_from(["rerun", "never"]),
    ("persistence", "refresh_interval_ms"): MS,
    ("persistence", "watch"): st.booleans(),
    ("expiry", "idle"): LIFETIMES,
    ("expiry", "absolute"): LIFETIMES,
    ("security", "secret_key"): st.sampled_from([SECRET, "x" * 16, "another secret, also long"]),
    ("security", "folder"): st.sampled_from([Path(".sessionkit"), Path("/var/lib/app")]),
    ("limits", "session_bytes"): st.integers(1024, 2**31 - 1),
    ("privacy", "never"): st.lists(st.sampled_from(["*pin*", "!pin", "iban"])).map(tuple),
    ("privacy", "never_also"): st.lists(st.sampled_from(["*pin*", "!pin", "iban"])).map(tuple),
    ("conflict", "fields", "inputs.cart"): st.sampled_from(["union", "ours", "sum"]),
}


def test_every_key_takes_part_in_the_test_of_precedence() -> None:
    """A key that is added to the settings has to be added there."""
    kinds: dict[str, Any] = {
        field.name: type(field.default) for field in attrs.fields(Settings) if not field.metadata
    }
    plain = {
        (name, inner.name)
        for name, kind in kinds.items()
        if attrs.has(kind)
        for inner in attrs.fields(kind)
    }
    top = {name for name, kind in kinds.items() if not attrs.has(kind)}

    assert plain == {key[:2] for key in KEYS if key[0] not in top}
    assert top == {key[0] for key in KEYS} - {name for name, _ in plain}


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, timedelta):
        return format_duration(value)
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _as_toml(value: Any) -> str:
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return f"'{_as_text(value)}'"


def _read(loaded: Settings, key: tuple[str, ...]) -> Any:
    found: Any = loaded
    for name in key:
        found = found[name] if hasattr(found, "keys") else getattr(found, name)
    return found


@settings(
    max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
@pytest.mark.parametrize("key", KEYS)
def test_code_goes_before_variables_before_the_file(
    key: tuple[str, ...], bare: Path, data: st.DataObject
) -> None:
    """For each key: whoever of the three speaks first in this order is heard, whatever the others say."""
    in_file, in_variable, in_code = (data.draw(KEYS[key]) for _ in range(3))
    (bare / "sessionkit.toml").write_text(f"{'.'.join(key)} = {_as_toml(in_file)}\n")
    variable = f"SESSIONKIT_{'__'.join(key).upper()}"
    code: Any = in_code
    for name in reversed(key):
        code = {name: code}

    with pytest.MonkeyPatch.context() as patch:
        assert in_file == _read(load_settings(), key)
        patch.setenv(variable, _as_text(in_variable))
        assert in_variable == _read(load_settings(), key)
        assert in_code == _read(load_settings(**code), key)
        patch.delenv(variable)
        assert in_code == _read(load_settings(**code), key)


def test_precedence_holds_key_by_key_within_a_table(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table in code leaves the other keys of the file's table alone, an empty one all of them."""
    write(
        "[persistence]\ndebounce_ms = 1\nmax_wait_ms = 2\n[storages.sqlite]\nurl = 'u'\na = {b = 1, c = 2}\n"
    )
    monkeypatch.setenv("SESSIONKIT_STORAGES__SQLITE__A__C", "3")

    loaded = load_settings(
        persistence={"max_wait_ms": 4}, storages={"sqlite": {"timeout": 5}}, expiry={}
    )

    assert PersistenceSettings(debounce_ms=1, max_wait_ms=4) == loaded.persistence
    assert {"sqlite": {"url": "u", "a": {"b": 1, "c": 3}, "timeout": 5}} == loaded.storages
    assert {"url": "u", "a": {"b": 1, "c": 3}} == load_settings(storages={"sqlite": {}}).storages[
        "sqlite"
    ]


def test_a_value_replaces_a_table_of_a_lower_source(write: Callable[..., Path]) -> None:
    """Where a plugin's key is a table in one source and a value in another, the higher one holds."""
    write("[storages.sqlite]\ntls = {ca = 'x'}\n")

    assert {"tls": False} == load_settings(storages={"sqlite": {"tls": False}}).storages["sqlite"]


def test_none_in_code_is_a_value(write: Callable[..., Path]) -> None:
    """It takes a name or a duration back that the file sets."""
    write("storage = 'sqlite'\nexpiry.idle = '1h'\n")

    loaded = load_settings(storage=None, expiry={"idle": None})

    assert (None, None) == (loaded.storage, loaded.expiry.idle)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("5", 5),
        ("-5", -5),
        ("007", "007"),
        ("5.0", "5.0"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("True", "True"),
        ("'it's'", "'it's'"),
        ("9" * 19, "9" * 19),
        ("", ""),
    ],
)
def test_a_variable_of_a_plugin_is_read_as_a_literal(
    text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Booleans and whole numbers are what they look like, all else is text; quotes make it text."""
    monkeypatch.setenv("SESSIONKIT_STORAGES__SQLITE__KEY", text)

    found = load_settings().storages["sqlite"]["key"]

    assert (value, type(value)) == (found, type(found))


def test_plugins_in_a_variable_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks and empty places don't count."""
    monkeypatch.setenv("SESSIONKIT_PLUGINS", "audit, metrics,")

    assert ("audit", "metrics") == load_settings().plugins
