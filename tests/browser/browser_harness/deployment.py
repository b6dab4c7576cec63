# SPDX-License-Identifier: Apache-2.0
"""What the Compose files of ``deploy/`` start, as processes of this machine: no Docker."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from browser_harness.farm import Farm
from browser_harness.servers import HOST, Server
from session_harness.compose import DEPLOY, Image, fill_template, load_compose, load_image
from session_harness.nginx import Nginx
from session_harness.processes import free_port

BASE: Final = "/app"
IN_ENV: Final = {
    "SESSIONKIT_SECRET_KEY": "the key of the deployment's tests, as long as a key should be",
    "POSTGRES_PASSWORD": "not asked for here",
}
"""What whoever deploys writes into ``.env``."""


class Deployment:
    """
    Two replicas and nginx before them.

    What the containers' network gives stands in the files as names and fixed ports; these alone are
    put in place of: ``app-1:8501``, the store's host, 80 and 443.

    Attributes:
        folder: What they all run in.
        replicas: By the name of their service.
        url: The page, by https.
        plain_url: The same, by http.
    """

    def __init__(self, farm: Farm, store: str, url: str) -> None:
        """
        Start everything; the farm ends it.

        Args:
            farm: Gives the folder that is ``/app`` in the containers.
            store: ``"postgresql"`` or ``"redis"``: which second file.
            url: The store's, in place of the one in that file.

        Raises:
            ServerMissingError: If nginx or OpenSSL is not installed.
        """
        compose = load_compose(IN_ENV, "compose.yaml", f"compose.{store}.yaml")
        self.folder = farm.new_folder()
        shutil.copytree(DEPLOY / "app", self.folder, dirs_exist_ok=True)
        image, services = load_image(), compose["services"]
        self._healthcheck = image.healthcheck
        self.replicas = {
            name: _replica(name, image, services[name], self.folder, url)
            for name in ("app-1", "app-2")
        }
        for server in self.replicas.values():
            farm.started.append(server)
            farm.ending.callback(farm.started.remove, server)
            farm.ending.callback(server.stop, signal.SIGKILL)
            server.start()
        nginx, http, https = Nginx(), free_port(), free_port()
        farm.ending.callback(nginx.end)
        nginx.start(self._template(services["nginx"], nginx, http, https), https)
        self.url = f"https://{HOST}:{https}{BASE}"
        self.plain_url = f"http://{HOST}:{http}{BASE}/?city=Ghent"

    def is_healthy(self, name: str) -> bool:
        """Return what the image's own health check says of a replica."""
        server = self.replicas[name]
        program = [sys.executable, str(DEPLOY / Path(self._healthcheck[-1]).name)]
        ran = subprocess.run(program, env=server.environment, check=False, capture_output=True)  # noqa: S603 - our own script
        return ran.returncode == 0

    def _template(self, service: dict[str, Any], nginx: Nginx, http: int, https: int) -> str:
        here = {
            "LISTEN_HTTP": f"{HOST}:{http}",
            "LISTEN_HTTPS": f"{HOST}:{https}",
            "TLS_FOLDER": str(nginx.tls),
            "APP_1": f"{HOST}:{self.replicas['app-1'].port}",
            "APP_2": f"{HOST}:{self.replicas['app-2'].port}",
        }
        source, *_ = service["volumes"][0].split(":")
        return fill_template((DEPLOY / source).read_text(), {**service["environment"], **here})


def _replica(
    name: str, image: Image, service: dict[str, Any], folder: Path, store_url: str
) -> Server:
    port = free_port()
    environment = {**image.environment, **service["environment"]}
    (url_of_store,) = (one for one in environment if one.endswith("__URL"))
    environment |= {
        "HOSTNAME": service["hostname"],
        "STREAMLIT_SERVER_ADDRESS": HOST,
        "STREAMLIT_SERVER_PORT": str(port),
        url_of_store: store_url,
    }
    program, *words = service.get("command", image.command)
    command = [str(Path(sys.executable).with_name(program)), *words]
    return Server(name, folder, command, port, BASE, environment)
