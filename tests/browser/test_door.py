"""The door of a class in headless Chromium: closed and opened, a new code, somebody taken out."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from waits import wait

pytestmark = pytest.mark.browser

REFUSED = ["Failed to load", "401", "403", "409", "WebSocket"]


@pytest.fixture
def teacher(watch: Callable, classroom: Any) -> Iterator[Page]:
    """The teacher's page; the door is open again at the end."""
    page = watch(classroom.url).page
    page.goto(classroom.teacher_url)
    wait(page, "() => grpoLab.session.classroom !== null")
    yield page
    page.evaluate("grpoLab.session.source.post('class/door', { open: true })")


@pytest.fixture
def door(watch: Callable, classroom: Any) -> Callable:
    """A browser that tries to join."""

    def come(name: str, code: str) -> Any:
        watched = watch(classroom.url)  # which leads to the join page
        watched.expected = REFUSED
        fill_in(watched.page, name, code)
        return watched

    return come


def fill_in(page: Page, name: str, code: str) -> None:
    page.get_by_label("Class code").fill(code)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Join").click()


def shown_code(page: Page) -> str:
    return page.locator(".lab-class-code").inner_text().replace(" ", "")


def is_in(page: Page) -> None:
    page.wait_for_selector(".lab-class[data-role=student]")


def test_the_door_is_closed_by_keyboard_and_members_stay(teacher: Page, door: Callable) -> None:
    ada = door("Ada", shown_code(teacher))
    is_in(ada.page)
    button = teacher.get_by_role("button", name="Close the door")
    button.focus()
    teacher.keyboard.press("Enter")
    expect(teacher.locator(".lab-door-state")).to_contain_text("The door is closed")
    bob = door("Bob", shown_code(teacher))
    expect(bob.page.get_by_role("alert")).to_contain_text("The teacher has closed the door")
    ada.page.reload()
    is_in(ada.page)
    teacher.get_by_role("button", name="Open the door").press("Enter")
    expect(teacher.locator(".lab-door-state")).to_be_empty()
    bob.page.get_by_role("button", name="Join").click()
    is_in(bob.page)


def test_a_new_code_keeps_the_members(teacher: Page, door: Callable) -> None:
    old = shown_code(teacher)
    cleo = door("Cleo", old)
    is_in(cleo.page)
    teacher.get_by_role("button", name="QR code and names").click()
    picture = teacher.locator(".lab-class-qr")
    before = picture.get_attribute("src")
    teacher.get_by_role("button", name="New code, keep the members").click()
    sure = teacher.get_by_role("button", name="Really replace the code?")
    assert shown_code(teacher) == old
    sure.press("Enter")
    expect(teacher.locator(".lab-door-state")).to_contain_text("new code")
    wait(teacher, f"() => grpoLab.session.classroom.join.code !== '{old}'")
    expect(teacher.locator(".lab-class-code")).not_to_have_text(f"{old[:3]} {old[3:]}")
    assert picture.get_attribute("src") != before
    late = door("Late", old)
    expect(late.page.get_by_role("alert")).to_contain_text("not the code of this class")
    fill_in(late.page, "Late", shown_code(teacher))
    is_in(late.page)
    cleo.page.reload()
    is_in(cleo.page)


def test_a_student_who_was_taken_out_is_let_in_again(teacher: Page, door: Callable) -> None:
    eve = door("Eve <b>", shown_code(teacher))
    is_in(eve.page)
    teacher.get_by_role("button", name="QR code and names").click()
    people = teacher.get_by_role("list", name="Class members")
    person = people.get_by_role("listitem").filter(has_text="Eve")
    person.get_by_role("button").click()
    person.get_by_role("button").click()
    eve.page.wait_for_url("**/join")
    fill_in(eve.page, "Another", shown_code(teacher))
    expect(eve.page.get_by_role("alert")).to_contain_text("removed you")
    notes = teacher.get_by_role("list", name="Notes about the door")
    expect(notes).to_contain_text("Eve <b> was removed")
    notes.get_by_role("button", name="Let Eve <b> in again").press("Enter")
    expect(notes).to_be_empty()
    eve.page.get_by_role("button", name="Join").click()
    is_in(eve.page)
