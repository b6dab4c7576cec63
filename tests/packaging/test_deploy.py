# SPDX-License-Identifier: Apache-2.0
"""The files of ``deploy/`` are what their tools take, and agree with each other; the browser tests drive them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from session_harness import valkeys
from session_harness.compose import (
    DEPLOY,
    UnsetVariableError,
    fill_template,
    load_compose,
    load_image,
)
from session_harness.nginx import Nginx
from session_harness.processes import ServerMissingError, needed

from sessionkit.settings import Settings, load_settings
from sessionkit_streamlit.internals.command import run_options

STORES: Final = ("postgresql", "redis")
IN_ENV: Final = {"SESSIONKIT_SECRET_KEY": "a secret of sixteen letters", "POSTGRES_PASSWORD": "p"}
NEWEST: Final = "1.37.0"
OLDEST: Final = "1.31.0"


@pytest.fixture(params=STORES, name="store")
def _store(request: pytest.FixtureRequest) -> str:
    """Return which second Compose file is used."""
    return str(request.param)


@pytest.fixture(name="compose")
def _compose(store: str) -> dict[str, Any]:
    """Return the Compose files with their variables filled in."""
    return load_compose(IN_ENV, "compose.yaml", f"compose.{store}.yaml")


@pytest.fixture(name="objects")
def _objects() -> dict[str, Any]:
    """Return the objects of the Kubernetes manifest, by kind."""
    text = (DEPLOY / "kubernetes" / "app.yaml").read_text(encoding="utf-8")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


@pytest.fixture(name="container")
def _container(objects: dict[str, Any]) -> dict[str, Any]:
    """Return the one container of a pod."""
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    return dict(container)


# -- Docker --------------------------------------------------------------------------------------


@pytest.fixture(name="dockerfile")
def _dockerfile() -> list[list[str]]:
    """Return the words of each instruction."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", text)
    return [line.split() for line in joined.splitlines() if line and not line.startswith("#")]


def test_the_image_is_made_of_what_is_there(dockerfile: list[list[str]], root: Path) -> None:
    """Each path that is copied exists, and the ignore file lets it through."""
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = [words[1].rstrip("/") for words in dockerfile if words[0] == "COPY"]
    bound = [
        word.split("source=")[1].split(",")[0]
        for words in dockerfile
        for word in words
        if word.startswith("--mount=type=bind,source=")
    ]
    assert let_through == {*copied, *bound}
    assert all((root / path).exists() for path in let_through)


def test_the_image_takes_no_stranger(dockerfile: list[list[str]]) -> None:
    """Distributions are installed by path: no installer is asked for one of our names."""
    installs = [" ".join(words) for words in dockerfile if words[0] == "RUN" and "pip" in words]
    assert 2 == len(installs)
    for command in installs:
        asked = command.partition(" pip ")[2].split()
        ours = [word for word in asked if "sessionkit" in word]
        assert 4 == len(ours)
        assert all(re.search(r"(\./|/wheels/)sessionkit", word) for word in asked if word in ours)


def test_the_image_runs_without_rights(dockerfile: list[list[str]]) -> None:
    """The user is a number, so that Kubernetes can see that it is not the superuser's."""
    (user,) = (words[1] for words in dockerfile if words[0] == "USER")
    assert int(user) > 0


# -- Compose -------------------------------------------------------------------------------------


def test_compose_takes_the_files(compose: dict[str, Any]) -> None:
    """Alone, and laid over each other."""
    schemas = files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text(encoding="utf-8"))
    for name in ("compose.yaml", *(f"compose.{one}.yaml" for one in STORES)):
        jsonschema.validate(load_compose(IN_ENV, name), schema)
    jsonschema.validate(compose, schema)


def test_replicas_differ_in_their_name_alone(compose: dict[str, Any]) -> None:
    """Secret, store and base path are the same; nobody reaches them but nginx."""
    first, second = (dict(compose["services"][name]) for name in ("app-1", "app-2"))
    assert ("app-1", "app-2") == (first.pop("hostname"), second.pop("hostname"))
    assert first == second
    assert ["nginx"] == [name for name, one in compose["services"].items() if "ports" in one]


def test_what_stands_in_env_is_what_the_files_ask_for() -> None:
    """The example names each variable, and a secret that is missing is an error."""
    lines = (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    asked = {
        name
        for file in DEPLOY.glob("compose*.yaml")
        for name in re.findall(r"\$\{(\w+)", file.read_text(encoding="utf-8"))
    }
    assert named - {"COMPOSE_FILE"} == asked
    with pytest.raises(UnsetVariableError, match=r"^SESSIONKIT_SECRET_KEY: set it in \.env"):
        load_compose({"SESSIONKIT_SECRET_KEY": ""}, "compose.yaml")


def test_the_redis_file_opens_its_store(tmp_path: Path) -> None:
    """With a replica's own variables, ``sessionkit plugins`` finds the storage and opens it."""
    services = load_compose(IN_ENV, "compose.yaml", "compose.redis.yaml")["services"]
    program = str(Path(sys.executable).with_name("sessionkit"))
    with needed(), valkeys.alone(valkeys.valkey_binary()) as node:
        ran = subprocess.run(  # noqa: S603 - our own command
            [program, "plugins"],
            cwd=shutil.copytree(DEPLOY / "app", tmp_path / "app"),
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("SESSIONKIT_")},
                **services["app-1"]["environment"],
                "SESSIONKIT_STORAGES__REDIS__URL": f"redis://127.0.0.1:{node.port}/0",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == ran.returncode, ran.stdout + ran.stderr
        assert node.ask("CLIENT", "LIST")


# -- nginx ---------------------------------------------------------------------------------------


@pytest.fixture(name="nginx", scope="module")
def _nginx() -> Iterator[Nginx]:
    """Return an nginx that is not started."""
    with needed():
        nginx = Nginx()
    yield nginx
    nginx.end()


@pytest.mark.parametrize("base", ["/app", "/apps/orders", ""], ids=["app", "deeper", "root"])
def test_nginx_takes_its_file(nginx: Nginx, base: str) -> None:
    """Whatever the base path is; everything that the template asks for is in the container's environment."""
    template = (DEPLOY / "nginx" / "app.conf.template").read_text(encoding="utf-8")
    service = load_compose({**IN_ENV, "BASE_PATH": base}, "compose.yaml")["services"]["nginx"]
    given = service["environment"]
    assert given["BASE_PATH"] == base
    assert set(re.findall(r"\$\{(\w+)\}", template)) == given.keys()
    assert "" == nginx.check(fill_template(template, {**given, "TLS_FOLDER": str(nginx.tls)}))


def test_nginx_lets_as_much_through_as_streamlit_takes() -> None:
    """An upload that the page allows is not refused on the way."""
    template = (DEPLOY / "nginx" / "app.conf.template").read_text(encoding="utf-8")
    config = (DEPLOY / "app" / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    (allowed,) = re.findall(r"client_max_body_size (\d+)m;", template)
    assert int(allowed) == tomllib.loads(config)["server"]["maxUploadSize"]


# -- Kubernetes ----------------------------------------------------------------------------------


@pytest.fixture(name="kubernetes", scope="module")
def _kubernetes() -> Any:
    """Return what knows Kubernetes' schemas; where it is not installed the other tests run all the same."""
    return import_module("kubernetes_validate")


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_the_manifest(
    kubernetes: Any, objects: dict[str, Any], version: str
) -> None:
    """No field is unknown, missing or of a wrong type."""
    assert {"Deployment", "PodDisruptionBudget", "Service", "Ingress"} == objects.keys()
    for one in objects.values():
        kubernetes.validate(one, version, strict=True)


def test_kubernetes_refuses_a_field_that_is_misspelt(
    kubernetes: Any, objects: dict[str, Any]
) -> None:
    """So the test above means something."""
    objects["Deployment"]["spec"]["replica"] = 2
    with pytest.raises(kubernetes.ValidationError, match="replica"):
        kubernetes.validate(objects["Deployment"], NEWEST, strict=True)


def test_a_pod_gets_what_a_container_gets(container: dict[str, Any]) -> None:
    """The same variables as by Compose, and the image's own user and port."""
    service = load_compose(IN_ENV, "compose.yaml", "compose.postgresql.yaml")["services"]["app-1"]
    assert service["environment"].keys() == {one["name"] for one in container["env"]}
    port = int(load_image().environment["STREAMLIT_SERVER_PORT"])
    assert [port] == [one["containerPort"] for one in container["ports"]]


def test_probes_and_ingress_know_the_base_path(
    objects: dict[str, Any], container: dict[str, Any]
) -> None:
    """Below it the server answers, and nowhere else."""
    values = {one["name"]: one.get("value") for one in container["env"]}
    base = values["STREAMLIT_SERVER_BASE_URL_PATH"]
    probes = ("startupProbe", "readinessProbe", "livenessProbe")
    assert {f"{base}/_stcore/health"} == {container[one]["httpGet"]["path"] for one in probes}
    (rule,) = objects["Ingress"]["spec"]["rules"]
    assert [base] == [one["path"] for one in rule["http"]["paths"]]


def test_names_in_the_manifest_meet(objects: dict[str, Any], container: dict[str, Any]) -> None:
    """Labels, ports, services and the keys of the secret that the page has one make."""
    deployment = objects["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert labels == deployment["selector"]["matchLabels"]
    assert labels == objects["Service"]["spec"]["selector"]
    assert labels == objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]
    page = (DEPLOY.parent / "docs" / "deploying.md").read_text(encoding="utf-8")
    for one in container["env"]:
        if secret := one.get("valueFrom", {}).get("secretKeyRef"):
            assert f"create secret generic {secret['name']} " in page
            assert f"--from-literal={secret['key']}=" in page
    for one in objects["Ingress"]["spec"]["tls"]:
        assert f"create secret tls {one['secretName']} " in page


# -- all of them ---------------------------------------------------------------------------------


def _environments() -> dict[str, dict[str, str]]:
    """Return what a replica's environment is, by target."""
    found = {
        store: load_compose(IN_ENV, "compose.yaml", f"compose.{store}.yaml")["services"]["app-1"][
            "environment"
        ]
        for store in STORES
    }
    lines = (DEPLOY / "systemd" / "streamlit-app.env.example").read_text().splitlines()
    systemd = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    cloud = (DEPLOY / "community-cloud" / "secrets.toml.example").read_text(encoding="utf-8")
    return {**found, "systemd": {**systemd, **IN_ENV}, "cloud": tomllib.loads(cloud)}


@pytest.mark.parametrize("target", ["postgresql", "redis", "systemd", "cloud"])
def test_variables_are_settings(
    target: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each is one that sessionkit or Streamlit knows, and its value is taken."""
    environment = {**_environments()[target], **load_image().environment}
    known = {name for option in run_options() for name in _variables(option)}
    ours = {name: value for name, value in environment.items() if name.startswith("SESSIONKIT_")}
    theirs = {name for name in environment if name.startswith("STREAMLIT_")}
    assert set() == theirs - known
    for name in list(os.environ):
        if name.startswith("SESSIONKIT_"):
            monkeypatch.delenv(name)
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(shutil.copytree(DEPLOY / "app", tmp_path / "app"))
    settings = load_settings()
    assert {"redis": "redis", "systemd": "sqlite"}.get(target, "sql") == settings.storage
    assert settings.security.secret_key


def _variables(option: Any) -> list[str]:
    return [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())


def test_streamlits_settings_are_streamlits() -> None:
    """Each key of the page's config file is one that Streamlit knows."""
    file = DEPLOY / "app" / ".streamlit" / "config.toml"
    config = tomllib.loads(file.read_text(encoding="utf-8"))
    asked = {f"{table}.{key}" for table, keys in config.items() for key in keys}
    from streamlit import config as settings  # noqa: PLC0415 - loads Streamlit

    assert set() == asked - settings.get_config_options().keys()


def test_who_stops_a_server_waits_for_its_last_saves(objects: dict[str, Any]) -> None:
    """Longer than a process waits for the store."""
    waits_s = Settings().persistence.exit_timeout_ms / 1000
    compose = load_compose(IN_ENV, "compose.yaml")["services"]["app-1"]["stop_grace_period"]
    unit = (DEPLOY / "systemd" / "streamlit-app@.service").read_text(encoding="utf-8")
    (stop,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    pod = objects["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert waits_s < min(int(compose.removesuffix("s")), int(stop), pod - 5)


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """Each line of it; the program is put in place of the one that would be installed."""
    with needed():
        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            msg = "systemd-analyze is not installed: on Debian apt-get install systemd"
            raise ServerMissingError(msg)
    text = (DEPLOY / "systemd" / "streamlit-app@.service").read_text(encoding="utf-8")
    unit = tmp_path / "streamlit-app@8501.service"
    unit.write_text(
        re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", text, flags=re.MULTILINE)
    )
    ran = subprocess.run(  # noqa: S603 - found above
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    about = [line for line in ran.stderr.splitlines() if "streamlit-app" in line]
    assert ([], 0) == (about, ran.returncode)


def test_community_cloud_takes_the_distributions_from_their_folders(
    projects: dict[str, Any],
) -> None:
    """Each line names a folder of this repository, the distribution in it, and extras that it has."""
    lines = (DEPLOY / "community-cloud" / "requirements.txt").read_text().splitlines()
    asked = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert 3 == len(asked)
    for one in asked:
        project = projects[str(one.url).partition("#subdirectory=")[2]]
        assert project["name"] == one.name
        assert one.extras <= project.get("optional-dependencies", {}).keys()


def test_what_the_page_shows_stands_in_the_files(root: Path) -> None:
    """Each block that is not a command is a part of a file of ``deploy/``, line for line."""
    page = (root / "docs" / "deploying.md").read_text(encoding="utf-8")
    texts = [
        file.read_text(encoding="utf-8")
        for file in DEPLOY.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]
    blocks = re.findall(r"^```(?!bash|python)(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert {"dockerfile", "ini", "nginx", "text", "toml", "yaml"} == {kind for kind, _ in blocks}
    assert [] == [block for _, block in blocks if not any(block in text for text in texts)]
