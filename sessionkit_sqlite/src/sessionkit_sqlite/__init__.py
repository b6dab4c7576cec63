# SPDX-License-Identifier: Apache-2.0
"""
SQL storages for sessionkit: one for a SQLite file, one for any database that SQLAlchemy speaks to.

Others import ``SqliteStorage`` and ``SqlStorage`` from :mod:`sessionkit_sqlite.storage`, and name
:mod:`sessionkit_sqlite.hooks` as the plugin. Everything else is this distribution's own. It has no
lock: whoever needs a connection takes one that nobody else has.
"""
