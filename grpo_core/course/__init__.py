"""The engine behind the notebooks: exercises that name a mistake, hints, quizzes, saved progress.

Every notebook has one package here, under its number. The notebook calls it `check`:

    from grpo_core.course import lesson00 as check

    check.advantages(my_advantages)     # is it right? if not, which mistake is it?
    check.advantages.hint()             # the next hint
    check.advantages.solution()         # one solution, once all hints have been given
    check.quiz(bar="b", clip="d")       # the quiz at the end

All lessons share the same engine:

    exercise     a check: compares the learner's function with the solution and known mistakes
    outcomes     what a function returned, in a form that can be compared and printed
    difference   how wrong numbers are related to the right ones
    error_hints  what an exception usually means
    quiz         questions whose wrong answers are explained
    progress     what was passed, kept in a file of the learner's
    overview     what is passed and what is open, lesson by lesson
    catalogue    every lesson: its notebook, minutes, exercises and mistakes
    build        both editions of every notebook from its source
    grade        a table of a class's notebooks, for a teacher
    handed_in    what students hand in, read without trusting it
    confined     a stranger's code, run so that it does no harm
    cells        the cells of one notebook, run

and what the notebooks run and show:

    toys/        worlds so small that every expectation is known exactly
    recordings/  recorded runs, in place of a long training
    confined/    a stranger's code, run so that it does no harm
    widgets/     sliders and the dashboard's board, inside a notebook

A new lesson is `notebooks/source/NN_name.py`, `course/lessonNN/` and
`tests/course/test_lessonNN.py`; nothing else needs to change. `lesson01/` is a short example.
"""
