# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import attrs
import pytest

from sessionkit.errors import ConfigError
from sessionkit.settings.settings import SecuritySettings
from sessionkit.tokens import load_secret

SECRET = "a secret that is long enough"  # noqa: S105 - signs nothing but tests


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
    assert [security.folder / "secret"] == list(security.folder.iterdir())
    assert 0o700 == stat.S_IMODE(security.folder.stat().st_mode)
    assert 0o600 == stat.S_IMODE((security.folder / "secret").stat().st_mode)
    [record] = caplog.records
    assert ("sessionkit", logging.WARNING) == (record.name, record.levelno)
    assert "replicas must share it: set security.secret_key" in record.getMessage()
    assert secret not in record.getMessage()


def test_the_secret_that_is_there_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The second process finds it, without a warning; blanks around it don't count."""
    (tmp_path / "secret").write_text(f" {SECRET}\r\n")

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
    assert ["secret"] == [path.name for path in security.folder.iterdir()]


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
