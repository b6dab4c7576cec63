# SPDX-License-Identifier: Apache-2.0
"""The files of ``deploy/``, read as Docker and Compose read them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import yaml

DEPLOY: Final = Path(__file__).parents[3] / "deploy"
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?:(:?[-?])([^}]*))?\}")


class UnsetVariableError(Exception):
    """Raised when a variable is missing that the file says has to be set."""


def load_compose(environment: Mapping[str, str], *names: str) -> dict[str, Any]:
    """
    Return Compose files, laid over each other, with their variables filled in.

    Args:
        environment: What stands in ``.env``.
        names: Files of ``deploy/``; a later one goes before an earlier one.

    Raises:
        UnsetVariableError: If a variable has to be set and is not.
    """
    merged: dict[str, Any] = {}
    for name in names:
        read = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
        merged = _laid_over(merged, _filled_in(read, environment))
    return merged


def _filled_in(read: Any, environment: Mapping[str, str]) -> Any:
    """Fill in the variables after YAML was read, as Compose does: an empty one is a text, too."""

    def value(found: re.Match[str]) -> str:
        name, sign, rest = found.groups()
        if environment.get(name) or (name in environment and (sign or "-") in "-?"):
            return environment[name]
        if (sign or "-").endswith("?"):
            msg = f"{name}: {rest}"
            raise UnsetVariableError(msg)
        return rest or ""

    if isinstance(read, dict):
        return {key: _filled_in(inner, environment) for key, inner in read.items()}
    if isinstance(read, list):
        return [_filled_in(inner, environment) for inner in read]
    return _VARIABLE.sub(value, read) if isinstance(read, str) else read


def _laid_over(under: Any, over: Any) -> Any:
    if isinstance(under, dict) and isinstance(over, dict):
        return {**under, **{key: _laid_over(under.get(key), value) for key, value in over.items()}}
    return over


@attrs.frozen
class Image:
    """
    What a Dockerfile says of the containers of its image.

    Attributes:
        environment: By ``ENV``.
        command: By ``CMD``.
        healthcheck: The command of ``HEALTHCHECK``.
    """

    environment: dict[str, str]
    command: list[str]
    healthcheck: list[str]


def load_image(name: str = "Dockerfile") -> Image:
    """Return what the last stage of a Dockerfile of ``deploy/`` says."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / name).read_text(encoding="utf-8"))
    stage = text[text.rindex("\nFROM ") :].splitlines()
    environment = dict(
        pair.split("=", 1)
        for line in stage
        if line.startswith("ENV ")
        for pair in line.removeprefix("ENV ").split()
    )
    (command,) = (line for line in stage if line.startswith("CMD "))
    (healthcheck,) = (line for line in stage if line.startswith("HEALTHCHECK "))
    return Image(
        environment,
        json.loads(command.removeprefix("CMD ")),
        json.loads(healthcheck.partition("CMD ")[2]),
    )


def fill_template(text: str, environment: Mapping[str, str]) -> str:
    """Return an nginx template as the official image makes a file of it: it fills in what is in the environment."""
    return re.sub(r"\$\{(\w+)\}", lambda found: environment.get(found[1], found[0]), text)
