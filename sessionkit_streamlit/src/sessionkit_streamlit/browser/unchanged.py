# SPDX-License-Identifier: Apache-2.0
"""Pages without a line of ours: the settings name what is kept, and each run is given its session as it begins."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sessionkit import bootstrap_session
from sessionkit.errors import ConfigError
from sessionkit.plugins import check_table
from sessionkit_streamlit.browser.gate import gate
from sessionkit_streamlit.internals.observe import install_start
from sessionkit_streamlit.internals.page import fragments_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.settings import Settings


def check_names(*, persist: tuple[str, ...] = (), never: tuple[str, ...] = ()) -> None:
    """
    Refuse names that name nothing.

    Args:
        persist: Keys to keep, or patterns of them.
        never: Names of what is never stored, or patterns of them.

    Raises:
        ConfigError: If one is empty.
    """
    for key, names in (("persist", persist), ("never", never)):
        if not all(one.strip() for one in names):
            msg = f"{key}: keys of widgets are needed, or patterns such as 'order.*', not an empty text"
            raise ConfigError(msg)


def read_names(settings: Settings) -> None:
    """
    Have pages kept from their first run on, if the settings name what is kept of them.

    Args:
        settings: The app's.

    Raises:
        ConfigError: If what they name is wrong.
    """
    table = settings.hosts.get("streamlit", {})
    own = {key: table[key] for key in ("persist", "never") if key in table}
    names = check_table(check_names, own, "hosts.streamlit", settings.where)
    try:
        check_names(**names)
    except ConfigError as error:
        msg = f"{settings.where('hosts.streamlit.')}: [hosts.streamlit] {error}"
        raise ConfigError(msg) from error
    keep_pages(names.get("persist", ()))


def keep_pages(persist: Iterable[str]) -> None:
    """
    Bootstrap the session of each run as it begins, if anything is named.

    Args:
        persist: The keys or patterns that are kept of all pages.
    """
    gate.keeps_pages = any(persist)
    if gate.keeps_pages:
        install_start(begin_run)


def begin_run(run: ScriptRunContext) -> None:
    """
    Bootstrap the session of a run, before the first line of its script; the script's own call changes nothing then.

    Args:
        run: The run's context. A fragment's shows the session that its page has.
    """
    if not gate.keeps_pages or fragments_of(run):
        return
    if gate.keeper is None and _configures(run.main_script_path):
        return  # made now, the manager would have other settings
    bootstrap_session()


@cache
def _configures(script: str) -> bool:
    """Return whether a script may give settings itself."""
    try:
        return b"configure" in Path(script).read_bytes()
    except OSError:
        return False
