"""What a measurement was made on, and the memory of a process."""

from grpo_core.core.machine import peak_rss


def test_the_peak_of_resident_memory_never_falls() -> None:
    before = peak_rss()
    block = bytearray(b"1") * (before + 2**24)
    high = peak_rss()
    del block
    assert high >= before + 2**24
    assert peak_rss() >= high - 2**20  # Linux counts in batches
