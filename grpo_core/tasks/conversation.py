"""A conversation written as plain text, which is what a prompt is everywhere in this kit.

    Think, then answer.

    User: What is 3 + 4?

    Assistant: <think> 3 + 4 = 7 </think> <answer> 7 </answer>

    User: What is 23 + 45?

What stands before the first turn is the system message. A model with a chat template is given the
turns in its own form (see models.policy.Policy.encode); any other model reads the text as it is,
which is how DeepSeek R1-Zero's template looks too. A text without turns is one turn of the user.
"""

import re

_TURN = re.compile(r"(?:\A|\n\n)(User|Assistant): ")


def as_messages(text: str) -> list[dict[str, str]]:
    """The turns of a text, as chat templates and TRL take them: role and content each."""
    start, *turns = _TURN.split(text)
    if not turns:
        return [{"role": "user", "content": text}]
    messages = [{"role": "system", "content": start}] if start else []
    return messages + [
        {"role": role.lower(), "content": content}
        for role, content in zip(turns[::2], turns[1::2], strict=True)
    ]


def as_text(messages: list[dict[str, str]]) -> str:
    """The text of some turns; `as_messages` reads it back, unless one holds a turn's beginning."""
    return "\n\n".join(
        m["content"] if m["role"] == "system" else f"{m['role'].capitalize()}: {m['content']}"
        for m in messages
    )
