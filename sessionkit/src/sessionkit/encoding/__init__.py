# SPDX-License-Identifier: Apache-2.0
"""
A session <-> named parts <-> sealed bytes.

Others import from the modules, not from here, so that each loads only what it needs: ``codec``
(``SessionCodec``, ``Encoded``, ``EncodedParts``) and ``parts`` (``PlainPart``, ``FIELDS``,
``EXTENSION``, ``to_parts``, ``from_parts``, ``is_known``, ``path_of``). ``packing`` and
``fallback`` are the codec's own.

There is no lock here: a session is encoded under its own.
"""
