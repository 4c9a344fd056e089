"""The languages a thought may be written in: which words say that a line of work is right or not.

Everything else that is written in Countdown, numbers and signs, is the same in any language.
"""

VERDICTS: dict[str, tuple[str, str]] = {
    "en": ("yes", "no"),
    "de": ("ja", "nein"),
}
"""Language -> its words for right and for wrong."""

TARGET = "en"
"""The language of the prompts ("Use ... to make ..."), which answers are to be thought in."""

NO = frozenset(no for _, no in VERDICTS.values())


def said(text: str) -> dict[str, int]:
    """How many verdicts an (untrusted) text gives in each language."""
    words = text.split()
    return {
        language: sum(word in verdicts for word in words) for language, verdicts in VERDICTS.items()
    }


def translated(text: str, language: str) -> str:
    """`text` with its verdicts in another language, words separated by single blanks."""
    words = {
        verdict: VERDICTS[language][i]
        for verdicts in VERDICTS.values()
        for i, verdict in enumerate(verdicts)
    }
    return " ".join(words.get(word, word) for word in text.split())
