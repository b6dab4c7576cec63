# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from sessionkit.errors import ConfigError, PluginError, SessionKitError
from sessionkit.plugins import Plugins
from sessionkit.tokens import Tokens

Install = Callable[..., None]
HOST = """\
class _Host:
    trusted = False

    def __init__(self, tokens, name):
        self.tokens, self.name = tokens, name

    def active(self):
        return True

@hookimpl
def sessionkit_hosts():
    return {"some_web": lambda *, tokens, name="default": _Host(tokens, name)}
"""


APP = Tokens("the first app's secret")
OTHER_APP = Tokens("another app's secret")


def _app() -> Tokens:
    return APP


def _other_app() -> Tokens:
    return OTHER_APP


@pytest.fixture(name="framework")
def _framework(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Import the framework."""
    return lambda: monkeypatch.setitem(sys.modules, "some_web", ModuleType("some_web"))


def test_a_host_counts_once_its_framework_is_imported(
    install: Install, plugins: Callable[[], Plugins], framework: Callable[[], None]
) -> None:
    """Before, not even its plugin is imported; the local host comes last and stays the same."""
    install("x-web", {"some_web": "web_hooks"}, {"web_hooks": HOST})
    found, tables = plugins(), {"some_web": {"name": "mine"}}

    [local] = found.hosts(tables, _app).imported()
    assert "web_hooks" not in sys.modules
    framework()
    web, still_local = found.hosts(tables, _app).imported()
    again = found.hosts(tables, _app).imported()

    assert local is still_local
    assert local.trusted
    assert (APP, "mine") == (web.tokens, web.name)  # type: ignore[attr-defined]
    assert (web, local) == again


def test_a_host_counts_no_more_once_its_framework_is_gone(
    install: Install,
    plugins: Callable[[], Plugins],
    framework: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where another module came at the same time; and it is the same host that comes back."""
    install("x-web", {"some_web": "web_hooks"}, {"web_hooks": HOST})
    framework()
    hosts = plugins().hosts({}, _app)
    web = hosts.active()

    monkeypatch.delitem(sys.modules, "some_web")
    monkeypatch.setitem(sys.modules, "any_other", ModuleType("any_other"))
    without = hosts.active()
    framework()

    assert (False, True) == (web.trusted, without.trusted)
    assert web is hosts.active()


def test_code_that_a_serving_host_does_not_run_is_nobodys(
    install: Install, plugins: Callable[[], Plugins], framework: Callable[[], None]
) -> None:
    """A thread gets an error there; while nothing is served, as in a script, it is the local host's."""
    install("x-web", {"some_web": "web_hooks"}, {"web_hooks": HOST})
    framework()
    hosts = plugins().hosts({}, _app)
    web: Any
    web, local = hosts.imported()
    assert web is hosts.of_connection()

    web.active = lambda: False
    assert local is hosts.of_connection()
    web.serves = lambda: False
    assert local is hosts.of_connection()
    web.serves = lambda: True
    with pytest.raises(SessionKitError, match="belongs to no page"):
        hosts.of_connection()
    assert local is hosts.active()


def test_a_script_needs_no_tokens(plugins: Callable[[], Plugins]) -> None:
    """The local host has no browser: no secret is read or made for it."""

    def never() -> Tokens:
        pytest.fail("tokens were asked for")

    [local] = plugins().hosts({}, never).imported()

    assert local.trusted


def test_other_tokens_get_other_hosts(
    install: Install, plugins: Callable[[], Plugins], framework: Callable[[], None]
) -> None:
    """A host never checks a browser's token with another app's key."""
    install("x-web", {"some_web": "web_hooks"}, {"web_hooks": HOST})
    framework()
    found = plugins()

    hosts: Any = [found.hosts({}, tokens).imported()[0] for tokens in (_app, _other_app, _app)]

    assert [APP, OTHER_APP, APP] == [host.tokens for host in hosts]
    assert hosts[0] is hosts[2]


def test_a_broken_host_of_an_imported_framework_is_never_passed_over(
    install: Install, plugins: Callable[[], Plugins], framework: Callable[[], None]
) -> None:
    """The local host trusts everyone: in a web framework it must not take the place of the right one."""
    install("x-web", {"some_web": "web_hooks"}, {"web_hooks": "import no_such_module"})
    framework()

    with pytest.raises(PluginError, match=r"plugin 'some_web' of x-web 1\.0 can't be imported"):
        plugins().hosts({}, _app).imported()


def test_a_host_hook_that_fails_is_never_passed_over(
    install: Install, plugins: Callable[[], Plugins], framework: Callable[[], None]
) -> None:
    """The same, where the module can be imported."""
    body = "@hookimpl\ndef sessionkit_hosts():\n    raise RuntimeError('bug')\n"
    install("x-web", {"some_web": "web_hooks"}, {"web_hooks": body})
    framework()

    with pytest.raises(PluginError, match="sessionkit_hosts failed: RuntimeError: bug"):
        plugins().hosts({}, _app).imported()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"nam": "x"},
            r"\[hosts\.some_web\] nam: unknown; did you mean 'name'\? \(allowed: name\)",
        ),
        ({"tokens": "x"}, r"\[hosts\.some_web\] tokens: unknown; allowed: name"),
    ],
)
def test_a_hosts_table_is_checked(
    install: Install,
    plugins: Callable[[], Plugins],
    framework: Callable[[], None],
    table: dict[str, str],
    message: str,
) -> None:
    """The app's tokens are no business of the settings."""
    install("x-web", {"some_web": "web_hooks"}, {"web_hooks": HOST})
    framework()

    with pytest.raises(ConfigError, match=message):
        plugins().hosts({"some_web": table}, _app).imported()
