# SPDX-License-Identifier: Apache-2.0
"""What the plugin offers."""

from __future__ import annotations

import subprocess
import sys


def test_the_plugins_hooks_are_light() -> None:
    """Finding out what is offered loads neither Streamlit nor click nor starlette."""
    code = (
        "import sys, sessionkit_streamlit, sessionkit_streamlit.hooks as h;"
        "assert {'streamlit'} == set(h.sessionkit_hosts());"
        "assert {'run', 'demo'} == set(h.sessionkit_commands());"
        "print([m for m in ('streamlit', 'click', 'starlette') if m in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603 - our own text, no shell
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "[]" == done.stdout.strip()
