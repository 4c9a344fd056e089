"""Messages in frames: long ones compressed once for all, and little of it is kept."""

import json
import zlib

import frames
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.dashboard import packing, payloads
from grpo_core.dashboard.packing import KEPT, WORTHWHILE, Packer


@given(st.lists(st.lists(st.text(max_size=400), max_size=30), max_size=6))
def test_what_is_packed_comes_back_in_order(messages: list[list[str]]) -> None:
    texts = [payloads.encode({"words": words}) for words in messages]
    frame = Packer().frame(texts)
    assert frames.texts(frame) == texts
    most = sum(5 + min(len(text), WORTHWHILE + 50) for text in texts)
    assert len(frame) <= most or max(map(len, texts)) >= WORTHWHILE


def test_a_long_text_is_sent_as_a_fraction_of_it() -> None:
    text = payloads.encode({"steps": list(range(1_000))})
    assert len(Packer().frame([text])) < len(text) / 2


def test_a_text_is_packed_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = zlib.compress
    monkeypatch.setattr(packing.zlib, "compress", lambda *given: made.append(1) or real(*given))
    packer = Packer()
    texts = [payloads.encode({"text": str(i) * WORTHWHILE}) for i in range(3)]
    found = {packer.frame(texts[i:]) for _ in range(100) for i in range(3)}
    assert len(found) == len(made) == 3


def test_what_is_kept_has_a_bound() -> None:
    packer = Packer()
    for i in range(10):
        packer.frame([payloads.encode({"text": str(i) * (KEPT // 4)})])
        held = sum(len(text) + len(part) for text, part in packer._known.items())
        assert held == packer._size <= KEPT
    assert packer._known
    large = json.dumps("x" * (2 * KEPT))
    assert frames.texts(packer.frame([large])) == [large] and not packer._known  # too large to keep
