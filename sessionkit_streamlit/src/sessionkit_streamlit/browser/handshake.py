# SPDX-License-Identifier: Apache-2.0
"""
The part that runs in the browser: an invisible component on every page.

It trades a ticket for a cookie, keeps the id where there is no middleware, and
asks for a rerun when the page has found another server; it says then what it was
shown last, or a tab left open would be taken for one whose user typed all that. A
page that shows another session than its browser has by now is loaded anew. What the page's address
has said once is taken out of it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from sessionkit_streamlit.browser.cookie_options import CookieOptions
from sessionkit_streamlit.browser.gate import TICKET_PATH
from sessionkit_streamlit.browser.unsaved import SCRIPT as GUARD
from sessionkit_streamlit.connection import Connection, Identity, Page, Told, current_connection
from sessionkit_streamlit.internals.client import opened_by
from sessionkit_streamlit.internals.component import draw, send_again, state_of
from sessionkit_streamlit.internals.page import aside, mountable
from sessionkit_streamlit.internals.state import PREFIX, context
from sessionkit_streamlit.internals.widgets import sent_triggers

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer
    from streamlit.runtime.scriptrunner import ScriptRunContext

_LOGGER: Final = logging.getLogger(__name__)

KEY: Final = f"{PREFIX}_browser"
_SCRIPT: Final = (
    GUARD
    + """
export default function ({ data: [data], setStateValue, setTriggerValue }) {
  const S = (window.__sessionkit ??= { turn: 0, found: 0, drawn: 0, run: 0, ticket: null });
  S.say = setTriggerValue;
  S.page = data.page;
  guardUnsaved(S);
  const isSpent = (one) => data.spent.some((name) => one.startsWith(name + "="));
  const search = location.search.slice(1).split("&").filter((one) => !isSpent(one)).join("&");
  if (data.spent.length && search !== location.search.slice(1))
    // In its place: the browser's history and what the page asks other servers for bear it no more.
    history.replaceState(history.state, "", location.pathname + (search && "?" + search) + location.hash);
  const settled = !data.token && !data.leave && (!data.ticket || S.ticket === data.ticket);
  if (S.run === data.run && settled) return; // sent again as it was, and done already
  if (S.run !== data.run) {
    S.run = data.run;
    S.drawn = performance.now(); // by a run, not just by the browser
  }
  const isConfig = (entry) => entry.name.includes("/_stcore/host-config");
  const found = performance.getEntriesByType("resource").find(isConfig);
  S.base ??= found ? new URL("..", found.name).pathname : data.base;

  if (data.resync && !S.observer) {
    // Streamlit's page fetches host-config at every (re)connect.
    S.observer = new PerformanceObserver((list) => {
      const configs = list.getEntries().filter(isConfig);
      if (!configs.length) return;
      S.found = configs.at(-1).startTime; // this is told late: a run may have drawn the page since
      const turn = ++S.turn;
      for (const wait of [400, 1500, 4000, 9000])
        setTimeout(() => {
          if (turn !== S.turn || S.drawn > S.found) return;
          S.say("resync", { turn, ...S.page });
        }, wait);
    });
    S.observer.observe({ type: "resource" });
  }

  const prefix = data.name + "=";
  const held = () => {
    const cookie = document.cookie.split("; ").find((one) => one.startsWith(prefix));
    if (cookie) return cookie.slice(prefix.length);
    try {
      const until = localStorage.getItem(data.name + ".until"); // the cookie says so by itself
      if (until && Date.now() > Number(until)) return "";
      return localStorage.getItem(data.name) || "";
    } catch { return ""; /* storage is blocked */ }
  };
  const have = held();
  S.kept ??= have; // what this page found or left there

  const reload = () => {
    S.leaving = true; // nobody is asked: what the page shows counts no more
    location.reload();
  };
  const leave = () => { if (data.leave) reload(); };
  if (data.ticket && S.ticket !== data.ticket) {
    S.ticket = data.ticket;
    const trade = () =>
      fetch(`${S.base}${data.ticketPath}?max_age=${data.maxAge}`, { method: "POST", body: data.ticket, credentials: "same-origin" })
        .then((answer) => { if (answer.status === 409) reload(); })
        .catch(() => { S.ticket = null; })
        .then(leave);
    // One tab after the other: two at once would both bring the old cookie, and each go its way.
    if (navigator.locks) navigator.locks.request(data.name, trade);
    else trade();
  } else if (!data.token) leave();

  if (!data.token) return;
  const digest = (text) => {
    let sum = 0x811c9dc5;
    for (const letter of text) sum = Math.imul(sum ^ letter.codePointAt(0), 0x01000193) >>> 0;
    return sum;
  };
  if (have && have !== data.token && !data.replaced.includes(digest(have))) {
    if (data.leave) leave();
    else if (S.reported !== data.run) { // once a run: Streamlit runs the script each time that it is told
      S.reported = data.run;
      setStateValue("token", have); // whoever came first wins, so tabs opened at once agree
    }
    return;
  }
  if (have && have !== data.token && have !== S.kept) {
    reload(); // another tab put it there after a login, of which this connection knows nothing
    return;
  }
  // What stands in the URL becomes no attribute: the path ends before a segment with ";".
  const ownPath = (base) => base.replace(/\\/[^/]*;.*$/, "/").replace(/(.)\\/$/, "$1");
  const https = location.protocol === "https:";
  const framed = window.top !== window;
  const site = data.cookie.samesite ?? (framed && https ? "none" : "lax");
  const parts = [
    prefix + data.token,
    `Path=${data.cookie.path ?? ownPath(S.base)}`,
    data.cookie.domain && `Domain=${data.cookie.domain}`,
    `Max-Age=${data.maxAge}`,
    `SameSite=${site}`,
    (site === "none" || (data.cookie.secure ?? https)) && "Secure",
    site === "none" && "Partitioned",
  ];
  document.cookie = parts.filter(Boolean).join("; ");
  try {
    localStorage.setItem(data.name, data.token);
    localStorage.setItem(data.name + ".until", String(Date.now() + data.maxAge * 1000));
  } catch { /* storage is blocked */ }
  S.kept = held();
  leave();
}
"""
)


def digest(token: str) -> int:
    """Return a short sum of a token (FNV-1a, 32 bits): tells the browser which one without showing it."""
    total = 0x811C9DC5
    for letter in token:
        total = ((total ^ ord(letter)) * 0x01000193) & 0xFFFFFFFF
    return total


def _component() -> ComponentRenderer:
    return st.components.v2.component("sessionkit.browser", js=_SCRIPT)


def mount(  # noqa: PLR0913 - all that the browser is told
    connection: Connection,
    name: str,
    *,
    resync: bool,
    cookie: CookieOptions,
    page: Mapping[str, Any] | None = None,
    leave: bool = False,
    asked: bool = False,
) -> bool:
    """
    Have the component on the page, once a run and outside fragments; what it knows already it is not told again.

    Args:
        connection: What is known about the connection; with what the browser is to be told of its id.
        name: The cookie's name, without its prefix.
        resync: Whether to ask for a rerun when the page has found another server.
        cookie: How the cookie is set.
        page: What the browser is to tell that server of the page that it shows.
        leave: Whether the page is to be loaded anew.
        asked: Whether the component has asked for this run.

    Returns:
        Whether it is there.
    """
    run, identity, shown = context(), connection.identity, connection.page.component
    wanted = resync or identity.ticket or identity.readable
    if run is None or not wanted or not mountable(run, KEY):
        return False
    if shown is None and _forbidden():
        return False
    known = (
        opened_by(run),
        identity.ticket,
        identity.readable,
        identity.renewals,
        frozenset(identity.replaced),
        connection.page.spent,
        leave,
    )
    told = connection.page.told
    if shown is None or asked or leave or told is None or told.rests_on != known:
        news = _told(identity, cookie.name(name), resync=resync)
        news |= {"cookie": cookie.for_script(), "leave": leave}
        news["spent"] = sorted(connection.page.spent)
        connection.page.told = Told(known, page, news)
        return _tell(connection.page, run, {**news, **_of_run(identity, page)})
    if told.marks is not page:  # of all that it is told only this is another one than before
        connection.page.told = told._replace(marks=page)
        return _tell(connection.page, run, {**told.news, **_of_run(identity, page)})
    if not send_again(run, shown):
        connection.page.component = None
        return mount(connection, name, resync=resync, cookie=cookie, page=page, leave=leave)
    return True


def _tell(page: Page, run: ScriptRunContext, told: dict[str, Any]) -> bool:
    if page.component is not None and send_again(run, page.component, json.dumps([told])):
        return True

    def call() -> None:
        with aside():
            # In a list: in a dictionary Streamlit looks for tables, and loads pandas to know one.
            _component()(key=KEY, data=[told], height=1, **_ON)

    page.component = draw(run, KEY, call)
    return True


def _forbidden() -> bool:
    if not st.get_option("runner.enforceSerializableSessionState"):
        return False
    _say_forbidden()
    return True


@cache
def _say_forbidden() -> None:
    _LOGGER.warning(
        "runner.enforceSerializableSessionState is on, and Streamlit's components can't be "
        "pickled: an open tab does not rebuild after a restart, and a browser gets its id "
        "from the middleware alone"
    )


_ON: Final[dict[str, Any]] = {"on_token_change": lambda: None, "on_resync_change": lambda: None}


def _told(identity: Identity, name: str, *, resync: bool) -> dict[str, Any]:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return {
        "name": name,
        "base": f"/{base}/" if base else "/",
        "resync": resync,
        "ticket": identity.ticket,
        "ticketPath": TICKET_PATH,
        "token": identity.readable,
        "replaced": sorted(digest(token) for token in identity.replaced),
    }


def _of_run(identity: Identity, page: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "maxAge": identity.max_age,
        "page": dict(page or {}),
        "run": time.time_ns() // 1000,
    }


def reported_token() -> str | None:
    """Return the token that the browser kept by script and reported, unverified, or None."""
    run, shown = context(), current_connection().page.component
    told = st.session_state.get(KEY) if run is None or shown is None else state_of(run, shown)
    token = told.get("token") if isinstance(told, Mapping) else None
    return token if isinstance(token, str) else None


def reported_page(run: ScriptRunContext) -> Mapping[str, Any] | None:
    """
    Return what a page showed that asks for a rerun at another server, as that one was told to say it.

    Unverified: it tells only what the browser's own user did not touch.
    """
    for told in reversed(sent_triggers(run, KEY)):
        page = told.get("value") if told.get("event") == "resync" else None
        if isinstance(page, dict):
            return page
    return None
