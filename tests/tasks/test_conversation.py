"""Conversations as plain text."""

from hypothesis import given
from hypothesis import strategies as st

from grpo_core.tasks.conversation import as_messages, as_text

WORDS = st.text("ab :\n.?<>", max_size=12).filter(lambda text: not text.startswith("\n"))


def test_a_plain_text_is_what_a_user_says() -> None:
    for text in ("Use 3 , 5 to make 8 .", "", "Who said 'User: hello'?", "a\nUser: b"):
        assert as_messages(text) == [{"role": "user", "content": text}]


def test_the_example_of_the_module() -> None:
    text = "Think.\n\nUser: 3 + 4?\n\nAssistant: 7\n\nUser: 1 + 1?"
    roles = [(m["role"], m["content"]) for m in as_messages(text)]
    assert roles == [
        ("system", "Think."),
        ("user", "3 + 4?"),
        ("assistant", "7"),
        ("user", "1 + 1?"),
    ]


@given(
    system=WORDS.filter(bool),
    turns=st.lists(st.tuples(st.sampled_from(["user", "assistant"]), WORDS), min_size=1),
)
def test_turns_come_back_from_their_text(system: str, turns: list[tuple[str, str]]) -> None:
    messages = [{"role": role, "content": content} for role, content in turns]
    assert as_messages(as_text(messages)) == messages
    with_system = [{"role": "system", "content": system}, *messages]
    assert as_messages(as_text(with_system)) == with_system


@given(st.text("User: \nAsistant.", max_size=80))
def test_any_text_can_be_read_and_nothing_of_it_is_lost(text: str) -> None:
    assert as_text(as_messages(text)).removeprefix("User: ") == text.removeprefix("User: ")
