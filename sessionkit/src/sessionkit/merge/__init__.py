# SPDX-License-Identifier: Apache-2.0
"""
What two writers did to one session, made one.

Others import from the modules, not from here, so that each loads only what it needs: ``merger``
(``Merger``, ``stamped``, ``stamp_changes``), ``stamps`` (``STAMPS``), ``fields`` (``conflict_of``,
``conflicting_fields``, ``choose``, ``value_at``, ``questions``, ``forget``, ``ASKED``), ``policies``
(``read_policies``), ``absorb`` (``absorb_changes``) and ``strategies``. ``rules`` is the room's own.

There is no lock here: what is merged is encoded, and who puts changes into a live session holds the
session's lock.
"""
