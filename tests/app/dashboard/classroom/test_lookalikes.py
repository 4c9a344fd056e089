"""Names that look alike, and names that nobody may take."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.app.dashboard.classroom.lookalikes import is_reserved, shapes
from grpo_core.app.dashboard.classroom.people import MAX_NAME, People, clean_name
from grpo_core.core.errors import LabError

REAL = [
    "Søren", "José", "Łukasz", "李雷", "李磊", "Мария", "Марина", "Иван", "אורי", "אורית",
    "O'Brien", "Jean-Luc", "Anna", "Anne", "Hannah", "Zoë", "Nguyễn Văn An", "Nguyễn Văn Anh",
    "محمد", "أحمد", "राम", "रीना", "राना", "さくら", "ざくろ", "김민준", "Νίκος", "Ελένη",
    "Ayşe", "Işıl", "Þóra", "Đorđe", "Tom Lehrer", "Professor X", "Adam", "Host", "Bo", "7",
    "Marta Teacher-Smith", "Ole", "Olé Olsen",
]  # fmt: skip

# Written by hand, not taken from the table: what looks like each letter.
LOOKS = {
    "a": "aAàäаαａ𝐚", "c": "cCçсｃ", "d": "dDԁđ", "e": "eEéеｅ𝑒", "h": "hHһＨ", "i": "iIíіι1l",
    "m": "mMМｍ", "n": "nNñΝ", "o": "oOöоο0ø", "p": "pPрρ", "r": "rRŕ", "t": "tTТτ", "y": "yYуý",
    "g": "gGğ", "l": "lLłI1|", "b": "bBВΒ", " ": " -._'",
}  # fmt: skip


@st.composite
def disguises(draw: st.DrawFn, name: str) -> str:
    """The name in other letters that look like its own."""
    letters = [draw(st.sampled_from(LOOKS.get(c, c))) for c in name.lower()]
    gaps = [draw(st.sampled_from(["", "", "", "", " ", "-", "."])) for _ in letters[1:]] + [""]
    return "".join(itertools.chain(*zip(letters, gaps, strict=True)))


@pytest.mark.parametrize("name", REAL)
def test_names_of_people_pass(name: str) -> None:
    assert clean_name(name, "Monday") == name


def test_no_two_of_them_look_alike() -> None:
    members = People()
    for i, name in enumerate(REAL):
        assert members.free_name(name) == name
        members.put(str(i), name)


@given(st.sampled_from(["Anna", "Tom Bloch", "Ilya", "Marion", "Greta Bondi"]), st.data())
def test_who_looks_like_another_gets_a_number(name: str, data: st.DataObject) -> None:
    members = People()
    members.put("1", name)
    disguise = clean_name(data.draw(disguises(name)))
    free = members.free_name(disguise)
    assert free != disguise and free.endswith(" (2)") and len(free) <= MAX_NAME
    assert not shapes(free) & shapes(name)
    assert members.free_name(disguise, of="1") == disguise


@given(st.sampled_from(["the teacher", "teacher", "admin", "grpo lab", "Monday at ten"]), st.data())
def test_who_looks_like_the_teacher_or_the_class_is_refused(name: str, data: st.DataObject) -> None:
    tail = data.draw(st.sampled_from(["", " 2", " (2)", "1", "!", " #1"]))
    with pytest.raises(LabError, match="could be taken for"):
        clean_name(data.draw(disguises(name)) + tail, "Monday at ten")


@pytest.mark.parametrize(
    "name",
    ["ТНЕ ТЕАСНЕR", "The  Teacher", "teacher.", "t e a c h e r", "TEACHER (2)", "LEHRERlN",
     "lehrerin", "Adrnin", "ADMlN", "ＡＤＭＩＮ", "𝐚𝐝𝐦𝐢𝐧", "GRP0-Lab",
     "УЧИТЕЛЬ", "老师", "Profesora"],
)  # fmt: skip
def test_what_nobody_may_be_called(name: str) -> None:
    with pytest.raises(LabError, match="type your own"):
        clean_name(name)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_has_shapes_and_a_title_forbids_only_what_looks_like_it(
    text: str, title: str
) -> None:
    assert shapes(text) & shapes(text.upper()) or not shapes(text)
    if not shapes(title):  # signs alone look like no name
        assert is_reserved(text, title) == is_reserved(text)
