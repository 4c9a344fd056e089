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
                "Nothing: the standard deviation grows as much as the differences.",
                "The difference from the mean and the standard deviation are both 100 times as "
                "large.",
                right=True,
            ),
            Option(
                "They grow 100 times, and the step with them.",
                "They would without the division. A difference divided by the standard deviation "
                "has no unit.",
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
                "The two libraries divide by different numbers by default.",
            ),
            Option(
                "Yours are 15% larger, which acts like a 15% larger learning rate.",
                "numpy divides by G, torch by G - 1: sqrt(4/3) = 1.155, the same for every group.",
                right=True,
            ),
            Option(
                "Yours are noisier.",
                "They are the same numbers up to one factor, so they are equally noisy.",
            ),
            Option(
                "Yours are biased towards hard prompts.",
                "The factor depends only on G, so it favours no prompt.",
            ),
        ],
    ),
    Question(
        "hard",
        "Prompt A is solved in 5% of the cases, prompt B in 50%. Groups of 16, advantages divided "
        "by the group's standard deviation. Whose probability p gets the larger weight?",
        [
            Option(
                "B's: half of its completions are right, so more of them have an advantage.",
                "More of its completions do have an advantage. But the question is about the "
                "weight of each change of p, and there the variance is divided out.",
            ),
            Option(
                "A's: its standard deviation is small, and dividing by something small gives "
                "something large.",
                "About 1 / sqrt(p (1 - p)), until so few groups contain a right answer that ties "
                "dominate.",
                right=True,
            ),
            Option(
                "Both get the same.",
                "That is the case without the division, which is why Dr. GRPO leaves it out.",
            ),
        ],
    ),
    Question(
        "batch",
        'Half of your groups tie. You change scale_rewards from "group" to "batch". What do the '
        "tied groups contribute now?",
        [
            Option(
                "Something: the batch's standard deviation is not 0.",
                "It is not. But the numerator, the difference from the group's mean, is.",
            ),
            Option(
                "Nothing, as before.",
                "No completion differs from the mean of its group, whatever the divisor.",
                right=True,
            ),
            Option(
                "They are compared with other prompts' completions.",
                "All four ways use the mean of the group.",
            ),
        ],
    ),
    Question(
        "lines",
        "With process supervision each true line of work earns 1 and each false one 0; the group "
        "contains both. What will the policy learn?",
        [
            Option(
                "To reach the answer in as few lines as it can.",
                "A true line is worth more than the mean, and every additional one adds to that.",
            ),
            Option(
                "To write one line, the safest one.",
                "One true line is good; two are better, since each token sums all steps to come.",
            ),
            Option(
                "To write many easy true lines, whether or not they lead anywhere.",
                "The rule pays per line. DeepSeek-R1 abandoned process rewards, for this reason "
                "among others.",
                right=True,
            ),
        ],
    ),
)
