# SPDX-License-Identifier: Apache-2.0
"""The hooks of sessionkit's own plugin: memory storage, two serializers, strategies, the local host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from sessionkit.hookspecs import hookimpl

if TYPE_CHECKING:
    from sessionkit.conflict import ConflictStrategy, ConflictStrategyFactory
    from sessionkit.host import Host, HostFactory
    from sessionkit.serializer import Serializer, SerializerFactory
    from sessionkit.storage import Storage, StorageFactory

# Each factory imports its module when it is called: nobody waits for what nobody uses.
# ruff: noqa: PLC0415


@hookimpl
def sessionkit_hosts() -> Mapping[str, HostFactory]:
    """Offer the host of scripts, tests and the command line."""
    return {"local": _local_host}


@hookimpl
def sessionkit_storages() -> Mapping[str, StorageFactory]:
    """Offer the storage that keeps nothing."""
    return {"memory": _memory}


@hookimpl
def sessionkit_serializers() -> Mapping[str, SerializerFactory]:
    """Offer MessagePack and readable JSON."""
    return {"msgpack": _msgpack, "json": _json}


@hookimpl
def sessionkit_conflict_strategies() -> Mapping[str, ConflictStrategyFactory]:
    """Offer the four strategies."""
    return {
        "merge": _merge,
        "ask": _ask,
        "last_write_wins": _last_write_wins,
        "first_write_wins": _first_write_wins,
        "refuse": _refuse,
    }


def _local_host() -> Host:
    from sessionkit.defaults.local_host import LocalHost

    return LocalHost()


def _memory() -> Storage:
    from sessionkit.defaults.memory import MemoryStorage

    return MemoryStorage()


def _msgpack(*, enums: Sequence[type[Enum]] = ()) -> Serializer:
    from sessionkit.defaults.msgpack import MsgpackSerializer

    return MsgpackSerializer(enums=enums)


def _json(*, enums: Sequence[type[Enum]] = ()) -> Serializer:
    from sessionkit.defaults.json import JsonSerializer

    return JsonSerializer(enums=enums)


def _ask() -> ConflictStrategy:
    from sessionkit.merge.strategies import Ask

    return Ask()


def _merge() -> ConflictStrategy:
    from sessionkit.merge.strategies import Merge

    return Merge()


def _last_write_wins() -> ConflictStrategy:
    from sessionkit.merge.strategies import LastWriteWins

    return LastWriteWins()


def _first_write_wins() -> ConflictStrategy:
    from sessionkit.merge.strategies import FirstWriteWins

    return FirstWriteWins()


def _refuse() -> ConflictStrategy:
    from sessionkit.merge.strategies import Refuse

    return Refuse()
