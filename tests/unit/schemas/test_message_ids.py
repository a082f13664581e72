"""The ids of a chunk's messages."""

from __future__ import annotations

from array import array

from schemas.values.ids import message_ids


def test_messages_of_a_campaign_are_numbered() -> None:
    assert message_ids("cmp_X", "chk_X_2_0", 2, array("I", [0, 70_000]).tobytes()) == [b"msg_X_2_0", b"msg_X_2_70000"]


def test_a_single_message_has_one_id_however_many_entries_speak_of_it() -> None:
    assert message_ids(None, "chk_Y", 0, array("I", [0, 127]).tobytes()) == [b"msg_Y-0", b"msg_Y-127"]
    assert message_ids(None, "msg_Y", 0, array("I", [0, 0, 0]).tobytes()) == [b"msg_Y"] * 3
