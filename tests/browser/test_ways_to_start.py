# SPDX-License-Identifier: Apache-2.0
"""The ways to start a script, and what each must honour."""

from __future__ import annotations

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import free_port
from browser_harness.visitors import Visitor


@pytest.mark.parametrize("way", ["app", "streamlit-app", "run"])
def test_the_first_run_has_the_session(farm: Farm, visitor: Visitor, way: str) -> None:
    """The very first run of a new browser has the session that is kept; there is no second run."""
    desk = visitor.open(farm.start(way, "desk.py").url)
    session = desk.value("session")
    desk.stored(run="1")
    desk.click("Nothing")
    desk.stored(run="2")
    assert session == desk.value("session")
    desk.reload()
    desk.stored(run="1")
    assert session == desk.value("session")


@pytest.mark.parametrize("way", ["run", "plain"])
def test_base_path(farm: Farm, visitor: Visitor, way: str) -> None:
    """``--server.baseUrlPath``: the page is found there, and survives F5."""
    server = farm.start(way, "arguments.py", "--server.baseUrlPath=/some/desk", base="/some/desk")
    tab = visitor.open(server.url)
    tab.enter("Name", "Ada")
    tab.shows("name=Ada")
    tab.reload()
    tab.shows("runs=1", "name=Ada")


def test_config_file(farm: Farm, visitor: Visitor) -> None:
    """``sessionkit run`` reads ``.streamlit/config.toml``: its port and its theme are used; modules beside the script are found."""
    port = free_port()
    config = f'server.port = {port}\ntheme.primaryColor = "#00aa11"\n'
    server = farm.start("run", "arguments.py", port=port, config=config)
    visitor.open(server.url).shows("color=#00aa11", "main=__main__", "neighbour=hello")


def test_options_and_arguments(farm: Farm, visitor: Visitor) -> None:
    """Any option of ``streamlit run`` works; what follows ``--`` arrives in ``sys.argv``."""
    words = ("--theme.primaryColor=#2200bb", "--", "one", "--two=2")
    server = farm.start("run", "arguments.py", *words)
    visitor.open(server.url).shows("color=#2200bb", "arguments=['one', '--two=2']")


@pytest.mark.parametrize("way", ["app", "run", "plain"])
def test_settings_among_streamlits_secrets(farm: Farm, visitor: Visitor, way: str) -> None:
    """
    What stands at the root of ``.streamlit/secrets.toml`` counts as an environment variable.

    The settings may need it to be right.
    """
    secrets = (
        'SESSIONKIT_STORAGES__SQLITE__URL = "sqlite:///named_in_a_secret.db"\n'
        'DESK_KEY = "a key that only the secrets have"\n'
    )
    settings = 'security.secret_key = "env:DESK_KEY"\n'
    server = farm.start(way, "desk.py", secrets=secrets, settings=settings)

    visitor.open(server.url).stored(count="0")

    assert (server.folder / "named_in_a_secret.db").exists()
    assert not server.database.exists()
