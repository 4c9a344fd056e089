"""The questions of the quiz of lesson 00."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "00",
    Question(
        "tied",
        "All eight completions of a prompt are right, each with reward 1. What does GRPO learn "
        "from this group?",
        [
            Option(
                "That all eight are good: every token's probability increases.",
                "A reward of 1 is good only compared with lower ones; here it equals the group's "
                "mean.",
            ),
            Option(
                "Nothing: every advantage is 0.",
                "No completion is better than its group, so there is nothing to prefer.",
                right=True,
            ),
            Option(
                "Nothing, because the division by a standard deviation of 0 gives NaN.",
                "It would, without the epsilon added to the standard deviation; 0 / 0.0001 is 0.",
            ),
        ],
    ),
    Question(
        "loss",
        'With loss_type="grpo" the loss prints as 0.0000 at every step. What is wrong?',
        [
            Option(
                "The learning rate is too small.",
                "The loss is computed before the step; no learning rate changes it.",
            ),
            Option(
                "All groups tie.",
                "That would give 0 as well, but it is not the usual reason; look at the standard "
                "deviation of the rewards to rule it out.",
            ),
            Option(
                "Nothing: before an update the ratios are 1, and a group's advantages sum to 0.",
                "The value carries no information; the gradient does the training, and it is not "
                "0.",
                right=True,
            ),
            Option(
                "The old log-probabilities were not detached.",
                "Then the gradient would be 0; the value would be the same.",
            ),
        ],
    ),
    Question(
        "clip",
        "A token with A < 0 has become 30% more likely since it was sampled; epsilon is 0.2. What "
        "does the clip do?",
        [
            Option(
                "It stops the gradient: the ratio 1.3 is outside 0.8 to 1.2.",
                "Being outside is not enough. Which of the two products is smaller?",
            ),
            Option(
                "Nothing: the token moved in the wrong direction, and keeps its full gradient.",
                "With A < 0 the unclipped product -1.3 is the smaller one, so it counts.",
                right=True,
            ),
            Option(
                "It halves the gradient.",
                "The minimum selects one of the two products as a whole; nothing is halved.",
            ),
        ],
    ),
    Question(
        "effort",
        "All answers of a group are wrong. One gets a reward of 0.01 for effort. How large is its "
        "advantage?",
        [
            Option(
                "A hundredth of that for a right answer.",
                "It would be, if advantages kept the unit of the rewards.",
            ),
            Option(
                "As large as that of the only right answer in a group.",
                "Dividing by the group's standard deviation makes 0.01 as large as 1.",
                right=True,
            ),
            Option(
                "None: all the answers are wrong.",
                "GRPO does not know right from wrong; it only compares rewards.",
            ),
        ],
    ),
)
