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
from session_benchmarks.guard import set_floors
from session_benchmarks.machine import description
from session_benchmarks.plan import FULL, QUICK, Plan
from session_benchmarks.publishing import check_page, publish
from session_benchmarks.rows import Row, markdown
from session_benchmarks.two_writers import OURS, PEERS, lines, table

_LEGEND: Final = """
Times are medians of calls that alternate; *ratio* is the median of their ratios, and over 1 "this"
is faster than "that". Differences under 20 % say nothing (40 % at 970 kB). "In the storage" is what
ours spent there, the median; the rest is encoding, comparing and keeping track.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for and print the table."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.publish and (chosen.two_writers or chosen.set_floors):
        parser.error("--publish goes with measurements, not with --two-writers or --set-floors")
    if chosen.set_floors:
        sys.stdout.write(set_floors())
        return
    if chosen.two_writers:
        text = f"{table(lines((*OURS, *PEERS), quick=chosen.quick))}\n{_foot(chosen)}"
    else:
        text = _timed(chosen)
    sys.stdout.write(text)
    if chosen.markdown:
        chosen.markdown.write_text(text, encoding="utf-8")


def _timed(chosen: argparse.Namespace) -> str:
    names, left_out = _names_to_run(chosen)
    rows = _measure(names, QUICK if chosen.quick else FULL)
    foot = f"{_LEGEND}\n{_foot(chosen)}{left_out}"
    if chosen.publish:
        publish(chosen.publish, rows, foot)
    return f"{markdown(rows)}{foot}"


def _names_to_run(chosen: argparse.Namespace) -> tuple[list[str], str]:
    """Return the measurements, and a sentence on those that a quick run leaves out."""
    if chosen.only or not chosen.quick:
        return chosen.only or list(MEASUREMENTS), ""
    slow = [name for name, measurement in MEASUREMENTS.items() if measurement.slow]
    names = [name for name in MEASUREMENTS if name not in slow]
    return names, f"\nLeft out, as they take long: {', '.join(slow)}. `--only` runs them.\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure sessionkit against the raw drivers.")
    parser.add_argument(
        "--quick", action="store_true", help="few rounds, and none of what takes long"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--only", nargs="+", choices=MEASUREMENTS, metavar="NAME", help=_names())
    what.add_argument(
        "--two-writers",
        action="store_true",
        help="see whose changes are lost, with sessionkit and with other libraries; times nothing",
    )
    what.add_argument(
        "--set-floors",
        action="store_true",
        help="measure what the tests guard, and keep that, with a margin, as benchmarks/floors.toml",
    )
    parser.add_argument(
        "--publish",
        type=_page,
        metavar="PAGE",
        help="put the tables into a page, and plots beside it",
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    return parser


def _page(name: str) -> Path:
    """Refuse a page that can't be filled now, and not when all was measured."""
    page = Path(name)
    try:
        check_page(page)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return page


def _names() -> str:
    return f"some of: {', '.join(MEASUREMENTS)}"


def _measure(names: Sequence[str], plan: Plan) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        begin = monotonic()
        rows += MEASUREMENTS[name].run(plan)
        sys.stderr.write(f"{name}: {monotonic() - begin:.0f} s\n")
    return rows


def _foot(chosen: argparse.Namespace) -> str:
    return f"{description()}\n\nTo repeat: `{_command(chosen)}`\n"


def _command(chosen: argparse.Namespace) -> str:
    words = ["python benchmarks/run.py"]
    if chosen.quick:
        words.append("--quick")
    if chosen.only:
        words += ["--only", *chosen.only]
    if chosen.two_writers:
        words.append("--two-writers")
    if chosen.publish:
        words += ["--publish", str(chosen.publish)]
    return " ".join(words)
