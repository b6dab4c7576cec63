# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from sessionkit.defaults.local_host import LocalHost
from sessionkit.host import Host


def test_a_script_is_trusted_and_always_active() -> None:
    """Whoever can run code has the store anyway."""
    host: Host = LocalHost()

    assert host.trusted
    assert host.active()


def test_there_is_one_connection_a_host() -> None:
    """The same mapping each time, another one in another host."""
    host = LocalHost()
    host.state()["key"] = "value"

    assert {"key": "value"} == host.state()
    assert {} == LocalHost().state()


def test_there_is_neither_browser_nor_user() -> None:
    """A token that is given is not kept."""
    host = LocalHost()
    host.set_token("token")

    assert host.token() is None
    assert host.user() is None
