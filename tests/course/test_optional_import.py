"""What is missing is said in a sentence, and nothing is raised."""

import pytest

from grpo_core.core.errors import LabError
from grpo_core.course.optional_import import require_package, try_or_explain


def test_what_is_there_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert try_or_explain(lambda: 7) == 7
    assert try_or_explain(lambda: require_package("json", "json")) is None
    assert capsys.readouterr().out == ""


def test_what_is_missing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert try_or_explain(lambda: require_package("no_such_package", "'grpo-lab[none]'")) is None
    said = " ".join(capsys.readouterr().out.split())
    assert said == (
        "Left out: the package 'no_such_package' is not installed. "
        "Run: pip install 'grpo-lab[none]'"
    )
    with pytest.raises(LabError):
        require_package("no_such_package", "it")


def test_a_bug_is_no_missing_package() -> None:
    with pytest.raises(ZeroDivisionError):
        try_or_explain(lambda: 1 / 0)
