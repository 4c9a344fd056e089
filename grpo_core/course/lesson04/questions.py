"""The questions of the quiz of lesson 04."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "04",
    Question(
        "pay",
        "One of eight completions is right, reward 1, the others have 0. You pay 100 for a right "
        "answer instead. What happens to GRPO's advantages?",
        [
            Option(
                "Nothing: the spread grows as much as the differences.",
                "Difference to the mean and standard deviation are both 100 times as large.",
                right=True,
            ),
            Option(
                "They grow 100 times, and the step with them.",
                "They would without the division. What is divided by its own spread has no unit.",
            ),
            Option(
                "They grow until the clip stops them.",
                "The clip looks at how far probabilities have moved, not at rewards.",
            ),
        ],
    ),
    Question(
        "numpy",
        "You compute advantages with numpy's `std()` and a colleague with torch's, for G = 4. How "
        "do they differ?",
        [
            Option(
                "Not at all: a standard deviation is a standard deviation.",
                "The two libraries divide by different numbers unless told otherwise.",
            ),
            Option(
                "Yours are 15% larger, which acts like a 15% larger learning rate.",
                "numpy divides by G, torch by G - 1: sqrt(4/3) = 1.155, the same for every group.",
                right=True,
            ),
            Option(
                "Yours are noisier.",
                "They are the same numbers up to one factor, so exactly as noisy.",
            ),
            Option(
                "Yours are biased towards hard prompts.",
                "The factor depends on G alone, and so favours no prompt.",
            ),
        ],
    ),
    Question(
        "hard",
        "Prompt A is solved in 5% of the cases, prompt B in 50%. Groups of 16, advantages divided "
        "by the group's standard deviation. Whose chance p gets the larger weight?",
        [
            Option(
                "B's: half of its completions are right, so more of them have an advantage.",
                "It does have more to push. But asked is what each step of p is worth, and for "
                "that its spread is divided out.",
            ),
            Option(
                "A's: its spread is small, and dividing by something small makes large.",
                "About 1 / sqrt(p (1 - p)), until so few groups have any right answer that ties "
                "take over.",
                right=True,
            ),
            Option(
                "Both get the same.",
                "So it is without the division, which is why Dr. GRPO leaves it out.",
            ),
        ],
    ),
    Question(
        "batch",
        'Half of your groups tie. You change scale_rewards from "group" to "batch". What do the '
        "tied groups teach now?",
        [
            Option(
                "Something: the batch's standard deviation is not 0.",
                "It is not. But what is divided by it, the difference to the group's mean, is.",
            ),
            Option(
                "Nothing, as before.",
                "No completion differs from the mean of its group, whatever one divides by.",
                right=True,
            ),
            Option(
                "They are compared with other prompts' completions.",
                "The mean stays the group's in every one of the four ways.",
            ),
        ],
    ),
    Question(
        "lines",
        "With process supervision each true line of work earns 1 and each false one 0; the group "
        "has some of both. What will a clever policy learn?",
        [
            Option(
                "To reach the answer in as few lines as it can.",
                "A true line is worth more than the mean, and every further one adds to that.",
            ),
            Option(
                "To write one line, the safest one.",
                "One true line is good; two are better, since a token adds up all steps to come.",
            ),
            Option(
                "To write many easy true lines, whether or not they lead anywhere.",
                "The rule pays by the line. DeepSeek-R1 gave process rewards up, for this reason "
                "among others.",
                right=True,
            ),
        ],
    ),
)
