# SPDX-License-Identifier: Apache-2.0
"""The command ``sessionkit new-plugin``: writes the distribution of a new plugin from templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Final, NoReturn

import attrs
import click

from sessionkit.errors import PluginError
from sessionkit.plugins.plugins import Plugins
from sessionkit.plugins.registry import (
    CORE,
    SERIALIZER,
    STORAGE,
    STRATEGY,
    InstalledPlugin,
    PluginKind,
    core,
)

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST: Final = 40
_OURS: Final = frozenset({"core", "redis", "sqlite", "streamlit"})
_EVERY: Final = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "__init__.py": "src/{package}/__init__.py",
}


def new_plugin_command(plugins: Plugins) -> click.Command:
    """
    Return the command.

    Args:
        plugins: What is installed; whose names are taken.
    """

    @click.command("new-plugin")
    @click.argument("kind", type=click.Choice(sorted(TEMPLATES)))
    @click.argument("name")
    @click.option(
        "--folder",
        type=click.Path(path_type=Path),
        help="Where to write it; sessionkit-NAME where you are, unless given.",
    )
    def new_plugin(kind: str, name: str, folder: Path | None) -> None:
        """
        Write the distribution of a plugin called NAME.

        It installs, is found and passes its tests as it is: begin by changing what it does.
        """
        plugin = NewPlugin(TEMPLATES[kind], name, core().version)
        _check(plugins, plugin)
        _write(plugin, Path(plugin.distribution) if folder is None else folder)

    return new_plugin


def _write(plugin: NewPlugin, folder: Path) -> None:
    try:
        written = write_plugin(plugin, folder)
    except FileExistsError as error:
        msg = f"{error.filename} exists already; remove it, or name another one by --folder"
        raise click.ClickException(msg) from error
    except OSError as error:
        msg = f"{folder} can't be written: {error}"
        raise click.ClickException(msg) from error
    for file in written:
        click.echo(f"wrote {file}")
    click.echo(f'\nnext: pip install -e "{folder}[tests]", then pytest in {folder}')


def _check(plugins: Plugins, plugin: NewPlugin) -> None:
    """Refuse a name that a new plugin can't bear."""
    name = plugin.name
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        _refuse(
            f"{name!r} can't be a name; take lower-case letters and digits, beginning with a "
            f"letter, with single - or _ between them, {_LONGEST} characters at most"
        )
    if name in _OURS:
        _refuse(f"{plugin.distribution} is a distribution of sessionkit itself; take another name")
    for installed in plugins.installed():
        if name == installed.name or name in _offered(plugins, plugin.template.kind, installed):
            _refuse(f"{name!r} is taken by {installed}; take another name")
    if find_spec(plugin.package) is not None:
        _refuse(f"there is a package {plugin.package!r} already; take another name")


def _offered(plugins: Plugins, kind: PluginKind, installed: InstalledPlugin) -> tuple[str, ...]:
    try:
        return plugins.offers(installed.name).get(kind.word, ())
    except PluginError:
        return ()  # what can't be loaded offers nothing; its own name is taken all the same


def _refuse(reason: str) -> NoReturn:
    raise click.BadParameter(reason, param_hint="NAME")


# -- what is written -------------------------------------------------------------------


@attrs.frozen
class PluginTemplate:
    """
    A kind of plugin that there are templates for.

    Attributes:
        thing: What it is called on the command line; the templates' folder and the module.
        kind: What it offers.
        needs: Requirements of the module, besides sessionkit.
        keywords: Its settings table, as the README shows it.
    """

    thing: str
    kind: PluginKind
    needs: tuple[str, ...] = ()
    keywords: str = ""

    def files(self) -> Mapping[str, str]:
        """Return the templates' names and where each goes to, ``{package}`` left open."""
        mine = {
            "hooks.py": "src/{package}/hooks.py",
            f"{self.thing}.py": f"src/{{package}}/{self.thing}.py",
            f"test_{self.thing}.py": f"tests/test_{self.thing}.py",
        }
        return {
            **{f"every/{name}": place for name, place in _EVERY.items()},
            **{f"{self.thing}/{name}": place for name, place in mine.items()},
        }


TEMPLATES: Final = {
    one.thing: one
    for one in (
        PluginTemplate("storage", STORAGE, ("attrs>=24.2",), 'path = ".sessionkit/sessions.db"'),
        PluginTemplate("serializer", SERIALIZER),
        PluginTemplate("strategy", STRATEGY, (), 'keep = ["theme", "language", "timezone"]'),
    )
}
"""The templates by the word for what they make."""


@attrs.frozen
class NewPlugin:
    """
    A plugin that is to be written.

    Attributes:
        template: What it is written from.
        name: The name that users will choose it by.
        core: The version of sessionkit-core that it is written for.
    """

    template: PluginTemplate
    name: str
    core: str

    @property
    def distribution(self) -> str:
        """The name to install it by."""
        return f"sessionkit-{self.name.replace('_', '-')}"

    @property
    def package(self) -> str:
        """The name to import it by."""
        return self.distribution.replace("-", "_")

    @property
    def class_name(self) -> str:
        """The name of the class that does the work."""
        words = (*self.name.replace("-", "_").split("_"), self.template.thing)
        return "".join(word.capitalize() for word in words)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield each file: where it goes to in the distribution's folder, and what it holds."""
        words = self._words()
        for template, place in self.template.files().items():
            source = files("sessionkit.cli") / "templates" / f"{template}.template"
            text = Template(source.read_text(encoding="utf-8")).substitute(words)
            yield place.format(package=self.package), text
        yield f"src/{self.package}/py.typed", ""

    def _words(self) -> dict[str, str]:
        public, _, _ = self.core.partition("+")  # a version of somebody's own has no successors
        core = f"{CORE}~={public}"
        return {
            "name": self.name,
            "distribution": self.distribution,
            "package": self.package,
            "class_name": self.class_name,
            "thing": self.template.thing,
            "word": self.template.kind.word,
            "setting": self.template.kind.setting,
            "table": self._table(),
            "dependencies": ", ".join(f'"{one}"' for one in (core, *self.template.needs)),
        }

    def _table(self) -> str:
        keywords = self.template.keywords
        return f"\n[{self.template.kind.section}.{self.name}]\n{keywords}\n" if keywords else ""


def write_plugin(plugin: NewPlugin, folder: Path) -> list[Path]:
    """
    Write the distribution into *folder*, which is made.

    Returns:
        The files.

    Raises:
        FileExistsError: If something bears the folder's name.
        OSError: If the folder can't be made or written.
    """
    texts = list(plugin.texts())  # a template that fails leaves nothing half written
    folder.mkdir(parents=True)
    written = []
    for place, text in texts:
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        written.append(file)
    return written
