# SPDX-License-Identifier: Apache-2.0
"""The command line: which measurements, how long, and where the table goes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Final

from session_benchmarks.catalogue import MEASUREMENTS
from session_benchmarks.machine import description
from session_benchmarks.plan import FULL, QUICK, Plan
from session_benchmarks.rows import Row, markdown
from session_benchmarks.two_writers import OURS, PEERS, lines, table

_LEGEND: Final = """
Times are medians of calls that alternate; *ratio* is the median of their ratios, and over 1 ours
is the faster one. Differences under 20 % say nothing (40 % at 970 kB). "In the storage" is what
ours spent there, the median; the rest is encoding, comparing and keeping track.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for and print the table."""
    chosen = _parser().parse_args(arguments)
    if chosen.two_writers:
        found = table(lines((*OURS, *PEERS), quick=chosen.quick))
        text = f"{found}\n{description()}\n"
    else:
        rows = _measure(chosen.only or list(MEASUREMENTS), QUICK if chosen.quick else FULL)
        text = f"{markdown(rows)}\n{description()}\n{_LEGEND}"
    text += f"\nTo repeat: `{_command(chosen)}`\n"
    sys.stdout.write(text)
    if chosen.markdown:
        chosen.markdown.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure sessionkit against the raw drivers.")
    parser.add_argument("--quick", action="store_true", help="few rounds, small tables")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--only", nargs="+", choices=MEASUREMENTS, metavar="NAME", help=_names())
    what.add_argument(
        "--two-writers",
        action="store_true",
        help="see whose changes are lost, with sessionkit and with other libraries; times nothing",
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    return parser


def _names() -> str:
    return f"some of: {', '.join(MEASUREMENTS)}"


def _measure(names: Sequence[str], plan: Plan) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        begin = monotonic()
        rows += MEASUREMENTS[name].run(plan)
        sys.stderr.write(f"{name}: {monotonic() - begin:.0f} s\n")
    return rows


def _command(chosen: argparse.Namespace) -> str:
    words = ["python benchmarks/run.py"]
    if chosen.quick:
        words.append("--quick")
    if chosen.only:
        words += ["--only", *chosen.only]
    if chosen.two_writers:
        words.append("--two-writers")
    return " ".join(words)
