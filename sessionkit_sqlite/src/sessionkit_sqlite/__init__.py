# SPDX-License-Identifier: Apache-2.0
"""SQLite storage for sessionkit: ``sessionkit_sqlite.storage.SqliteStorage``."""
