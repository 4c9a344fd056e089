"""Long messages are compressed once for all, short ones not at all, and little of it is kept."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.dashboard import packing, payloads
from grpo_core.dashboard.packing import KEPT, WORTHWHILE, Packer


@given(st.lists(st.text(max_size=400), max_size=30))
def test_what_is_packed_comes_back(words: list[str]) -> None:
    text = payloads.encode({"words": words})
    packed = Packer().pack(text)
    assert (packed is None) == (len(text) < WORTHWHILE)
    if packed is not None:
        assert json.loads(zlib.decompress(packed)) == {"words": words}


def test_a_text_is_packed_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = zlib.compress
    monkeypatch.setattr(packing.zlib, "compress", lambda *given: made.append(1) or real(*given))
    packer = Packer()
    texts = [payloads.encode({"text": str(i) * WORTHWHILE}) for i in range(3)]
    found = {packer.pack(text) for _ in range(100) for text in texts}
    assert len(found) == len(made) == 3


def test_what_is_kept_has_a_bound() -> None:
    packer = Packer()
    for i in range(10):
        packer.pack(payloads.encode({"text": str(i) * (KEPT // 4)}))
        held = sum(len(text) + len(packed) for text, packed in packer._known.items())
        assert held == packer._size <= KEPT
    assert packer._known
    assert packer.pack("x" * (2 * KEPT)) and not packer._known  # too large to keep
