"""Messages in frames: long ones compressed, once, and all of them read again as they were."""

import json
import zlib

import feed_frames
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.app.dashboard import packing, payloads
from grpo_core.app.dashboard.packing import WORTHWHILE, Message, frame


@given(st.lists(st.lists(st.text(max_size=400), max_size=30), max_size=6))
def test_what_is_packed_comes_back_in_order(messages: list[list[str]]) -> None:
    texts = [payloads.encode({"words": words}) for words in messages]
    packed = [Message(text) for text in texts]
    assert [message.text for message in packed] == texts
    assert [message.read() for message in packed] == [{"words": words} for words in messages]
    assert feed_frames.texts(frame(packed)) == texts
    assert len(frame(packed)) == sum(map(len, packed))


def test_only_a_long_text_is_compressed() -> None:
    short, long = (json.dumps("x" * (size - 2)) for size in (WORTHWHILE - 1, WORTHWHILE))
    assert short.encode() in Message(short).part
    assert len(Message(long)) < WORTHWHILE / 10


def test_a_text_is_packed_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = zlib.compress
    monkeypatch.setattr(packing.zlib, "compress", lambda *given: made.append(1) or real(*given))
    messages = [Message.of({"text": str(i) * WORTHWHILE}) for i in range(3)]
    found = {frame(messages[i:]) for _ in range(100) for i in range(3)}
    assert len(found) == len(made) == 3


def test_a_message_made_again_is_the_same_message() -> None:
    for words in ("short", "long " * WORTHWHILE):
        once, again = (Message.of({"words": words}) for _ in range(2))
        assert once == again and len({once, again}) == 1
        assert once != Message.of({"words": words + "!"}) and once != words
