# SPDX-License-Identifier: Apache-2.0
"""Saves and reads: compare-and-set, parts, names, answers that were lost; clauses of the storage suite."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import attrs
import pytest

from sessionkit.errors import ConflictError
from sessionkit.records import SessionWrite, StoredSession
from sessionkit.storage import Storage
from sessionkit.testing.storage_samples import (
    DAY,
    NOW,
    SECOND,
    Connect,
    first,
    following,
    head,
    save_id,
)

_LARGEST: Final = (1 << 63) - 1
_MEBIBYTE: Final = 1 << 20
ODD_NAMES: Final = (
    *("ab", "Ab", "AB", "ab ", " ab", "a b"),
    *("a_b", "a%b", "%", "_", "*", "?", "[a-b]", "a:b", "a,b", "a;b", "a/b", "a\\b", "..", "a|b"),
    *("{a}", "{}", "{", "}", "{a}b", "}{a}", "{a}{b}", "{{a}}", "$a", "${a}", ":a", "%s", "%(a)s"),
    *("'", '"', "`", "''", "--", "0", "00", "1e3", "None", "null"),
    # Composed and decomposed, sharp s and its capitals: equal to many a collation.
    *("\u00e9", "e\u0301", "stra\u00dfe", "strasse", "\u0130", "i"),
    *("\u65e5\u672c", "\U0001f989", "\U0001f989\U0001f989"),
    *("x" * 127, "x" * 128, "\U0001f989" * 128),
)
"""Ids that a case-blind, padding, folding, quoting, tagging or cutting store mixes up."""

ODD_TEXTS: Final = (
    *ODD_NAMES,
    "ab\n",
    "\nab",
    "a\nb",
    "ab\r\n",
    "ab\t",
    "ab\x0b",
    "\x1b[0m",
    "ab\u00a0",
)
"""The same with what no session id holds, since it can't be printed; users and parts bear it."""

LONG_PARTS: Final = ("x" * 189, "x" * 190, "\U0001f989" * 190)
"""The longest names that a part has."""


# -- reading, and compare-and-set ------------------------------------------------------


class WriteClauses:
    """Reading, and compare-and-set."""

    def test_unknown_id_reads_as_none(self, storage: Storage) -> None:
        """A session that was never written reads as None."""
        assert storage.read("nobody") is None

    def test_reads_what_was_written(self, storage: Storage) -> None:
        """Head and parts come back as they went in."""
        write = first(put={"profile": b"\x00\xff", "inputs": b"{}"})
        storage.write(write)

        assert StoredSession(head=write.head, parts=write.put) == storage.read("s")

    @pytest.mark.parametrize(
        "fields",
        [
            {"user_id": "https://issuer.example|subject", "expires_at": None},
            {"user_id": None, "created_at": 0, "recent": ()},
            {"created_at": 253_402_300_799_999_999, "schema_version": 7},
            {"version": _LARGEST, "recent": ("a" * 16, "b" * 16), "ended": True},
        ],
    )
    def test_every_field_of_a_head_comes_back(
        self, storage: Storage, fields: dict[str, Any]
    ) -> None:
        """No field of a head is lost, rounded or changed in type."""
        written = attrs.evolve(head("s"), **fields)
        storage.write(SessionWrite(head=written))

        stored = storage.read("s")

        assert stored is not None
        assert written == stored.head
        assert repr(written) == repr(stored.head)

    def test_next_version_replaces(self, storage: Storage) -> None:
        """A writer who has seen what is stored may replace it."""
        storage.write(first())
        storage.write(following(2))

        assert StoredSession(head=head(version=2)) == storage.read("s")

    @pytest.mark.parametrize("expected", [None, save_id(1), save_id(3), save_id(9)])
    def test_other_expectation_is_a_conflict(self, storage: Storage, expected: str | None) -> None:
        """None, a stale or an unknown ``expected`` is refused with the stored head, and changes nothing."""
        storage.write(first(put={"a": b"1", "b": b"1"}))
        storage.write(following(2, put={"a": b"2"}))
        late = SessionWrite(
            head=head(version=3, save_id="f" * 16, last_activity=NOW + SECOND),
            expected=expected,
            put={"a": b"late", "c": b"late"},
            remove=["b"],
        )

        with pytest.raises(ConflictError) as caught:
            storage.write(late)

        assert head(version=2) == caught.value.current
        assert "s" == caught.value.session_id
        assert StoredSession(head=head(version=2), parts={"a": b"2", "b": b"1"}) == storage.read(
            "s"
        )

    def test_update_of_nothing_is_a_conflict(self, storage: Storage) -> None:
        """A write that expects a save is refused when nothing is stored, and creates nothing."""
        with pytest.raises(ConflictError) as caught:
            storage.write(following(2, put={"a": b"1"}))

        assert caught.value.current is None
        assert storage.read("s") is None

    def test_repeated_create_succeeds(self, storage: Storage) -> None:
        """A create whose answer was lost may be sent again."""
        write = first(put={"a": b"1"})
        storage.write(write)

        storage.write(write)

        assert StoredSession(head=write.head, parts=write.put) == storage.read("s")

    def test_repeated_update_succeeds(self, storage: Storage) -> None:
        """An update whose answer was lost may be sent again, though its ``expected`` is stale by then."""
        write = following(2, put={"a": b"2"}, remove=["b"])
        storage.write(first(put={"b": b"1"}))
        storage.write(write)

        storage.write(write)

        assert StoredSession(head=write.head, parts=write.put) == storage.read("s")

    def test_own_save_under_a_foreign_one_is_a_conflict(self, storage: Storage) -> None:
        """With a foreign save on top, a repeated write is refused, and ``recent`` tells the writer."""
        mine, foreign = following(2), following(3, put={"a": b"theirs"})
        for write in (first(), mine, foreign):
            storage.write(write)

        with pytest.raises(ConflictError) as caught:
            storage.write(mine)

        assert caught.value.current is not None
        assert mine.head.save_id in caught.value.current.recent
        assert StoredSession(head=foreign.head, parts=foreign.put) == storage.read("s")

    def test_activity_never_moves_back_by_a_write(self, storage: Storage) -> None:
        """The later ``last_activity`` stays; all else of the head is as written."""
        storage.write(first(last_activity=NOW + SECOND))
        storage.write(following(2, last_activity=NOW))

        stored = storage.read("s")

        assert stored is not None
        assert head(version=2, last_activity=NOW + SECOND) == stored.head

    def test_expired_sessions_are_read(self, storage: Storage) -> None:
        """A storage has no clock: what has expired is read, and guarded, like anything else."""
        write = first(put={"a": b"1"}, expires_at=NOW - SECOND)
        storage.write(write)

        with pytest.raises(ConflictError):
            storage.write(first(save_id="f" * 16))

        assert StoredSession(head=write.head, parts=write.put) == storage.read("s")


class HandleClauses:
    """Several handles on one store, as several replicas have them."""

    def test_other_handles_see_every_change(self, storage: Storage, connect: Connect) -> None:
        """What one handle writes, touches and deletes is there for all at once, also where it was read before."""
        handles = [storage, connect()]
        saved, moved = (
            StoredSession(head=head(), parts={"a": b"1"}),
            head(last_activity=NOW + SECOND),
        )

        storage.write(first(put=saved.parts))
        assert [saved, saved] == [handle.read("s") for handle in handles]

        handles[1].touch("s", last_activity=NOW + SECOND, expires_at=NOW + DAY)
        assert [moved, moved] == [handle.find().heads[0] for handle in handles]

        storage.write(following(2, put={"a": b"2"}))
        later = StoredSession(head=head(version=2, last_activity=NOW + SECOND), parts={"a": b"2"})
        assert [later, later] == [handle.read("s") for handle in handles]

        handles[1].delete("s")
        assert [None, None] == [handle.read("s") for handle in handles]

    def test_handles_guard_against_each_other(self, storage: Storage, connect: Connect) -> None:
        """A handle that missed another's save meets a conflict."""
        other = connect()
        storage.write(first())
        other.write(following(2))

        with pytest.raises(ConflictError) as caught:
            storage.write(following(2, save_id="f" * 16))

        assert head(version=2) == caught.value.current

    def test_close_twice(self, storage: Storage, connect: Connect) -> None:
        """Closing again is fine, and closes no other handle."""
        other = connect()
        storage.write(first())

        other.close()
        other.close()

        assert StoredSession(head=head()) == storage.read("s")


class LossClauses:
    """A writer who has seen what the store does not hold, or not any more."""

    def test_lost_answer_after_a_touch(self, storage: Storage, connect: Connect) -> None:
        """A save that is sent again, after someone else touched the session, is still one's own."""
        write = following(2, put={"a": b"2"})
        storage.write(first())
        storage.write(write)
        connect().touch("s", last_activity=NOW + SECOND, expires_at=NOW + DAY)

        storage.write(write)

        moved = attrs.evolve(write.head, last_activity=NOW + SECOND)
        assert StoredSession(head=moved, parts=write.put) == storage.read("s")

    def test_lost_answer_of_a_deleted_session(self, storage: Storage, connect: Connect) -> None:
        """A save that landed, and was deleted by someone else, does not land again."""
        write = following(2, put={"a": b"2"})
        storage.write(first())
        storage.write(write)
        connect().delete("s")

        with pytest.raises(ConflictError) as caught:
            storage.write(write)

        assert caught.value.current is None
        assert storage.read("s") is None

    def test_store_that_went_back(self, storage: Storage) -> None:
        """
        A store that lost its last saves tells what it holds, and takes a save on top of that.

        The version that is written then need not be the next one.
        """
        back = first(put={"a": b"1", "b": b"1"})
        storage.write(back)

        with pytest.raises(ConflictError) as caught:
            storage.write(following(5, put={"a": b"5"}))

        assert back.head == caught.value.current
        again = following(6, put={"a": b"6"}, remove=["b"])
        storage.write(attrs.evolve(again, expected=save_id(1)))
        assert StoredSession(head=again.head, parts=again.put) == storage.read("s")

    def test_version_may_be_lower_than_the_stored_one(self, storage: Storage) -> None:
        """What is compared is the ``save_id``: a session that begins anew on a known save is taken."""
        storage.write(first())
        storage.write(following(2))
        anew = attrs.evolve(first(save_id="f" * 16, created_at=NOW + SECOND), expected=save_id(2))

        storage.write(anew)

        assert StoredSession(head=anew.head) == storage.read("s")

    def test_another_session_under_the_id(self, storage: Storage) -> None:
        """A late save meets whoever was created under a deleted id, and changes nothing of it."""
        storage.write(first(put={"a": b"1"}))
        storage.delete("s")
        other = first(save_id="f" * 16, created_at=NOW + SECOND, put={"a": b"other"})
        storage.write(other)

        with pytest.raises(ConflictError) as caught:
            storage.write(following(2, put={"a": b"late"}))

        assert other.head == caught.value.current
        assert StoredSession(head=other.head, parts=other.put) == storage.read("s")


class SkewClauses:
    """Writers whose clocks differ."""

    def test_a_clock_behind_moves_nothing_back(self, storage: Storage, connect: Connect) -> None:
        """Saves and touches of a writer whose clock is a day behind are taken, and their time is not."""
        behind = connect()
        storage.write(first(last_activity=NOW))

        behind.write(following(2, last_activity=NOW - DAY, put={"a": b"2"}))
        behind.touch("s", last_activity=NOW - DAY + SECOND, expires_at=NOW)
        behind.write(following(3, last_activity=NOW - DAY, put={"a": b"3"}))

        assert StoredSession(head=head(version=3), parts={"a": b"3"}) == storage.read("s")

    def test_lists_go_by_the_activity_that_is_kept(self, storage: Storage) -> None:
        """After a save by a clock behind, pages, counts and purges see the later activity, too."""
        storage.write(first("s", user_id="u", last_activity=NOW + 2))
        storage.write(first("other", user_id="u", last_activity=NOW + 1))

        storage.write(following(2, "s", user_id="u", last_activity=NOW))

        page = storage.find(user_id="u")
        assert ["s", "other"] == [found.session_id for found in page.heads]
        assert [NOW + 2, NOW + 1] == [found.last_activity for found in page.heads]
        assert 1 == storage.count(active_since=NOW + 2)
        assert 1 == storage.purge(expired_before=0, idle_before=NOW + 2, limit=10)
        assert storage.read("s") is not None

    def test_a_clock_ahead(self, storage: Storage) -> None:
        """An activity in the future counts as active, and lists its session first."""
        storage.write(first("s", user_id="u"))
        storage.write(first("ahead", user_id="u", last_activity=NOW + 400 * DAY))

        assert ["ahead", "s"] == [found.session_id for found in storage.find(user_id="u").heads]
        assert 1 == storage.count(active_since=NOW + 399 * DAY)
        assert 0 == storage.purge(expired_before=0, idle_before=NOW, limit=10)

    @pytest.mark.parametrize("ahead", [DAY + 1, 400 * DAY])
    def test_a_touch_takes_back_what_a_clock_ahead_wrote(
        self, storage: Storage, ahead: int
    ) -> None:
        """More than a day ahead is not believed: time and expiry are those of the touch, and nothing is stuck."""
        storage.write(first("s", last_activity=NOW + ahead, expires_at=NOW + ahead + DAY))

        assert storage.touch("s", last_activity=NOW, expires_at=NOW + DAY)

        stored = storage.read("s")
        assert stored is not None
        assert (NOW, NOW + DAY) == (stored.head.last_activity, stored.head.expires_at)
        assert 0 == storage.count(active_since=NOW + 1)
        assert 1 == storage.purge(expired_before=NOW + 2 * DAY, limit=10)

    @pytest.mark.parametrize("ahead", [DAY + 1, 400 * DAY])
    @pytest.mark.parametrize("parts", [{}, {"a": b"2"}, {"a": b"2", "b": b"3"}])
    def test_a_save_takes_back_what_a_clock_ahead_wrote(
        self, storage: Storage, ahead: int, parts: dict[str, bytes]
    ) -> None:
        """Whatever parts it has: its time counts."""
        storage.write(first("s", {"a": b"1"}, last_activity=NOW + ahead))

        storage.write(following(2, "s", put=parts, last_activity=NOW))

        stored = storage.read("s")
        assert stored is not None
        assert NOW == stored.head.last_activity
        assert 0 == storage.count(active_since=NOW + 1)

    def test_a_day_ahead_is_believed(self, storage: Storage) -> None:
        """Clocks differ, by a time zone above all: what is no more than a day ahead stays."""
        storage.write(first("s", {"a": b"1"}, last_activity=NOW + DAY))

        storage.touch("s", last_activity=NOW, expires_at=NOW + DAY)
        storage.write(following(2, "s", put={"a": b"2"}, last_activity=NOW))

        stored = storage.read("s")
        assert stored is not None
        assert NOW + DAY == stored.head.last_activity


# -- parts and names -------------------------------------------------------------------


class PartClauses:
    """Parts: put, removed, left alone."""

    def test_parts_not_named_stay(self, storage: Storage) -> None:
        """A write changes the parts that it names and no other."""
        storage.write(first(put={"kept": b"1", "changed": b"1", "removed": b"1"}))
        storage.write(following(2, put={"changed": b"2", "new": b"2"}, remove=["removed"]))

        stored = storage.read("s")

        assert stored is not None
        assert {"kept": b"1", "changed": b"2", "new": b"2"} == dict(stored.parts)

    def test_removing_an_unknown_part_is_fine(self, storage: Storage) -> None:
        """A name that is not stored is removed without an error."""
        storage.write(first())
        storage.write(following(2, remove=["nothing"]))

        assert StoredSession(head=head(version=2)) == storage.read("s")

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x00",
            b"\xff\xfe\x00'\";",
            bytes(range(256)),
            bytes(range(256)) * 4 * 1024,
            b"\x01" * (5 * _MEBIBYTE),
        ],
        ids=["empty", "nul", "quotes", "all bytes", "1 MiB", "5 MiB"],
    )
    def test_any_bytes_come_back(self, storage: Storage, data: bytes) -> None:
        """Empty, binary and large parts come back as ``bytes``, equal."""
        storage.write(first(put={"a": data}))

        stored = storage.read("s")

        assert stored is not None
        assert _digests({"a": data}) == _digests(stored.parts)

    def test_parts_grow_and_shrink(self, storage: Storage, connect: Connect) -> None:
        """A part is what was put last, also where large ones are stored in another way than small ones."""
        reader = connect()
        storage.write(first())
        for version, size in enumerate((10, 2 * _MEBIBYTE, 9, _MEBIBYTE, 0), start=2):
            data = bytes([version]) * size
            storage.write(following(version, put={"a": data, "b": b"small"}))

            stored = reader.read("s")

            assert stored is not None
            assert _digests({"a": data, "b": b"small"}) == _digests(stored.parts)

        storage.write(following(7, put={"a": b"\x07" * _MEBIBYTE}))
        storage.write(following(8, remove=["a"]))
        stored = reader.read("s")
        assert stored is not None
        assert head(version=8) == stored.head
        assert _digests({"b": b"small"}) == _digests(stored.parts)

    def test_a_refused_save_leaves_no_large_part(self, storage: Storage) -> None:
        """A save that meets a conflict changes nothing, also where large parts are sent ahead."""
        before = {"a": b"1", "b": b"\x01" * _MEBIBYTE}
        storage.write(first(put=before))
        large = b"\x02" * _MEBIBYTE

        with pytest.raises(ConflictError):
            storage.write(following(3, put={"a": large, "b": large, "c": large}))

        stored = storage.read("s")
        assert stored is not None
        assert head() == stored.head
        assert _digests(before) == _digests(stored.parts)
        storage.write(following(2, remove=["b"]))
        stored = storage.read("s")
        assert stored is not None
        assert _digests({"a": b"1"}) == _digests(stored.parts)

    def test_many_parts(self, storage: Storage) -> None:
        """Hundreds of parts are put and removed in one write each."""
        parts = {f"form:{number}": str(number).encode() for number in range(500)}
        names = sorted(parts)
        storage.write(first(put=parts))
        storage.write(following(2, remove=names[:-1]))

        stored = storage.read("s")

        assert stored is not None
        assert {names[-1]: parts[names[-1]]} == dict(stored.parts)


def _digests(parts: Mapping[str, bytes]) -> dict[str, str]:
    """Return size and digest of each part: a difference of megabytes takes pytest minutes to show."""
    return {
        name: f"{type(data).__name__} {len(data)} {sha256(data).hexdigest()[:16]}"
        for name, data in parts.items()
    }


class NameClauses:
    """Ids and names are kept byte for byte."""

    def test_session_ids_are_never_mixed(self, storage: Storage) -> None:
        """Each odd id has a session of its own, and deleting one deletes no other."""
        for number, name in enumerate(ODD_NAMES):
            storage.write(first(name, put={"a": str(number).encode()}))
        storage.delete(ODD_NAMES[0])

        assert storage.read(ODD_NAMES[0]) is None
        for number, name in enumerate(ODD_NAMES[1:], start=1):
            parts = {"a": str(number).encode()}
            assert StoredSession(head=head(name), parts=parts) == storage.read(name)

    def test_user_ids_are_never_mixed(self, storage: Storage) -> None:
        """Each odd user id finds its own session and nobody else's."""
        for number, name in enumerate(ODD_TEXTS):
            storage.write(first(f"s{number}", user_id=name))

        for number, name in enumerate(ODD_TEXTS):
            assert [head(f"s{number}", user_id=name)] == list(storage.find(user_id=name).heads)

    def test_part_names_are_never_mixed(self, storage: Storage) -> None:
        """Each odd part name has bytes of its own, and removing one removes no other."""
        names = (*ODD_TEXTS, *LONG_PARTS)
        parts = {name: name.encode() for name in names}
        storage.write(first(put=parts))
        storage.write(following(2, remove=[names[0]]))

        stored = storage.read("s")

        assert stored is not None
        assert {name: parts[name] for name in names[1:]} == dict(stored.parts)
