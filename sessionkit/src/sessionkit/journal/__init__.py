# SPDX-License-Identifier: Apache-2.0
"""
The journal: changes that wait to be stored survive a killed process, and a reboot.

A process records in files of its own what it was given to save, before it says that it has
it. What is stored is dropped; what a dead process left is stored by the next one.
"""

from sessionkit.journal.journal import Journal
from sessionkit.journal.replay import Replay, ReplayReport, revive

__all__ = ["Journal", "Replay", "ReplayReport", "revive"]
