# SPDX-License-Identifier: Apache-2.0
"""
Two replicas of one app, on two ports, over one store. They share nothing else.

    python replicas.py redis://localhost:6379/0
    python replicas.py postgresql://user:password@localhost/database
    python replicas.py sqlite:///sessions.db        (no server at hand: on one machine only)

Type on one replica and go to the other: it is all there. Kill either; the other one goes on.
Both end when this script is ended, by Ctrl+C.

Replicas need one key: what one has signed, the other has to believe. On one machine they find
it in .sessionkit/ of the folder that both run in; elsewhere set SESSIONKIT_SECRET_KEY.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("counter.py")


def main() -> int:
    """Start both, and wait until they are ended."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    asked.add_argument("store", help="the store's URL")
    asked.add_argument("--ports", nargs=2, default=["8501", "8502"], help="where both listen")
    options = asked.parse_args()
    storage = "redis" if options.store.startswith("redis") else "sql"
    settings = {
        "SESSIONKIT_STORAGE": storage,
        f"SESSIONKIT_STORAGES__{storage.upper()}__URL": options.store,
        "SESSIONKIT_CONFIG": str(PAGE.with_name("sessionkit.toml")),
    }
    first, second = options.ports
    replicas = [start(own, other, settings) for own, other in ((first, second), (second, first))]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as Ctrl+C: both are ended below
    try:
        for replica in replicas:
            replica.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        for replica in replicas:
            replica.terminate()
            replica.wait()
    return 1


def start(port: str, other: str, settings: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start one replica."""
    command = [str(Path(sys.executable).with_name("sessionkit")), "run", str(PAGE)]
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    print(f"http://127.0.0.1:{port}")
    return subprocess.Popen(  # noqa: S603 - our own command
        [*command, *options], env={**os.environ, **settings, "OTHER_PORT": other}
    )


if __name__ == "__main__":
    sys.exit(main())
