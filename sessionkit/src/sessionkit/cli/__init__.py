# SPDX-License-Identifier: Apache-2.0
"""
The command ``sessionkit``; needs the extra ``cli``.

:func:`main` is the entry point of the script; nothing else imports from here. Plugins add
commands by the hook ``sessionkit_commands``.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without click, say what to install."""
    try:
        from sessionkit.cli.app import make_cli  # noqa: PLC0415 - click is an extra
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write("the command sessionkit needs click: pip install click\n")
        sys.exit(2)
    make_cli().main(prog_name="sessionkit")
