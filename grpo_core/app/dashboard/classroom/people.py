"""Who is in the class: names, the code that lets in, and the signed cookie that remembers.

A cookie holds {role, id} and a signature. The name stays here, so that taking somebody out of the
class (`People.remove`) makes the cookie worthless at once.
"""

import hmac
import secrets
import time
import unicodedata
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from grpo_core.app.dashboard.classroom.lookalikes import is_reserved, shapes
from grpo_core.core.errors import LabError

TEACHER = "teacher"
STUDENT = "student"
NOBODY = "nobody"

CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # without 0 and O, 1 and I and L
CODE_LENGTH = 6
MAX_NAME = 40  # characters
MAX_MARKS = 2  # accents one upon another; more climb out of their line
MAX_MEMBERS = 300
COOKIE = "grpo_lab_class"
COOKIE_SECONDS = 12 * 3600
MAX_COOKIE = 500  # characters; ours have about 100

# Shown as nothing, or as a blank, though they are letters, marks or symbols to Unicode.
_UNSEEN = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
_UNSEEN |= set(range(0x180B, 0x1810)) | set(range(0xFE00, 0xFE10)) | set(range(0xE0100, 0xE01F0))


@dataclass(frozen=True)
class Member:
    """Somebody who may see the dashboard. The teacher's id is "teacher"."""

    role: str
    id: str
    name: str


THE_TEACHER = Member(TEACHER, "teacher", "the teacher")


# --- the code ----------------------------------------------------------------------------------


def make_code() -> str:
    """A class code that can be read aloud and typed."""
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))


def is_code(given: Any, code: str) -> bool:
    """Whether somebody typed the code: in any case, with spaces and hyphens or without.

    Takes the same time for a right and a wrong one.
    """
    if not isinstance(given, str) or len(given) > 40:
        return False
    typed = "".join(c for c in given.upper() if c not in "-‐‑–—" and not c.isspace())
    return hmac.compare_digest(typed.encode("utf-8", "replace"), code.encode())


# --- names -------------------------------------------------------------------------------------


def clean_name(given: Any, title: str = "") -> str:
    """A name as it is shown: one line, nothing invisible in it, nothing that turns text around.

    Args:
        given: what was typed.
        title: the class's, which is no name.

    Raises:
        LabError: nothing is left, or too much; or it could be taken for the teacher's.
    """
    if not isinstance(given, str) or len(given) > 20 * MAX_NAME:
        raise LabError(f"Type a name of 1 to {MAX_NAME} characters.")
    name = " ".join(_visible(unicodedata.normalize("NFC", given)).split())
    if not 1 <= len(name) <= MAX_NAME or not any(c.isalnum() for c in name):
        raise LabError(f"Type a name of 1 to {MAX_NAME} letters, digits, blanks.")
    if is_reserved(name, title):
        raise LabError("That name could be taken for the teacher or for the class: type your own.")
    return name


def _visible(text: str) -> str:
    """`text` without control, format, private and unseen characters and without piles of marks."""
    kept: list[str] = []
    marks = 0
    for c in text:
        kind = unicodedata.category(c)
        if kind in ("Zs", "Zl", "Zp") or c in "\t\n\r":
            c = " "
        elif kind[0] == "C" or ord(c) in _UNSEEN:
            continue
        marks = marks + 1 if kind[0] == "M" else 0
        if marks <= MAX_MARKS and (marks == 0 or (kept and kept[-1] != " ")):
            kept.append(c)
    return "".join(kept)


class People:
    """The students of a class, by their id."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}

    def free_name(self, name: str, of: str | None = None) -> str:
        """`name`, or with " (2)" and so on after it when somebody else's looks like it.

        Args:
            name: a clean name.
            of: the id of the member who is going to have it.
        """
        others = (shapes(m.name) for m in self.members.values() if m.id != of)
        taken = frozenset().union(*others)
        wanted, number = name, 1
        while shapes(wanted) & taken:
            number += 1
            tail = f" ({number})"
            wanted = name[: MAX_NAME - len(tail)].rstrip() + tail
        return wanted

    def put(self, key: str, name: str) -> Member:
        """Add a student, or give one another name."""
        self.members[key] = Member(STUDENT, key, name)
        return self.members[key]

    def remove(self, key: str) -> None:
        """Take a student out. Raises KeyError when there is none with this id."""
        del self.members[key]


# --- cookies -----------------------------------------------------------------------------------


class Cookies:
    """Makes and reads the cookie's value."""

    def __init__(self, secret: bytes) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt="grpo-lab class cookie")

    def value(self, member: Member) -> str:
        """What a member's browser is given."""
        signed = self._serializer.dumps({"role": member.role, "id": member.id})
        return signed if isinstance(signed, str) else signed.decode()

    def read(self, value: str | None) -> tuple[str, str, float] | None:
        """The role and the id of a cookie that is ours and not too old, and its age in seconds."""
        if not value or len(value) > MAX_COOKIE:
            return None
        try:
            held, made = self._serializer.loads(
                value, max_age=COOKIE_SECONDS, return_timestamp=True
            )
        except BadData:
            return None
        role, key = (held.get("role"), held.get("id")) if isinstance(held, dict) else (None, None)
        if not isinstance(role, str) or not isinstance(key, str):
            return None
        return role, key, time.time() - made.timestamp()
