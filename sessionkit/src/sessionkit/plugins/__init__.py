# SPDX-License-Identifier: Apache-2.0
"""
What is installed, by kind and name.

To be imported from here: :class:`Plugins`, which finds plugins, makes what they offer and checks
what settings say of them; :func:`check_table`, which reads a factory's settings table and makes nothing;
the kinds of things that they offer; what is known of an installed one.
No other room touches pluggy. The lock is the registry's: held while plugins are loaded and asked.
"""

from __future__ import annotations

from sessionkit.plugins.factories import check_table
from sessionkit.plugins.plugins import Plugins
from sessionkit.plugins.registry import (
    COMMAND,
    HOST,
    SERIALIZER,
    STORAGE,
    STRATEGY,
    InstalledPlugin,
    PluginKind,
)

__all__ = [
    "COMMAND",
    "HOST",
    "SERIALIZER",
    "STORAGE",
    "STRATEGY",
    "InstalledPlugin",
    "PluginKind",
    "Plugins",
    "check_table",
]
