"""The questions of the quiz of lesson 01."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "01",
    Question(
        "rises",
        "A policy follows the exact gradient for one small step. Which arm's logit increases most?",
        [
            Option(
                "The one with the highest reward.",
                "Only if it is chosen often enough: its gradient is multiplied by its probability.",
            ),
            Option(
                "The one that is chosen most often.",
                "If it pays less than J, its logit even decreases.",
            ),
            Option(
                "The one with the largest product of probability and advantage over J.",
                "pi (q - J) is the gradient: how often it is chosen, times how much better it is.",
                right=True,
            ),
        ],
    ),
    Question(
        "bias",
        "What happens to the mean of the estimate when the same number, say 17, is subtracted "
        "from every reward?",
        [
            Option(
                "It gets smaller, by 17 times the gradient.",
                "The number subtracted multiplies the mean of the score, which is 0.",
            ),
            Option(
                "Nothing; only the noise changes.",
                "The scores average to 0, so 17 times them does; the noise gets much larger here.",
                right=True,
            ),
            Option(
                "It changes sign, as all weights are negative now.",
                "Every sampled arm now becomes less likely, but the bad ones more so: the mean "
                "stays the same.",
            ),
        ],
    ),
    Question(
        "shift",
        "You add a bonus of 1 to the reward of every completion. What does GRPO do differently?",
        [
            Option(
                "Nothing.",
                "The mean of the group rises by 1 as well, and the difference stays as it was.",
                right=True,
            ),
            Option(
                "It learns faster: rewards are larger.",
                "Advantages are differences inside a group, and a bonus for all cancels out.",
            ),
            Option(
                "It prefers longer completions.",
                "The bonus is the same whatever the length.",
            ),
            Option(
                "It needs a critic to take the bonus out again.",
                "The mean of the group does at once what a critic would have to learn.",
            ),
        ],
    ),
    Question(
        "price",
        "A group of 8, leave one out. How much noisier is its gradient than with a perfect critic?",
        [
            Option(
                "8 times.",
                "More samples make a group's estimate better, not worse.",
            ),
            Option(
                "Not at all: the baseline is unbiased.",
                "Unbiased means right on average. It is a mean of 7 rewards, and it varies.",
            ),
            Option(
                "By about a seventh.",
                "1 / (G - 1): the variance of the mean of the 7 others.",
                right=True,
            ),
        ],
    ),
    Question(
        "critic",
        "What can a critic do that the mean of the group cannot?",
        [
            Option(
                "Make the estimate unbiased.",
                "Leave one out is unbiased too, and a critic that is wrong does no harm to the "
                "mean either.",
            ),
            Option(
                "Say something about a group whose rewards all tie.",
                "It compares with what it expected, and not with the others.",
                right=True,
            ),
            Option(
                "Work on several prompts.",
                "A group does: every prompt has its own.",
            ),
        ],
    ),
)
