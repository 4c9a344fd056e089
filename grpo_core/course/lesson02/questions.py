"""The questions of the quiz of lesson 02."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "02",
    Question(
        "last",
        "A completion reads: <think> maybe <answer> 7 </answer> </think> <answer> 8 </answer> "
        "<answer> 9. Which answer counts?",
        [
            Option("7", "It is part of a thought."),
            Option("9", "It is cut off: there is no </answer>."),
            Option("8", "The last complete one outside thinking.", right=True),
            Option("None, since the form is broken", "Form and answer are two rewards."),
        ],
    ),
    Question(
        "whitelist",
        "Why is it not enough to pass only digits, + - * / ( ) and spaces to eval?",
        [
            Option(
                "Letters can be written with digits.",
                "They cannot, not in an expression of Python.",
            ),
            Option(
                "** and // are made of those characters.",
                "Powers and floor division pass, and one power can take forever.",
                right=True,
            ),
            Option(
                "It is enough, if builtins are switched off as well.",
                "9**9**9 needs no builtins.",
            ),
        ],
    ),
    Question(
        "raises",
        "Your verifier raises ZeroDivisionError on 3 / (5 - 5). What should it do instead?",
        [
            Option(
                "Return False: it is a wrong answer.",
                "A verifier says yes or no to any text; a wrong answer is nothing unusual.",
                right=True,
            ),
            Option(
                "Let it raise, so that the completion is left out of the group.",
                "It would not stop at the group: the exception ends the training.",
            ),
            Option(
                "Return 0.5, as the answer cannot be decided.",
                "It can: it does not equal the target. And a reward of 0.5 gives a large "
                "advantage in a group that is otherwise all wrong.",
            ),
        ],
    ),
    Question(
        "weight",
        "You double both weights, to 2 for a right answer and 0.6 for the form. What changes for "
        "GRPO?",
        [
            Option(
                "It learns twice as fast.",
                "Advantages are divided by the group's standard deviation, and that doubles too.",
            ),
            Option(
                "The form becomes more important.",
                "Only the ratio of the weights can do that, and it stays 0.3.",
            ),
            Option(
                "Nothing, apart from the epsilon added to the standard deviation.",
                "Advantages do not depend on the unit of the rewards.",
                right=True,
            ),
        ],
    ),
    Question(
        "search",
        "No reward mentions searching, and yet the run learns to search. Why?",
        [
            Option(
                "The format reward asks for a thought, and a search is one.",
                "Any text between the tags satisfies it.",
            ),
            Option(
                "Completions that search are right more often, and so become more likely.",
                "A reward for the result rewards whatever leads to it.",
                right=True,
            ),
            Option(
                "Longer completions have more tokens, hence a larger reward.",
                "A reward is one number per completion, whatever its length.",
            ),
        ],
    ),
)
