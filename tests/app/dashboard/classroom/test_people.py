"""Names, codes, cookies."""

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

from grpo_core.app.dashboard.classroom import people
from grpo_core.app.dashboard.classroom.people import (
    CODE_LETTERS,
    MAX_NAME,
    STUDENT,
    THE_TEACHER,
    Cookies,
    Member,
    People,
    clean_name,
    is_code,
    make_code,
)
from grpo_core.core.errors import LabError

# --- names -------------------------------------------------------------------------------------


@given(st.text(max_size=60))
@example("\u202eevil\u202c")
@example("a" + "\u0301" * 30)
@example("\u3164\u2800\u200b")
@example("Zoë\u0000\u001b[31m\r\nSet-Cookie: x")
def test_a_name_is_one_short_line_of_what_can_be_seen(given: str) -> None:
    try:
        name = clean_name(given)
    except LabError:
        return
    assert 1 <= len(name) <= MAX_NAME and name == name.strip() and "  " not in name
    kinds = [unicodedata.category(c) for c in name]
    assert not any(kind[0] == "C" or kind in ("Zl", "Zp") for kind in kinds)
    assert not any(ord(c) in people._UNSEEN for c in name)
    assert "MMM" not in "".join(kind[0] for kind in kinds)
    assert clean_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["Anna", "Zoë", "Nguyễn Văn An", "李雷", "O'Brien-Smith", "محمد", "=1+1", "<b>x</b>", "7"],
)
def test_names_of_people_stay_as_they_are(name: str) -> None:
    assert clean_name(f" {name}\t") == name


@pytest.mark.parametrize("name", ["", " ", "\u200b", "...", "x" * 41, None, 3, ["a"], {"a": 1}])
def test_what_is_no_name(name: object) -> None:
    with pytest.raises(LabError, match="Type a name"):
        clean_name(name)


@given(st.lists(st.sampled_from(["Ada", "ADA", "ada (2)", "x" * 40, "y"]), max_size=30))
def test_no_two_have_one_name(wanted: list[str]) -> None:
    members = People()
    for i, name in enumerate(wanted):
        free = members.free_name(name)
        assert len(free) <= MAX_NAME and clean_name(free) == free
        members.put(str(i), free)
    names = [member.name.casefold() for member in members.members.values()]
    assert len(set(names)) == len(names) == len(wanted)


def test_a_taken_name_gets_a_number_and_ones_own_does_not() -> None:
    members = People()
    members.put("1", "Ada")
    assert members.free_name("ada") == "ada (2)"
    assert members.free_name("ada", of="1") == "ada"


# --- codes -------------------------------------------------------------------------------------


def test_a_code_can_be_read_aloud() -> None:
    codes = {make_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(len(code) == 6 and not set(code) & set("0O1IL") for code in codes)


@given(st.lists(st.sampled_from(CODE_LETTERS), min_size=6, max_size=6), st.data())
def test_a_code_is_taken_however_it_is_typed(letters: list[str], data: st.DataObject) -> None:
    code = "".join(letters)
    filler = st.sampled_from(["", " ", "-", "  "])
    typed = "".join(data.draw(st.sampled_from([c, c.lower()])) + data.draw(filler) for c in code)
    assert is_code(typed, code)
    place = data.draw(st.integers(0, 5))
    other = data.draw(st.sampled_from([c for c in CODE_LETTERS if c != code[place]]))
    assert not is_code(code[:place] + other + code[place + 1 :], code)


@pytest.mark.parametrize("typed", ["", "ABC", "ABCDEFG", None, 5, ["ABCDEF"], "\ud800", "A" * 9999])
def test_what_is_no_code(typed: object) -> None:
    assert not is_code(typed, "ABCDEF")


# --- cookies -----------------------------------------------------------------------------------

ADA = Member(STUDENT, "0123456789abcdef", "Ada")
SECRET = b"s" * 32


def test_a_cookie_says_who_it_is() -> None:
    cookies = Cookies(SECRET)
    role, key, age = cookies.read(cookies.value(ADA))
    assert (role, key) == (STUDENT, ADA.id) and 0 <= age < 5
    assert cookies.read(cookies.value(THE_TEACHER))[:2] == ("teacher", "teacher")
    assert "Ada" not in cookies.value(ADA)


@given(st.data())
def test_no_changed_cookie_is_taken(data: st.DataObject) -> None:
    value = Cookies(SECRET).value(ADA)
    place = data.draw(st.integers(0, len(value) - 1))
    # the last letter of base64 has spare bits, so the signature is cut off there, not changed
    letter = data.draw(st.sampled_from("ABCxyz019-_."))
    changed = value[:place] + letter + value[place + 1 :]
    if changed != value and place < len(value) - 1:
        assert Cookies(SECRET).read(changed) is None
    assert Cookies(SECRET).read(value[:place]) is None


@given(st.text(max_size=600))
def test_no_made_up_cookie_is_taken(text: str) -> None:
    assert Cookies(SECRET).read(text) is None


def test_other_secrets_salts_and_times_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cookies = Cookies(SECRET)
    assert cookies.read(Cookies(b"t" * 32).value(ADA)) is None
    salted = URLSafeTimedSerializer(SECRET, salt="another").dumps({"role": "teacher", "id": "x"})
    assert cookies.read(salted) is None
    value = cookies.value(ADA)
    moment = time.time()
    monkeypatch.setattr(time, "time", lambda: moment + people.COOKIE_SECONDS - 5)
    assert cookies.read(value) is not None
    monkeypatch.setattr(time, "time", lambda: moment + people.COOKIE_SECONDS + 5)
    assert cookies.read(value) is None
    monkeypatch.setattr(time, "time", lambda: moment - 3600)  # one made in the future
    assert cookies.read(value) is None


@pytest.mark.parametrize("held", ["teacher", ["teacher"], {}, {"role": 1, "id": 2}, None])
def test_a_signed_something_else_is_nobody(held: object) -> None:
    cookies = Cookies(SECRET)
    assert cookies.read(cookies._serializer.dumps(held)) is None
