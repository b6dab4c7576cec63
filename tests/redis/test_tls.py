# SPDX-License-Identifier: Apache-2.0
"""A real Redis that speaks TLS, with a certificate of an authority that only the test knows."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from session_harness import valkeys
from session_harness.processes import HOST, ServerMissingError, free_port, needed

from sessionkit.errors import UnavailableError
from sessionkit.testing.storage_samples import first, following
from sessionkit_redis.storage import RedisStorage

_SUBJECT: Final = ("-subj", "/CN=sessions", "-addext", f"subjectAltName=IP:{HOST}")

Opened = Callable[..., RedisStorage]


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    """Return a certificate that vouches for itself, and its key."""
    program = shutil.which("openssl")
    if program is None:
        msg = "openssl is not installed"
        raise ServerMissingError(msg)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run(  # noqa: S603 - found above
        [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *_SUBJECT],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture(name="secured", scope="module")
def _secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Return a url by TLS, and the certificate that its server is known by."""
    port = free_port()
    with needed():
        certificate, key = _make_certificate(tmp_path_factory.mktemp("tls"))
        files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key))
        secured = ("--tls-port", str(port), "--tls-auth-clients", "no", *files)
        with valkeys.alone(valkeys.redis_binary(), *secured):
            yield f"rediss://{HOST}:{port}/0", certificate


def test_sessions_go_through_tls(secured: tuple[str, Path], opened: Opened) -> None:
    """With the authority in the url, the server's certificate is checked and sessions are kept."""
    url, certificate = secured
    storage = opened(f"{url}?ssl_ca_certs={certificate}")

    storage.write(first(put={"a": b"1"}))
    storage.write(following(2, put={"a": b"2"}))

    stored = storage.read("s")
    assert stored is not None
    assert {"a": b"2"} == stored.parts


def test_an_unknown_certificate_is_refused(secured: tuple[str, Path], opened: Opened) -> None:
    """Without it nothing is sent to a server that nobody vouches for."""
    url, _ = secured

    with pytest.raises(UnavailableError, match="certificate verify failed"):
        opened(url).read("s")
