# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import os
import stat
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from sessionkit.errors import ConfigError, InvalidSessionIdError, InvalidTokenError
from sessionkit.session.fields import MAX_ID_LENGTH, new_session_id
from sessionkit.settings.settings import SecuritySettings
from sessionkit.tokens import TICKET_SECONDS, TokenContent, Tokens, load_secret

SECRET = "a secret that is long enough"  # noqa: S105 - signs nothing but tests
IDS = st.text(
    st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=MAX_ID_LENGTH
).filter(str.isprintable)


class _Clock:
    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(name="clock")
def _clock() -> _Clock:
    return _Clock()


@pytest.fixture(name="tokens")
def _tokens(clock: _Clock) -> Tokens:
    return Tokens(SECRET, now=clock)


@given(session_id=IDS, readable=st.booleans())
def test_what_was_issued_is_read(session_id: str, readable: bool) -> None:  # noqa: FBT001 - drawn
    """Both kinds of token give back the id, and tell which kind they are."""
    tokens = Tokens(SECRET)
    token = tokens.issue(session_id, readable=readable)

    assert session_id == tokens.read(token)
    assert TokenContent(session_id, readable) == tokens.inspect(token)


@pytest.mark.parametrize("readable", [False, True])
def test_a_token_fits_into_a_cookie(tokens: Tokens, readable: bool) -> None:  # noqa: FBT001 - a parameter
    """Even the longest id gives a token of cookie characters within a cookie's 4096."""
    token = tokens.issue("\U0001f600" * MAX_ID_LENGTH, readable=readable)

    assert 4096 > len(token)
    assert set(string.ascii_letters + string.digits + "-_.") >= set(token)


def test_a_cookie_is_no_readable_token_and_the_other_way_round(tokens: Tokens) -> None:
    """A script of the page can't make a cookie of what it can read."""
    cookie, readable = tokens.issue("abc"), tokens.issue("abc", readable=True)

    assert readable.startswith("r.")
    for forged in (f"r.{cookie}", readable.removeprefix("r.")):
        with pytest.raises(InvalidTokenError):
            tokens.read(forged)


def test_another_key_reads_nothing(tokens: Tokens) -> None:
    """What another app has signed is foreign."""
    other = Tokens("another secret of another app")

    for token in (other.issue("abc"), other.issue("abc", readable=True)):
        with pytest.raises(InvalidTokenError, match="was not signed with this app's key"):
            tokens.read(token)


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    """Each single character of a token counts."""
    tokens = Tokens(SECRET)
    token = tokens.issue("some-session", readable=data.draw(st.booleans()))
    place = data.draw(st.integers(0, len(token) - 2))  # the last one holds unused bits
    changed = token[:place] + data.draw(st.sampled_from("Aa0-_.é")) + token[place + 1 :]

    if changed != token:
        with pytest.raises(InvalidTokenError):
            tokens.read(changed)


@given(
    st.one_of(
        st.text(max_size=80),
        st.text("abcXYZ019-_.r"),
        st.binary(),
        st.none(),
        st.integers(),
        st.integers(4000, 5000).map("x".__mul__),
        st.sampled_from(["\ud800", "é.é", ".", "..", "r.", "r..", "a" * 5000]),
    )
)
def test_nothing_else_is_ever_raised(junk: object) -> None:
    """Whatever a browser sends is an id, or an InvalidTokenError that doesn't repeat it."""
    tokens = Tokens(SECRET)
    for read in (tokens.read, lambda token: tokens.read_ticket(token, "old")):
        with pytest.raises(InvalidTokenError) as caught:
            read(junk)

        assert not isinstance(junk, str) or len(junk) < 16 or junk not in str(caught.value)


@pytest.mark.parametrize("content", ["", "x" * 129, "a\nb", 3, None, ["abc"], {"id": "abc"}])
def test_a_signed_token_holds_a_session_id(tokens: Tokens, content: object) -> None:
    """Even what the right key has signed must hold what can be an id."""
    signed = tokens._cookie.dumps(content)

    with pytest.raises(InvalidTokenError):
        tokens.read(signed)


def test_only_ids_are_issued(tokens: Tokens) -> None:
    """What can't be a session id gets no token and no ticket."""
    for issue in (tokens.issue, lambda odd: tokens.issue_ticket(["a"], odd)):
        with pytest.raises(InvalidSessionIdError):
            issue("a\nb")


def test_a_token_is_signed_with_more_than_the_bare_key(tokens: Tokens) -> None:
    """A serializer that another program makes from the same key doesn't fit."""
    with pytest.raises(InvalidTokenError):
        tokens.read(URLSafeSerializer(SECRET).dumps("abc"))


@pytest.mark.parametrize("age", [0, TICKET_SECONDS - 1, -3])
def test_a_fresh_ticket_is_honoured(tokens: Tokens, clock: _Clock, age: int) -> None:
    """For a minute, by replicas whose clocks differ a little."""
    ticket = tokens.issue_ticket(["old"], "new")
    clock.seconds += age

    assert "new" == tokens.read_ticket(ticket, "old").session_id


@pytest.mark.parametrize("age", [TICKET_SECONDS + 1, 10**6, -60])
def test_an_old_ticket_is_refused(tokens: Tokens, clock: _Clock, age: int) -> None:
    """After a minute, and long before it was issued."""
    ticket = tokens.issue_ticket(["old"], "new")
    clock.seconds += age

    with pytest.raises(InvalidTokenError, match="seconds old; it is honoured for 60"):
        tokens.read_ticket(ticket, "old")


def test_a_ticket_goes_with_its_cookie_only(tokens: Tokens) -> None:
    """Another session's cookie isn't traded."""
    with pytest.raises(InvalidTokenError, match="another session's cookie"):
        tokens.read_ticket(tokens.issue_ticket(["old"], "new"), "other")


def test_a_ticket_goes_with_each_cookie_that_the_browser_may_hold(tokens: Tokens) -> None:
    """Also when the session has gone back to an id that it had."""
    ticket = tokens.issue_ticket(["first", "second"], "first")

    assert ["first", "first"] == [
        tokens.read_ticket(ticket, one).session_id for one in ("first", "second")
    ]


def test_a_token_names_the_device_that_it_was_given_to(tokens: Tokens) -> None:
    """Readable or not; those of earlier releases, and of sessions without an owner, name none."""
    for readable in (False, True):
        token = tokens.issue("s", "laptop", readable=readable)
        assert TokenContent("s", readable, "laptop") == tokens.inspect(token)
        assert TokenContent("s", readable) == tokens.inspect(tokens.issue("s", readable=readable))


def test_a_ticket_names_devices_too(tokens: Tokens) -> None:
    """The cookie of another device of the session isn't traded."""
    laptop, phone = (
        TokenContent("s", readable=False, device_id=one) for one in ("laptop", "phone")
    )
    ticket = tokens.issue_ticket(["old", laptop], phone)

    assert [phone, phone, phone] == [
        tokens.read_ticket(ticket, one) for one in ("old", laptop, phone)
    ]
    for other in ("s", TokenContent("s", readable=False, device_id="tablet")):
        with pytest.raises(InvalidTokenError, match="another session's cookie"):
            tokens.read_ticket(ticket, other)


def test_a_ticket_that_another_tab_has_traded_is_honoured(tokens: Tokens) -> None:
    """The browser holds the new session's cookie already."""
    assert "new" == tokens.read_ticket(tokens.issue_ticket(["old"], "new"), "new").session_id


@pytest.mark.parametrize(
    "make",
    [lambda tokens: tokens.issue("old"), lambda tokens: tokens.issue("old", readable=True)],
)
def test_a_token_is_no_ticket(tokens: Tokens, make: Callable[[Tokens], str]) -> None:
    """Nor is a ticket a token."""
    with pytest.raises(InvalidTokenError):
        tokens.read_ticket(make(tokens), "old")
    with pytest.raises(InvalidTokenError):
        tokens.read(tokens.issue_ticket(["old"], "new"))


@pytest.mark.parametrize("content", ["old", [], ["old"], ["old", 3], ["old", ""], {"old": 1}, None])
def test_a_signed_ticket_holds_two_ids(tokens: Tokens, content: object) -> None:
    """Even what the right key has signed must be of the right form."""
    with pytest.raises(InvalidTokenError):
        tokens.read_ticket(tokens._ticket.dumps(content), "old")


def test_the_cookies_name_belongs_to_the_key(tokens: Tokens) -> None:
    """Two apps on two ports of one host don't overwrite each other's cookie."""
    kind, _, digits = tokens.cookie_name.partition("_")

    assert ("sessionkit", 8) == (kind, len(digits))
    assert set(string.hexdigits) >= set(digits)
    assert tokens.cookie_name == Tokens(SECRET).cookie_name
    assert tokens.cookie_name != Tokens(SECRET + "!").cookie_name


def test_the_key_is_not_shown(tokens: Tokens) -> None:
    """The repr has the cookie's name."""
    assert f"Tokens(cookie_name={tokens.cookie_name!r})" == repr(tokens)


@pytest.mark.parametrize("secret", ["", "short", "               x"])
def test_a_short_key_is_refused(secret: str) -> None:
    """Blanks don't count, and the message doesn't show it."""
    with pytest.raises(ConfigError, match="a secret has at least 16 characters") as caught:
        Tokens(secret)

    assert not secret or secret not in str(caught.value)


def test_a_random_id_gives_another_token_each_time(tokens: Tokens) -> None:
    """Tokens of different sessions differ; of one session they are the same."""
    one, other = new_session_id(), new_session_id()

    assert tokens.issue(one) == tokens.issue(one)
    assert tokens.issue(one) != tokens.issue(other)


def test_an_endless_token_is_not_even_looked_at(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no cookie can hold costs no time."""
    monkeypatch.setattr(tokens._cookie, "loads", None)

    with pytest.raises(InvalidTokenError, match="a token of 1000000 characters"):
        tokens.read("a" * 1_000_000)


# -- the app's secret ------------------------------------------------------------------


def test_a_given_secret_is_used(tmp_path: Path) -> None:
    """No file is made."""
    security = SecuritySettings(secret_key=SECRET, folder=tmp_path / "private")

    assert SECRET == load_secret(security)
    assert not security.folder.exists()


def test_a_secret_is_made_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is long and random, in a folder and a file of its user's own; a warning speaks of replicas."""
    security = SecuritySettings(folder=tmp_path / "deep" / "private")

    secret = load_secret(security)

    assert 43 == len(secret)
    assert [".gitignore", "secret"] == sorted(path.name for path in security.folder.iterdir())
    assert 0o700 == stat.S_IMODE(security.folder.stat().st_mode)
    assert 0o600 == stat.S_IMODE((security.folder / "secret").stat().st_mode)
    [record] = caplog.records
    assert ("sessionkit", logging.WARNING) == (record.name, record.levelno)
    assert "replicas must share it: set security.secret_key" in record.getMessage()
    assert secret not in record.getMessage()


def test_the_secret_that_is_there_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The second process finds it, without a warning; blanks around it don't count."""
    (tmp_path / "secret").write_text(f" {SECRET}\r\n")
    (tmp_path / "secret").chmod(0o600)

    assert SECRET == load_secret(SecuritySettings(folder=tmp_path))
    assert [] == caplog.records


def test_threads_that_start_at_once_agree(tmp_path: Path) -> None:
    """All of them get the same secret, and nothing else is left in the folder."""
    security = SecuritySettings(folder=tmp_path / "private")
    barrier, found = Barrier(8), list[str]()

    def start() -> None:
        barrier.wait()
        found.append(load_secret(security))

    threads = [Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (8, 1) == (len(found), len(set(found)))
    assert [".gitignore", "secret"] == sorted(path.name for path in security.folder.iterdir())


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    """The same between processes."""
    program = (
        "import sys; from sessionkit.settings.settings import SecuritySettings as S;"
        "from sessionkit.tokens import load_secret; from pathlib import Path;"
        "sys.stdin.readline(); print(load_secret(S(folder=Path(sys.argv[1]))))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "private")]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)  # noqa: S603 - our own program
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    found = [process.communicate()[0] for process in processes]

    assert 1 == len(set(found))
    assert 44 == len(found[0])


def test_a_process_that_loses_the_race_takes_the_others_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Between looking and writing another one was first: its secret holds."""

    def other_was_first(_: Path, target: Path) -> None:
        target.write_text(SECRET)
        target.chmod(0o600)
        raise FileExistsError(17, "File exists")

    monkeypatch.setattr(os, "link", other_was_first)

    assert SECRET == load_secret(SecuritySettings(folder=tmp_path / "private"))
    assert [] == caplog.records


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "this one has 0"),
        (b"short\n", "this one has 5"),
        (b"\xff" * 40, "it is not UTF-8"),
    ],
)
def test_a_damaged_file_is_told_and_kept(tmp_path: Path, content: bytes, reason: str) -> None:
    """A new secret would log everyone out: the message has path, reason and remedy instead."""
    path = tmp_path / "secret"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=f"holds no secret: .*{reason}") as caught:
        load_secret(SecuritySettings(folder=tmp_path))

    assert str(caught.value).startswith(str(path))
    assert "mend or delete that file, or set security.secret_key" in str(caught.value)
    assert content == path.read_bytes()


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    """What can't be read is told with the system's reason."""
    (tmp_path / "secret").mkdir()

    with pytest.raises(ConfigError, match=r"secret can't be read: Is a directory"):
        load_secret(SecuritySettings(folder=tmp_path))


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    """The same for the folder."""
    (tmp_path / "private").write_text("")

    with pytest.raises(ConfigError, match=r"private/secret can't be .*: Not a directory"):
        load_secret(SecuritySettings(folder=tmp_path / "private"))


def test_a_folder_without_rights_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy is to set a secret; the superuser may write everywhere, so the refusal is played."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)

    with pytest.raises(
        ConfigError, match=r"can't be made: Permission denied; .* SESSIONKIT_SECRET_KEY"
    ):
        load_secret(SecuritySettings(folder=tmp_path / "private"))


def test_a_file_system_without_links_is_told_and_left_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file can't appear whole it is not made at all."""

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)

    with pytest.raises(ConfigError, match="can't be made: Operation not supported"):
        load_secret(SecuritySettings(folder=tmp_path / "private"))

    assert [] == list((tmp_path / "private").iterdir())


def test_a_reference_is_no_secret(tmp_path: Path) -> None:
    """A reference that nobody resolved would be a key that everyone can read in the settings."""
    with pytest.raises(ConfigError, match=r"security\.secret_key: a reference"):
        load_secret(SecuritySettings(secret_key="env:SESSIONKIT_SECRET_KEY", folder=tmp_path))  # noqa: S106 - the test's point


@attrs.frozen
class _Unchecked:
    secret_key: str
    folder: Path


def test_a_short_secret_is_refused_wherever_it_comes_from(tmp_path: Path) -> None:
    """Settings that are not ours are checked too; the message names the key, not the secret."""
    with pytest.raises(
        ConfigError, match=r"security\.secret_key: a secret has at least 16"
    ) as caught:
        load_secret(_Unchecked("hunter2", tmp_path))

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("folder", [".sessionkit", "new/private"])
def test_a_folder_of_ours_stays_out_of_version_control(tmp_path: Path, folder: str) -> None:
    """A ``.gitignore`` beside the secret covers all of it, itself included."""
    load_secret(SecuritySettings(folder=tmp_path / folder))
    assert "*\n" == (tmp_path / folder / ".gitignore").read_text()


def test_a_gitignore_that_is_there_and_a_folder_of_the_apps_stay_as_they_are(
    tmp_path: Path,
) -> None:
    """What else lies in a folder that we didn't make is not ours to hide."""
    load_secret(SecuritySettings(folder=tmp_path))
    assert ["secret"] == [path.name for path in tmp_path.iterdir()]

    ours = tmp_path / ".sessionkit"
    ours.mkdir()
    (ours / ".gitignore").write_text("secret\n")
    load_secret(SecuritySettings(folder=ours))
    assert "secret\n" == (ours / ".gitignore").read_text()


@pytest.mark.parametrize(
    ("mode", "told"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True), (0o660, True)]
)
def test_a_secret_that_others_may_read_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, *, told: bool
) -> None:
    """It may be mounted so: the app goes on with it."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(mode)
    assert SECRET == load_secret(SecuritySettings(folder=tmp_path))
    assert told == ("chmod 600" in caplog.text)


def test_a_secret_that_anyone_may_write_signs_nothing(tmp_path: Path) -> None:
    """Whoever wrote it knows it, and could open every session."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(0o646)
    with pytest.raises(ConfigError, match=r"secret may be written by anyone; .* chmod 600"):
        load_secret(SecuritySettings(folder=tmp_path))


def test_a_secret_of_another_user_signs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The superuser's may be handed out; that of anyone else may be known to them."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(0o600)
    owner = path.stat().st_uid
    monkeypatch.setattr(
        os, "fstat", lambda _: os.stat_result((0o600, 0, 0, 1, owner + 7, *[0] * 5))
    )
    monkeypatch.setattr(os, "geteuid", lambda: owner + 9)
    with pytest.raises(ConfigError, match=r"secret belongs to another user \(uid"):
        load_secret(SecuritySettings(folder=tmp_path))
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result((0o600, 0, 0, 1, 0, *[0] * 5)))
    assert SECRET == load_secret(SecuritySettings(folder=tmp_path))


@pytest.mark.parametrize(
    "weak", ["k" * 16, "passwordpassword", "abcabcabcabcabcabc", "0101100101101001"]
)
def test_a_secret_that_is_easily_guessed_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, weak: str
) -> None:
    """With the command that makes another one, and without the secret."""
    path = tmp_path / "secret"
    path.write_text(weak)
    path.chmod(0o600)
    for security in (SecuritySettings(secret_key=weak), SecuritySettings(folder=tmp_path)):
        caplog.clear()
        assert weak == load_secret(security)
        assert "secrets.token_urlsafe(32)" in caplog.text
        assert weak not in caplog.text


def test_a_secret_that_can_not_be_made_is_not_to_be_deleted(tmp_path: Path) -> None:
    """The advice is about what is there."""
    (tmp_path / "private").write_text("")
    with pytest.raises(ConfigError) as caught:
        load_secret(SecuritySettings(folder=tmp_path / "private"))
    assert "let this process write to its folder, or set security.secret_key" in str(caught.value)
    assert "delete" not in str(caught.value)
