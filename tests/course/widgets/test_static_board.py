"""The plain table: model text stays text, the file stays small, shades are the board's."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_steps import completion, step

from grpo_core.core.records import Group
from grpo_core.course.widgets.static_board import static_board

HOSTILE = [
    "<script>window.hacked = 1</script>",
    "${window.hacked = 2}",
    "<img src=x onerror=window.hacked=3>",
    '"><b onmouseover="hack()">',
    "</td></table></div><h1>",
    "\u202edlrow\u202c \u200b\u200d\u0000\u001b[31m",
    "half a pair: \ud800",
    "<!-- ",
    "A" * 100_000,
]
OURS = {"div", "p", "b", "em", "code", "table", "thead", "tbody", "tr", "th", "td", "span"}


class Page(HTMLParser):
    """The tags, attributes and text of some HTML, as a browser finds them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")


def group(*texts: str, prompt: str = "Use 3 to make 3 .") -> Group:
    return Group(prompt, {}, [completion(1, text=text, tokens=[text]) for text in texts])


def assert_ours(html: str) -> Page:
    page = Page(html)
    assert set(page.tags) <= OURS and page.attributes <= {"style", "dir", "data-grpo-still"}
    assert page.open == []
    html.encode()  # a notebook file is UTF-8
    return page


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    page = assert_ours(static_board(3, [group(text, text, prompt=text)]))
    assert re.sub(r"[\x00-\x1f\ud800]", "\ufffd", text)[:500] in page.text
    named = completion(1, rewards={text: 1.0})
    assert_ours(static_board(3, [Group("", {}, [named])], name=text))


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5), st.text(max_size=30))
def test_whatever_a_model_writes(tokens: list[str], prompt: str) -> None:
    written = completion(len(tokens), text="".join(tokens), tokens=tokens)
    page = assert_ours(static_board(None, [Group(prompt, {}, [written])]))
    assert page.tags.count("tr") == 2


def test_a_table_stays_small() -> None:
    long = completion(2_000, tokens=["<&>"] * 2_000)
    html = static_board(1, [Group("x" * 10_000, {}, [long] * 64)])
    assert len(html) < 50_000
    assert re.search(r"\d\d more completions are not shown\.", html)


def test_what_a_row_says() -> None:
    made = step(7, groups=2, size=3)
    for number, c in enumerate(made.groups[1].completions):
        c.text, c.tokens = "", ["<think>", "2 + 3 = 5", "</think>"]
        c.reward = float(number)
    page = assert_ours(static_board(7, made.groups, group=1))
    assert "Step 7" in page.text and "group 2 of 2" in page.text
    assert "accuracy 3 of 3" in page.text and "mean reward 1" in page.text
    assert page.text.count("<think>") == 3 and page.text.count("−0.25") == 3
    with pytest.raises(IndexError):
        static_board(7, made.groups, group=2)


def test_a_group_that_ties_says_so() -> None:
    tied = group("a", "b")
    for c in tied.completions:
        c.advantage = 0.0
    assert "no signal" in static_board(1, [tied])
    lively = group("a", "b")
    assert "no signal" not in static_board(1, [lively])


def test_nothing_to_show() -> None:
    assert "Nothing on the board yet" in static_board(None, [])
    assert "Step 0 sampled nothing" in static_board(0, [])
    assert_ours(static_board(1, [Group("a prompt", {}, [])]))


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=8))
def test_the_harder_the_push_the_stronger_the_shade(pushes: list[float]) -> None:
    c = completion(len(pushes), tokens=[str(i) for i in range(len(pushes))])
    c.push = np.array(pushes, dtype=np.float32)
    html = static_board(1, [Group("", {}, [c])]).split('text-align:left">')[1]
    shades = {}
    for shade, tokens in re.findall(r'(?:<span style="background:(#\w{8})">)?([\d ]+)', html):
        for token in tokens.split():
            shades[int(token)] = shade
    assert len(shades) == len(pushes)
    largest = float(np.abs(c.push).max())
    for i, push in enumerate(c.push.tolist()):
        assert bool(shades[i]) == (push != 0)
        for j, other in enumerate(c.push.tolist()):
            if push * other > 0:
                assert (abs(push) <= abs(other)) or int(shades[i][-2:], 16) >= int(
                    shades[j][-2:], 16
                )
                assert shades[i][:7] == shades[j][:7]
        if abs(push) == largest and push:
            assert shades[i].endswith("59")


def test_a_push_that_is_no_number_shades_nothing() -> None:
    c = completion(3)
    c.push = np.array([np.nan, np.inf, 1.0], dtype=np.float32)
    assert_ours(static_board(1, [Group("", {}, [c])]))
