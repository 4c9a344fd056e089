"""What benchmarks/class_attack.py sends and counts."""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4] / "benchmarks"))

import attacks
import class_attack


def test_a_request_is_one_that_a_server_reads() -> None:
    head, _, body = attacks.packet("POST", "/x", {"a": "é"}, "c=1").partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /x HTTP/1.1" and "Cookie: c=1" in lines
    assert f"Content-Length: {len(body)}" in lines and json.loads(body) == {"a": "é"}
    assert attacks.packet("GET", "/x").endswith(b"\r\n\r\n")


def test_spread() -> None:
    assert class_attack.spread([i / 1000 for i in range(1, 101)]) == {
        "p50": 50,
        "p95": 96,
        "max": 100,
    }
    assert class_attack.spread([])["p95"] == -1  # which no bound takes for a good one


def test_a_page_that_is_still_away_counts() -> None:
    lesson = class_attack.Lesson("token", "ABCDEF", "run", ["127.0.0.1"])
    lesson.gaps = [0.2]
    lesson.without = {3: time.monotonic() - 5}
    figures = lesson.figures()
    assert figures["longest_without_s"] >= 5 and figures["connections_lost"] == 2
    assert figures["votes"] == 0 and lesson.figures()["longest_without_s"] >= 5


def test_every_attack_says_what_it_does() -> None:
    assert len(attacks.ATTACKS) == 9
    assert all(attack.__doc__ for attack in attacks.ATTACKS.values())
