# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001 - a script: top-level folders are no packages
"""
What a click takes in a real browser, until its page shows what follows: the same page plain, with sessionkit and with another
library, in turn.

``python benchmarks/clicks.py --help``; it needs Chromium. Each page has a server, all are open in the same browser, and
what counts is the time between the click and the new text, as the browser itself sees it, and what the server uses of the processor.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Final

import attrs

# The servers are those that the tests start, and the pages those of the other measurements.
TESTS: Final = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS / "harness"), str(TESTS / "browser")]

from browser_harness.browsers import (  # noqa: E402 - found by the line above
    NO_CHROMIUM,
    find_chromium,
)
from browser_harness.servers import Server, free_port  # noqa: E402 - found by the line above
from playwright.sync_api import Page as BrowserPage  # noqa: E402 - found by the line above
from playwright.sync_api import sync_playwright  # noqa: E402 - found by the line above
from session_benchmarks.pages import OURS, PLAIN, Page, peer_pages  # noqa: E402 - found by the line above

_WARM_UP: Final = 20
"""Clicks that don't count."""

_SETTLED: Final = 3000
"""Milliseconds after which a page that was opened does nothing any more by itself."""

_TENTHS: Final = 10

_UTIME: Final = 11
"""Where a process's time stands in Linux's line about it, after its name."""

_BUTTON: Final = """
def count():
    st.session_state["clicks"] = st.session_state.get("clicks", 0) + 1

st.button("Click", on_click=count)
st.markdown(f"clicks: {st.session_state.get('clicks', 0)}")
"""
_STREAMLIT: Final = """
server.headless = true
server.fileWatcherType = "none"
browser.gatherUsageStats = false
"""
_NO_COLLECTION: Final = "runner.postScriptGC = false\n"
_SETTINGS: Final = """
storage = "sqlite"
[storages.sqlite]
url = "sqlite:///sessions.db"
[security]
secret_key = "the key of this measurement, as long as a key should be"
"""
_CLICK: Final = """
(wanted) => new Promise((done) => {
  const shown = () => [...document.querySelectorAll("[data-testid=stMarkdown] p")].some((one) => one.textContent === wanted);
  const button = [...document.querySelectorAll("button")].find((one) => one.innerText.trim() === "Click");
  let begin = 0;
  const observer = new MutationObserver(() => {
    if (!shown()) return;
    observer.disconnect();
    done(performance.now() - begin);
  });
  observer.observe(document.body, { subtree: true, childList: true, characterData: true });
  begin = performance.now();
  button.click();
})
"""


def main() -> None:
    """Measure, and print the medians and how the differences are spread."""
    asked = _arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        config = _STREAMLIT + ("" if asked.collect else _NO_COLLECTION)
        servers = {
            page.name: _served(
                stack, folder / str(number), page.script(asked.fields) + _BUTTON, asked.run, config
            )
            for number, page in enumerate(_pages(folder, control=asked.control))
        }
        pages = stack.enter_context(
            _browser_pages({name: server.url for name, server in servers.items()})
        )
        for number in range(_WARM_UP):
            _clicked(pages, number)
        before = {name: _processor_time(server) for name, server in servers.items()}
        taken = [_clicked(pages, _WARM_UP + number) for number in range(asked.clicks)]
        used = {name: _processor_time(server) - before[name] for name, server in servers.items()}
    sys.stdout.write(
        f"{asked.fields} fields by `{asked.run} run`, {asked.clicks} clicks on each page, in turn; "
        "ms from the click to the new text, and of the server's processor time\n"
    )
    plain = [each[PLAIN.name] for each in taken]
    for name in pages:
        own = [each[name] for each in taken]
        spread = _spread([one - base for base, one in zip(plain, own, strict=True)])
        server = 1000 * used[name] / asked.clicks
        sys.stdout.write(f"{name:22s} {median(own):6.1f}, server {server:6.2f}")
        sys.stdout.write("\n" if name == PLAIN.name else f"; more than plain: {spread}\n")
    sys.stdout.write(
        f"two plain clicks: {_spread([one - last for last, one in pairwise(plain)])}\n"
    )


def _pages(folder: Path, *, control: bool) -> list[Page]:
    if control:
        return [PLAIN, attrs.evolve(PLAIN, name="plain again")]
    modules = folder / "peer"
    modules.mkdir()
    return [PLAIN, *OURS, *peer_pages(modules)]


def _processor_time(server: Server) -> float:
    """Return how many seconds of the processor a server has used; Linux only."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_UTIME + 1])) / os.sysconf("SC_CLK_TCK")


def _spread(differences: list[float]) -> str:
    tenths = " ".join(f"{one:.1f}" for one in quantiles(differences, n=_TENTHS))
    return f"median {median(differences):7.1f}, tenths {tenths}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=200, help="on each page (200)")
    parser.add_argument("--fields", type=int, default=10, help="that each page has (10)")
    parser.add_argument(
        "--run",
        choices=["streamlit", "sessionkit"],
        default="streamlit",
        help="what both pages are run by (streamlit); the two are different servers",
    )
    parser.add_argument(
        "--no-collect",
        action="store_false",
        dest="collect",
        help="without Streamlit's collection of garbage after each run (runner.postScriptGC)",
    )
    parser.add_argument(
        "--control", action="store_true", help="measure the plain page against itself"
    )
    return parser.parse_args()


def _clicked(pages: Mapping[str, BrowserPage], number: int) -> dict[str, float]:
    """Click once on each page, each time another one first; return what that takes, in milliseconds."""
    names = list(pages)
    first = number % len(names)
    names = names[first:] + names[:first]
    taken = {name: pages[name].evaluate(_CLICK, f"clicks: {number + 1}") for name in names}
    return {name: float(taken[name]) for name in pages}


def _served(stack: ExitStack, folder: Path, script: str, program: str, config: str) -> Server:
    """Start a server of a page."""
    (folder / ".streamlit").mkdir(parents=True)
    (folder / ".streamlit" / "config.toml").write_text(config)
    (folder / "sessionkit.toml").write_text(_SETTINGS)
    (folder / "page.py").write_text(script)
    port = free_port()
    installed = str(Path(sys.executable).with_name(program))
    server = Server("run", folder, [installed, "run", "page.py", f"--server.port={port}"], port)
    stack.callback(server.stop, signal.SIGKILL)
    server.start()
    return server


@contextmanager
def _browser_pages(urls: Mapping[str, str]) -> Iterator[dict[str, BrowserPage]]:
    """Open a window of each page in one browser."""
    executable = find_chromium()
    if executable is None:
        sys.exit(NO_CHROMIUM)
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    # A window that is not in front draws late, and its timers wait.
    flags = [
        "--disable-gpu",
        "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*flags, *root])
        pages = {}
        for name, url in urls.items():
            pages[name] = browser.new_context().new_page()
            pages[name].goto(url)
            pages[name].get_by_text("clicks: 0", exact=True).wait_for()
            pages[name].wait_for_timeout(
                _SETTLED
            )  # a browser that has no id yet may ask for another run
        yield pages
        browser.close()


if __name__ == "__main__":
    main()
