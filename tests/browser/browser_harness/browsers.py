# SPDX-License-Identifier: Apache-2.0
"""Which Chromium this machine has."""

from __future__ import annotations

import os
import shutil
from typing import Final

# The first is the same browser without the pages of its own windows: the tests take a quarter less of the processor.
_NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

NO_CHROMIUM: Final = (
    f"no Chromium: set CHROMIUM to one, or put one of {', '.join(_NAMES)} on the PATH"
)


def find_chromium() -> str | None:
    """Return the one that the environment variable CHROMIUM names, else the first on the PATH; None for none."""
    named = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, [named] if named else _NAMES)), None)
