# SPDX-License-Identifier: Apache-2.0
"""What Redis' errors mean, and what would be right."""

from __future__ import annotations

from typing import Final, TypeAlias

from redis import exceptions as driver

from sessionkit.errors import RejectedError, StorageError, UnavailableError, UnclearError

DRIVER_ERRORS: Final = (driver.RedisError, driver.RedisClusterException, OSError)

_Kind: TypeAlias = tuple[type[StorageError], str]

_UNKNOWN: Final[_Kind] = (UnclearError, "")
"""What is in none of the tables below."""

_RIGHTS: Final = "give the url's user the rights to these keys and commands"
_ELECTING: Final = "the cluster has no primary for it right now"
_MOVED: Final = "the server is a cluster's node: begin the url with redis+cluster://"

# The first that fits counts: a subclass stands before its base.
_BY_CLASS: Final[tuple[tuple[type[Exception], _Kind], ...]] = (
    (driver.AuthenticationError, (UnclearError, "check user and password in the url")),
    (driver.AuthorizationError, (UnclearError, _RIGHTS)),
    (driver.NoPermissionError, (UnclearError, _RIGHTS)),
    (driver.MaxConnectionsError, (UnavailableError, "all connections are in use")),
    (driver.BusyLoadingError, (UnavailableError, "the server is still loading its data")),
    (driver.TimeoutError, (UnavailableError, "no answer in time")),
    (driver.ConnectionError, (UnavailableError, "is it running, and reachable from here?")),
    (driver.MovedError, (UnavailableError, "the cluster is moving the keys")),
    (driver.AskError, (UnavailableError, "the cluster is moving the keys")),
    (driver.TryAgainError, (UnavailableError, "the cluster is moving the keys")),
    (driver.MasterDownError, (UnavailableError, "the replica has lost its primary")),
    (driver.ClusterDownError, (UnavailableError, _ELECTING)),
    (driver.ReadOnlyError, (UnavailableError, "the url must name the primary, not a replica")),
    (driver.OutOfMemoryError, (UnavailableError, "raise maxmemory; what was saved is intact")),
    (driver.DataError, (RejectedError, "")),
    (driver.RedisClusterException, (UnavailableError, _ELECTING)),
    (OSError, (UnavailableError, "is it running, and reachable from here?")),
)

# Errors that the driver has no class of its own for, by the server's first words.
_BY_WORDS: Final[dict[str, _Kind]] = {
    "OOM": (UnavailableError, "raise maxmemory; what was saved is intact"),
    "READONLY": (UnavailableError, "the url must name the primary, not a replica"),
    "NOREPLICAS": (UnavailableError, "it has fewer replicas than min-replicas-to-write"),
    "MISCONF": (UnavailableError, "the server can't write to its disk; look at its log"),
    "LOADING": (UnavailableError, "the server is still loading its data"),
    "BUSY": (UnavailableError, "a script of someone else keeps the server busy"),
    "CLUSTERDOWN": (UnavailableError, _ELECTING),
    "MASTERDOWN": (UnavailableError, "the replica has lost its primary"),
    "TRYAGAIN": (UnavailableError, "the cluster is moving the keys"),
    "UNBLOCKED": (UnavailableError, "the server has become a replica"),
    "NOAUTH": (UnclearError, "put user and password into the url"),
    "WRONGPASS": (UnclearError, "check user and password in the url"),
    "NOPERM": (UnclearError, _RIGHTS),
    "WRONGTYPE": (RejectedError, "other data lie under these keys; choose another prefix"),
    "Cluster mode is not enabled": (RejectedError, "begin the url with redis://"),
}


def explain(error: BaseException, place: str, *, clustered: bool = False) -> StorageError:
    """Return the driver's *error* as one of ours that says where it was and what would be right."""
    kind, advice = _kind(error, clustered=clustered)
    ours = kind("; ".join(filter(None, (f"{place}: {str(error).rstrip('.')}", advice))))
    ours.__cause__ = error
    return ours


def encoding_failure(place: str, error: UnicodeEncodeError) -> RejectedError:
    """Return the error of a name that has no bytes."""
    ours = RejectedError(f"{place}: can't be stored: {error}; names must be texts that UTF-8 takes")
    ours.__cause__ = error
    return ours


class TooFewReplicasError(driver.RedisError):
    """Raised when too few replicas have acknowledged a write in time."""

    def __init__(self, acknowledged: int, wanted: int) -> None:
        """Say how many did."""
        super().__init__(
            f"{acknowledged} of {wanted} replicas acknowledged; the save may be lost in a failover"
        )


def _kind(error: BaseException, *, clustered: bool) -> _Kind:
    if isinstance(error, TooFewReplicasError):
        return UnavailableError, ""
    if isinstance(error, driver.AskError) and not clustered:
        return RejectedError, _MOVED
    words = str(error)
    for beginning, kind in _BY_WORDS.items():
        if words.startswith(beginning):
            return kind
    for type_, kind in _BY_CLASS:
        if isinstance(error, type_):
            return kind
    return _UNKNOWN
