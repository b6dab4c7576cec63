# SPDX-License-Identifier: Apache-2.0
"""
What core plugs into itself, by the same door as any plugin.

``defaults.hooks`` is the plugin; the room ``plugins`` registers it first. What it offers is asked
for by name; only the shipped suites and tests import it from here. The memory storage has a lock
of its own; the room has none.
"""
