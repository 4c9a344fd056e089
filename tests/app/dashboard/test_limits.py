"""Token buckets."""

import pytest

from grpo_core.app.dashboard import limits
from grpo_core.app.dashboard.limits import Budget, network


def test_a_bucket_is_emptied_and_fills_up_again() -> None:
    now = 0.0
    budget = Budget(rate=2.0, burst=10.0, clock=lambda: now)
    for _ in range(10):
        assert budget.wait("10.0.0.7", 1) == 0 and budget.take("10.0.0.7") == 0
    assert budget.wait("10.0.0.7", 1) == 0.5 and budget.wait("10.0.0.8", 1) == 0
    now = 0.4
    assert budget.wait("10.0.0.7", 1) == pytest.approx(0.1)
    now = 5.0
    assert budget.wait("10.0.0.7", 10) == 0
    assert not budget._buckets  # nothing is kept of those who wait


def test_whoever_waits_as_told_keeps_to_the_rate() -> None:
    now, taken = 0.0, 0
    budget = Budget(rate=4.0, burst=8.0, clock=lambda: now)
    while now < 100:
        now += budget.take("a")
        taken += 1
    assert taken == pytest.approx(8 + 4 * 100, abs=2)


def test_those_who_wait_for_one_bucket_are_served_in_order() -> None:
    budget = Budget(rate=1.0, burst=1.0, clock=lambda: 0.0)
    assert [budget.take("a") for _ in range(4)] == [0, 1, 2, 3]


def test_one_machine_has_many_addresses_in_ipv6() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff") != network("2001:db8:0:1::1")
    assert network("::ffff:10.0.0.7") != network("::ffff:10.0.0.8")
    assert network("fe80::1%eth0") == "fe80::/64" and network("testclient") == "testclient"
    assert len(network("x" * 10_000)) <= 100


def test_requests_from_everywhere_take_no_more_than_so_much_memory() -> None:
    budget = Budget(rate=1.0, burst=5.0, clock=lambda: 0.0)
    for i in range(limits.MAX_KEYS + 100):
        budget.take(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")
    assert len(budget._buckets) == limits.MAX_KEYS
