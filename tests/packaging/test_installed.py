# SPDX-License-Identifier: Apache-2.0
"""The tests see what users get."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest


@pytest.mark.skipif(
    "NOX_CURRENT_SESSION" not in os.environ,
    reason="needs nox, which installs wheels; elsewhere the packages may be installed editable",
)
@pytest.mark.parametrize(
    "name", ["sessionkit", "sessionkit_sqlite", "sessionkit_redis", "sessionkit_streamlit"]
)
def test_the_wheels_are_under_test(root: Path, name: str) -> None:
    """No source tree shadows an installed package."""
    package = importlib.import_module(name)

    assert package.__file__ is not None
    assert not Path(package.__file__).is_relative_to(root / name)
