# SPDX-License-Identifier: Apache-2.0
"""One answer of one save is lost, at each place in turn; one of them is that to the commit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from session_harness.load import (
    Deliver,
    Report,
    check_stored,
    deliver_all,
    in_batches,
    next_write,
    one_by_one,
)
from session_harness.lossy_proxy import LossyProxy

from sessionkit_sqlite.storage import SqlStorage

ANSWERS = range(1, 7)
"""Two saves have at least as many, on every server."""

Far = Callable[..., tuple[LossyProxy, SqlStorage]]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("way", [one_by_one, in_batches])
def test_save_whose_answer_was_lost_is_stored_once(
    storage: SqlStorage, far: Far, way: Callable[[SqlStorage], Deliver], answer: int
) -> None:
    """The repeated save is no conflict, whether it had been stored or not, and the next one goes on."""
    proxy, lossy = far(swallow_every=answer, at_most=1)
    deliver, report = way(lossy), Report()
    deliver_all(deliver, [next_write(name, None) for name in "ab"], report)

    proxy.begin()
    for _ in ANSWERS:
        writes = [next_write(name, report.acknowledged[name]) for name in "ab"]
        deliver_all(deliver, writes, report)

    assert (1, 1 + len(ANSWERS)) == (proxy.swallowed, report.acknowledged["a"].head.version)
    check_stored(storage, report.acknowledged)


def test_touch_whose_answer_was_lost(storage: SqlStorage, far: Far) -> None:
    """It is repeated; a touch that was done already still finds its session."""
    storage.write(next_write("a", None))
    proxy, lossy = far(swallow_every=1, at_most=1)
    lossy.read("a")
    proxy.begin()

    touched = lossy.touch("a", last_activity=2**52, expires_at=None)

    assert (True, 1) == (touched, proxy.swallowed)
    stored = storage.read("a")
    assert stored is not None
    assert 2**52 == stored.head.last_activity


def test_connection_lost_while_idle(storage: SqlStorage, far: Far) -> None:
    """A connection that broke while nobody used it costs no error and no save."""
    proxy, lossy = far()
    first = next_write("a", None)
    lossy.write(first)
    proxy.cut()
    second = next_write("a", first)

    lossy.write(second)

    check_stored(storage, {"a": second})


def test_connection_lost_before_the_end(storage: SqlStorage, far: Far) -> None:
    """A storage whose connections are lost is closed without an error."""
    proxy, lossy = far()
    assert lossy.read("nobody") is storage.read("nobody")
    proxy.close()

    lossy.close()
