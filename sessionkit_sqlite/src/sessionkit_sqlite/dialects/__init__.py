# SPDX-License-Identifier: Apache-2.0
"""
One module a kind of database: how its connections are used, its SQL, and what its errors mean.

Each implements :class:`sessionkit_sqlite.dialect.Dialect`; beside it, ``*_saves`` stores sessions.
:mod:`sessionkit_sqlite.storage` imports the one that an engine needs, and nothing else does but for
:mod:`sessionkit_sqlite.engines`, which takes PostgreSQL's connections from here. The room has no lock.
"""
