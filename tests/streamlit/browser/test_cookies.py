# SPDX-License-Identifier: Apache-2.0
"""The middleware and the ticket's route, by raw ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from typing import Any

import attrs
import pytest

from sessionkit.tokens import TICKET_SECONDS, Tokens
from sessionkit_streamlit import app_options
from sessionkit_streamlit.browser.cookie_options import CookieOptions
from sessionkit_streamlit.browser.cookies import CookieMiddleware, TicketRoute
from sessionkit_streamlit.browser.gate import gate

PAGE = {"sec-fetch-dest": "document"}


@attrs.define
class Clock:
    """A clock that stands still."""

    now: float = 1_800_000_000.0


@pytest.fixture
def clock() -> Clock:
    """Give the tokens' clock."""
    return Clock()


@pytest.fixture
def tokens(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tokens]:
    """Sign with a key that only these tests have."""
    signer = Tokens("a secret for tests only", now=lambda: clock.now)
    monkeypatch.setattr(gate, "tokens", signer)
    monkeypatch.setattr(gate, "keeper", None)
    monkeypatch.setattr(gate, "middleware", False)
    monkeypatch.setattr(gate, "options", None)
    monkeypatch.setattr(gate, "given", {})
    return signer


@attrs.define
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[bytes, bytes]]

    def all(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value.decode() for key, value in self.headers if key == name.encode()]

    @property
    def cookie(self) -> Any:
        """The one cookie that was set, or None."""
        jar = SimpleCookie()
        for line in self.all("set-cookie"):
            jar.load(line)
        (morsel,) = jar.values() if jar else (None,)
        return morsel


def ask(app: Any, headers: dict[str, str], body: bytes = b"", **scope: Any) -> Answer:
    """Send one request to an ASGI app."""
    whole = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
        **scope,
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(whole, receive, send))
    return Answer(sent[0]["status"], list(sent[0]["headers"]))


def page(status: int = 200) -> Callable[..., Any]:
    """Return an app that answers with a status, as Streamlit's static files do."""

    async def app(_: Any, __: Any, send: Any) -> None:
        headers = [(b"cache-control", b"public, max-age=60")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return app


def test_a_new_browser_gets_a_signed_cookie_with_the_page(tokens: Tokens) -> None:
    """It is HttpOnly, Lax, for the whole app, and holds a signed random id."""
    cookie = ask(CookieMiddleware(page()), PAGE).cookie
    assert tokens.cookie_name == cookie.key
    assert 22 == len(tokens.read(cookie.value))
    assert (True, "Lax", "/", "", str(86400)) == tuple(
        cookie[name] for name in ("httponly", "samesite", "path", "secure", "max-age")
    )


@pytest.mark.parametrize(
    ("headers", "given"),
    [
        ({"sec-fetch-dest": "document"}, True),
        ({"sec-fetch-dest": "iframe"}, True),
        ({"sec-fetch-dest": "script", "accept": "text/html"}, False),
        ({"sec-fetch-dest": "empty", "accept": "text/html"}, False),
        ({"accept": "text/html,application/xhtml+xml"}, True),
        ({"accept": "*/*"}, False),
        ({}, False),
    ],
)
@pytest.mark.usefixtures("tokens")
def test_the_request_decides_what_is_a_page(headers: dict[str, str], given: bool) -> None:  # noqa: FBT001 - a table's column
    """Assets and fetches get none; without Sec-Fetch-Dest (plain http) the Accept header decides."""
    assert given is (ask(CookieMiddleware(page()), headers).cookie is not None)


@pytest.mark.parametrize(
    ("status", "given"), [(200, True), (304, True), (302, False), (404, False), (500, False)]
)
@pytest.mark.usefixtures("tokens")
def test_a_page_that_is_still_fresh_brings_a_cookie_too(status: int, given: bool) -> None:  # noqa: FBT001 - a table's column
    """Who cleared cookies but not the cache gets an id with the 304."""
    assert given is (ask(CookieMiddleware(page(status)), PAGE).cookie is not None)


def test_wrong_settings_are_left_to_the_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It loads without a cookie: its script meets the same error, which Streamlit shows as the app says."""
    monkeypatch.setattr(gate, "tokens", None)
    monkeypatch.setenv("SESSIONKIT_PERSISTENCE__DEBOUNCE_MS", "soon")
    answer = ask(CookieMiddleware(page()), PAGE)
    assert (200, None) == (answer.status, answer.cookie)
    assert "SESSIONKIT_PERSISTENCE__DEBOUNCE_MS" in caplog.text
    assert None is gate.tokens


def test_a_good_cookie_is_left_alone(tokens: Tokens) -> None:
    """The id stays, and so does the answer."""
    held = {**PAGE, "cookie": f"a=b; {tokens.cookie_name}={tokens.issue('mine')}; bad cookie"}
    answer = ask(CookieMiddleware(page()), held)
    assert answer.cookie is None
    assert ["public, max-age=60"] == answer.all("cache-control")


@pytest.mark.usefixtures("tokens")
def test_an_answer_with_a_cookie_is_not_shared() -> None:
    """A cache between must not hand one browser's id to all."""
    answer = ask(CookieMiddleware(page()), PAGE)
    assert ["private, no-cache"] == answer.all("cache-control")


@pytest.mark.parametrize("bent", ["{}x", "x{}", "nonsense", "", '"', "ÿ"])
def test_a_tampered_cookie_is_replaced_and_told(
    tokens: Tokens, caplog: pytest.LogCaptureFixture, bent: str
) -> None:
    """The browser gets a fresh id; the log says that a cookie was refused, and not what it was."""
    token = tokens.issue("mine")
    held = {**PAGE, "cookie": f"{tokens.cookie_name}={bent.format(token)}"}
    answer = ask(CookieMiddleware(page()), held)
    assert "mine" != tokens.read(answer.cookie.value)
    assert "RestoreRefused" in caplog.text
    assert tokens.cookie_name in caplog.text
    assert token not in caplog.text


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize(
    ("samesite", "site", "given"),
    [("strict", "cross-site", False), ("strict", "none", True), ("lax", "cross-site", True)],
)
def test_a_strict_cookie_outlives_a_link_from_another_site(
    samesite: Any,
    site: str,
    given: bool,  # noqa: FBT001 - a table's column
) -> None:
    """The browser keeps it back there, as on the way home from a login; the websocket brings it."""
    app = CookieMiddleware(page(), CookieOptions(samesite=samesite))
    answer = ask(app, {**PAGE, "sec-fetch-site": site})
    assert given == (answer.cookie is not None)


def test_a_cookie_that_scripts_can_read_is_made_unreadable(tokens: Tokens) -> None:
    """An id from a plain run is kept, in a cookie that scripts can't see."""
    held = {**PAGE, "cookie": f"{tokens.cookie_name}={tokens.issue('mine', readable=True)}"}
    cookie = ask(CookieMiddleware(page()), held).cookie
    assert "mine" == tokens.read(cookie.value)
    assert not tokens.inspect(cookie.value).readable
    assert cookie["httponly"]


@pytest.mark.parametrize(
    ("scheme", "headers", "secure"),
    [("https", {}, True), ("http", {"x-forwarded-proto": "https"}, True), ("http", {}, False)],
)
@pytest.mark.usefixtures("tokens")
def test_the_cookie_is_secure_where_the_page_came_by_https(
    scheme: str,
    headers: dict[str, str],
    secure: bool,  # noqa: FBT001 - a table's column
) -> None:
    """A proxy that ends TLS says so by its header."""
    cookie = ask(CookieMiddleware(page()), PAGE | headers, scheme=scheme).cookie
    assert secure is bool(cookie["secure"])


@pytest.mark.usefixtures("tokens")
def test_an_app_inside_another_site() -> None:
    """``samesite="none"`` adds what browsers demand for it."""
    app = CookieMiddleware(page(), CookieOptions(samesite="none"))
    (line,) = ask(app, PAGE).all("set-cookie")
    assert line.endswith("SameSite=None; Secure; Partitioned")


@pytest.mark.parametrize(
    ("expiry", "seconds"),
    [
        ({"IDLE": "2h"}, 7200),
        ({"IDLE": "90d", "ABSOLUTE": "7d"}, 7 * 86400),
        ({"IDLE": "never", "ABSOLUTE": "60d"}, 60 * 86400),
        ({"IDLE": "never", "ABSOLUTE": "never"}, 400 * 86400),
        ({"IDLE": "1000d", "ABSOLUTE": "never"}, 400 * 86400),
    ],
)
@pytest.mark.usefixtures("tokens")
def test_a_new_cookie_lives_as_long_as_its_session_may(
    monkeypatch: pytest.MonkeyPatch, expiry: dict[str, str], seconds: int
) -> None:
    """The earlier of both ends; 400 days, which is what browsers allow, where there is none."""
    for name, value in expiry.items():
        monkeypatch.setenv(f"SESSIONKIT_EXPIRY__{name}", value)
    assert str(seconds) == ask(CookieMiddleware(page()), PAGE).cookie["max-age"]


def test_the_settings_say_how_the_cookie_is_set(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middleware and at the ticket's route; the name's prefix is read back, too."""
    for name, value in (
        ("PREFIX", "__Host-"),
        ("PATH", "/"),
        ("SECURE", "true"),
        ("SAMESITE", "strict"),
        ("MAX_AGE", "1h"),
    ):
        monkeypatch.setenv(f"SESSIONKIT_HOSTS__STREAMLIT__COOKIE_{name}", value)
    cookie = ask(CookieMiddleware(page()), PAGE).cookie
    assert f"__Host-{tokens.cookie_name}" == cookie.key
    assert ("/", True, "Strict", "3600") == tuple(
        cookie[name] for name in ("path", "secure", "samesite", "max-age")
    )
    held = {"cookie": f"{cookie.key}={cookie.value}"}
    assert None is ask(CookieMiddleware(page()), PAGE | held).cookie
    old_id = tokens.read(cookie.value)
    ticket = tokens.issue_ticket([old_id], "new").encode()
    traded = ask(TicketRoute(), held, ticket, method="POST").cookie
    assert (cookie.key, "new") == (traded.key, tokens.read(traded.value))


@pytest.mark.usefixtures("tokens")
def test_what_the_app_says_goes_before_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where it says something."""
    monkeypatch.setenv("SESSIONKIT_HOSTS__STREAMLIT__COOKIE_PATH", "/a")
    monkeypatch.setenv("SESSIONKIT_HOSTS__STREAMLIT__COOKIE_SAMESITE", "strict")
    app_options(path="/b", max_age=60)
    cookie = ask(CookieMiddleware(page()), PAGE).cookie
    assert ("/b", "Strict", "60") == (cookie["path"], cookie["samesite"], cookie["max-age"])


@pytest.mark.usefixtures("tokens")
def test_wrong_options_in_the_settings_give_no_cookie(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The page's script meets the same error; the log names the key."""
    monkeypatch.setenv("SESSIONKIT_HOSTS__STREAMLIT__COOKIE_PREFIX", "__Host-")
    assert None is ask(CookieMiddleware(page()), PAGE).cookie
    assert "cookie_" in caplog.text
    assert "secure = true" in caplog.text


@pytest.mark.parametrize(
    ("base", "root", "path"),
    [
        ("", "", "/"),
        ("/sub/app/", "", "/sub/app"),
        ("", "/mounted", "/mounted"),
        ("a", "/m", "/m/a"),
    ],
)
@pytest.mark.usefixtures("tokens")
def test_the_cookies_path_is_the_apps(
    monkeypatch: pytest.MonkeyPatch, base: str, root: str, path: str
) -> None:
    """Streamlit's base path and a mount's root path are heeded."""
    monkeypatch.setattr("streamlit.get_option", lambda _: base)
    assert path == ask(CookieMiddleware(page()), PAGE, root_path=root).cookie["path"]


@pytest.mark.usefixtures("tokens")
def test_websockets_pass_untouched() -> None:
    """The very objects go through."""
    seen: list[Any] = []

    async def app(*args: Any) -> None:
        seen.extend(args)

    given = ({"type": "websocket", "headers": []}, object(), object())
    asyncio.run(CookieMiddleware(app)(*given))  # type: ignore[arg-type]
    assert all(one is other for one, other in zip(given, seen, strict=True))


# --- tickets --------------------------------------------------------------------------------------


def trade(tokens: Tokens, ticket: str, holding: str | None, **headers: str) -> Answer:
    """Send a ticket, together with the cookie of a session."""
    if holding is not None:
        headers["cookie"] = f"{tokens.cookie_name}={tokens.issue(holding)}"
    return ask(TicketRoute(), headers, ticket.encode(), method="POST")


def test_a_ticket_and_the_old_cookie_bring_the_new_one(tokens: Tokens) -> None:
    """204, and an HttpOnly cookie of the new session."""
    answer = trade(tokens, tokens.issue_ticket(["old"], "new"), "old")
    assert 204 == answer.status
    assert "new" == tokens.read(answer.cookie.value)
    assert answer.cookie["httponly"]
    assert ["no-store"] == answer.all("cache-control")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (b"max_age=100", "100"),
        (b"max_age=0", "1"),
        (b"max_age=999999999", str(400 * 86400)),
        (b"max_age=" + b"9" * 5000, "86400"),
        (b"max_age=-5", "86400"),
        (b"", "86400"),
    ],
)
def test_the_new_cookie_lives_as_long_as_the_page_was_told(
    tokens: Tokens, said: bytes, seconds: str
) -> None:
    """The script knows when the session began; what nobody can have been told counts for nothing."""
    held = {"cookie": f"{tokens.cookie_name}={tokens.issue('mine')}"}
    ticket = tokens.issue_ticket(["mine"], "mine").encode()
    answer = ask(TicketRoute(), held, ticket, method="POST", query_string=said)
    assert (204, seconds) == (answer.status, answer.cookie["max-age"])


def test_a_ticket_alone_is_worth_nothing(tokens: Tokens) -> None:
    """Without a cookie of ours: 403, no cookie."""
    ticket = tokens.issue_ticket(["old"], "new")
    for answer in (
        trade(tokens, ticket, None),
        trade(tokens, ticket, None, cookie=f"{tokens.cookie_name}=forged"),
    ):
        assert (403, None) == (answer.status, answer.cookie)


def test_a_ticket_trades_one_sessions_cookie_only(tokens: Tokens) -> None:
    """With another session's cookie, as after it was traded already: 409, no cookie."""
    answer = trade(tokens, tokens.issue_ticket(["old"], "new"), "another")
    assert (409, None) == (answer.status, answer.cookie)


def test_a_ticket_lasts_a_minute(tokens: Tokens, clock: Clock) -> None:
    """It is good after 60 seconds and no good after 61."""
    ticket = tokens.issue_ticket(["old"], "new")
    clock.now += TICKET_SECONDS
    assert 204 == trade(tokens, ticket, "old").status
    clock.now += 1
    assert 409 == trade(tokens, ticket, "old").status


@pytest.mark.parametrize("ticket", ["", "nonsense", "x" * 10_000, "ÿ"])
def test_nonsense_is_refused(tokens: Tokens, ticket: str) -> None:
    """Whatever is sent as a ticket, there is an answer and no cookie."""
    answer = trade(tokens, ticket, "old")
    assert (409, None) == (answer.status, answer.cookie)


def test_another_site_can_trade_nothing(tokens: Tokens) -> None:
    """A request that another site sent is refused, cookie or not."""
    ticket = tokens.issue_ticket(["old"], "new")
    assert 403 == trade(tokens, ticket, "old", **{"sec-fetch-site": "cross-site"}).status
