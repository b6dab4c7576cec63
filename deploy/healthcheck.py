# SPDX-License-Identifier: Apache-2.0
"""Ask this container's server whether it is up; exit code 1 when it is not."""

from __future__ import annotations

import os
import sys
import urllib.request

TIMEOUT_S = 3


def url() -> str:
    """Return where the server says that it is up, by the variables that it was started with."""
    port = os.environ.get("STREAMLIT_SERVER_PORT", "8501")
    base = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    return f"http://127.0.0.1:{port}{base and '/' + base}/_stcore/health"


try:
    urllib.request.urlopen(url(), timeout=TIMEOUT_S).close()  # noqa: S310 - our own server
except OSError as error:
    sys.exit(f"{url()}: {error}")
