# SPDX-License-Identifier: Apache-2.0
"""
SQL storages for sessionkit.

``sessionkit_sqlite.storage.SqliteStorage`` for one file, ``SqlStorage`` in the
same module for any database that SQLAlchemy speaks to.
"""
