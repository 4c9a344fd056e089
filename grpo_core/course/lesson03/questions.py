"""The questions of the quiz of lesson 03."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "03",
    Question(
        "zero",
        "You sample the group at temperature 0, because a single completion is most accurate "
        "there. What does GRPO learn?",
        [
            Option(
                "More than at 1, as more completions are right.",
                "More are right, but are there also wrong ones in the same group?",
            ),
            Option(
                "Nothing: all completions of a group are the same.",
                "They get the same reward, and every advantage is 0.",
                right=True,
            ),
            Option(
                "The same as at 1, only slower.",
                "Without a difference inside the group there is no gradient at all.",
            ),
        ],
    ),
    Question(
        "passk",
        "The base has pass@64 = 0.99 on your task. What does that tell you?",
        [
            Option(
                "RL will bring pass@1 to 0.99.",
                "It may; it depends on what the right samples have in common, and whether that "
                "can be learned.",
            ),
            Option(
                "The base can reason well.",
                "Well enough to be right once in 64; that may be luck.",
            ),
            Option(
                "Little, before you know what blind guessing gets.",
                "Where few answers are possible, 64 guesses find the right one.",
                right=True,
            ),
            Option(
                "That 64 samples per prompt are needed.",
                "It says nothing about how many are needed for a useful group.",
            ),
        ],
    ),
    Question(
        "hard",
        "A problem is solved in 2% of the attempts. How likely is it that a group of 16 is useful?",
        [
            Option("2%", "That is the probability for one completion."),
            Option("32%", "16 times 2% counts groups with two right ones twice."),
            Option("28%", "1 - 0.98^16; that all are right can be neglected.", right=True),
            Option("72%", "That is the probability that all sixteen are wrong."),
        ],
    ),
    Question(
        "mean",
        "Half of your problems are always solved, the other half never. The mean accuracy is 0.5. "
        "How many groups of 16 are useful?",
        [
            Option(
                "None.",
                "Each problem on its own ties. The mean of u is far below u of the mean.",
                right=True,
            ),
            Option(
                "Nearly all: u(0.5, 16) is 0.99997.",
                "The formula is for one problem and its own p.",
            ),
            Option(
                "Half.",
                "Which half? A group has one prompt only.",
            ),
        ],
    ),
    Question(
        "budget",
        "You have 128 samples per step and plenty of problems, each solved about half the time. "
        "You go from G = 64 to G = 8. What do you gain?",
        [
            Option(
                "A better baseline for each group.",
                "A smaller group has the noisier baseline: 1.14 times a perfect critic's noise "
                "instead of 1.02 times.",
            ),
            Option(
                "Sixteen problems per step instead of two, nearly all of them useful.",
                "u(0.5, 8) is 0.99 already; more samples of the same problem buy little.",
                right=True,
            ),
            Option(
                "Time: fewer samples are drawn.",
                "The budget is the same 128.",
            ),
        ],
    ),
)
