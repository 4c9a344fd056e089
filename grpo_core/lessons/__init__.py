"""What makes the notebooks teach: checks that name a mistake, hints, quizzes, saved progress.

Every notebook has one module here, under its number. The notebook calls it `check`:

    from grpo_core.lessons import lesson00 as check

    check.advantages(my_advantages)     # is it right? which mistake is it?
    check.advantages.hint()             # the next hint
    check.advantages.solution()         # one solution, when the hints are used up
    check.quiz(bar="b", clip="d")       # the quiz at the end

The machinery is the same for all of them:

    exercise   a check: the learner's function against right cases and known mistakes
    quiz       questions whose wrong answers are explained
    progress   what was passed, kept in a file of the learner's
    touch      sliders under a figure, and the figure alone where there are none
    replay     a recorded run in place of a long training
    build      both editions of every notebook from its source
    grade      a table of a class's notebooks, for a teacher
    handed_in  what students hand in, read without trusting it
    confined   a stranger's code, run so that it does no harm
    cells      the cells of one notebook, run

A new lesson is `notebooks/source/NN_name.py`, `lessons/lessonNN.py` and
`tests/lessons/test_lessonNN.py`; nothing else is to be touched. `lesson01.py` is a short example.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType


def lessons() -> dict[str, ModuleType]:
    """The module of every lesson, under its number: "00", "01", ..."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("lesson[0-9][0-9].py"))
    return {name[-2:]: import_module(f"{__name__}.{name}") for name in names}
