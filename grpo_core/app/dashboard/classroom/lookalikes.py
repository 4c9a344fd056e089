"""Names that look alike: the same letters to the eye, though not to a computer.

A name is drawn as given, in capitals and in small letters; what is left of each drawing without
accents, spaces and signs is a shape. Two names look alike where they share one. The table is a
small part of Unicode's confusables (UTS 39): Greek and Cyrillic letters, and digits, that stand for
Latin ones. It need not be complete: what it misses is seen by the teacher, who can remove a name.
"""

import unicodedata
from functools import lru_cache

_SHAPES = str.maketrans(
    {
        # Digits, and letters that many fonts draw alike.
        **dict(zip("01|Iℓ", "ollll", strict=True)),
        # Cyrillic: capitals, then small letters.
        **dict(zip("АВЕЅІЈКМНОРСТУХҮԌԚԜ", "ABESlJKMHOPCTYXYGQW", strict=True)),
        **dict(zip("аеѕіјорсухһԁԛԝѵ", "aesijopcyxhdqwv", strict=True)),
        # Greek: capitals, then small letters.
        **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHlKMNOPTYX", strict=True)),
        **dict(zip("αγεηικνορτυχω", "ayenikvoptuxw", strict=True)),
        # Latin letters that Unicode does not take apart.
        **dict(zip("ØøŁłĐđĦħıȷ", "OoLlDdHhij", strict=True)),
        **{"Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe"},
    }
)
_PAIRS = (("rn", "m"), ("vv", "w"))  # that look like one letter
_RESERVED = (
    "the teacher",
    "teacher",
    "professor",
    "Lehrer",
    "Lehrerin",
    "enseignant",
    "enseignante",
    "profesor",
    "profesora",
    "insegnante",
    "учитель",
    "老师",
    "先生",
    "admin",
    "administrator",
    "moderator",
    "GRPO Lab",
)


@lru_cache(maxsize=2_048)
def shapes(name: str) -> frozenset[str]:
    """What a name looks like, drawn in three ways; two names look alike where these meet."""
    return frozenset(map(_shape, (name, name.upper(), name.lower()))) - {""}


def is_reserved(name: str, title: str = "") -> bool:
    """Whether a name looks like that of the teacher, of the page, or of the class.

    Args:
        name: a clean name; a number at its end does not make it another one.
        title: the class's.
    """
    drawn = shapes(name) | shapes(name.rstrip("0123456789 ()[].-_#"))
    return any(drawn & shapes(other) for other in (*_RESERVED, title))


def _shape(drawn: str) -> str:
    parts = unicodedata.normalize("NFKD", drawn)
    bare = "".join(c for c in parts if not _is_accent(c)).translate(_SHAPES)
    kept = "".join(c for c in bare if c.isalnum() or unicodedata.category(c)[0] == "M").casefold()
    for pair, one in _PAIRS:
        kept = kept.replace(pair, one)
    return kept


def _is_accent(c: str) -> bool:
    """Whether a mark is an accent, or a vowel point, and no part of the letter.

    In the scripts of India and Southeast Asia, and in kana, marks tell names apart.
    """
    kind = unicodedata.combining(c)
    return 10 <= kind <= 35 or kind >= 200
