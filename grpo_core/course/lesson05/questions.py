"""The questions of the quiz of lesson 05."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "05",
    Question(
        "zero",
        'Step 1 of a run with loss_type="grpo" and beta 0 prints loss 0.0000 and grad_norm 0.23. '
        "What do you do?",
        [
            Option(
                "Look for a bug: without a loss there can be no gradient.",
                "A line through 0 is 0 there and still has a slope. The slope does the training.",
            ),
            Option(
                "Nothing. The value carries no information, and the gradient is there.",
                "All ratios are 1, so the loss is minus the mean of the advantages, which is 0.",
                right=True,
            ),
            Option(
                "Raise the learning rate.",
                "No learning rate changes a loss that is computed before the step.",
            ),
        ],
    ),
    Question(
        "back",
        "A token with A = 1 fell to a ratio of 0.6 because of updates to other tokens. What does "
        "the clip do at epsilon 0.2?",
        [
            Option(
                "It stops its gradient: 0.6 is outside 0.8 to 1.2.",
                "It would if the clipped ratio stood alone. What else is in the formula?",
            ),
            Option(
                "It raises it back to 0.8.",
                "A clip does not change probabilities. It only decides which gradients count.",
            ),
            Option(
                "Nothing: the token's probability increases, with a weight of 0.6.",
                "The smaller of 0.6 and 0.8 is 0.6, the unclipped one, and so its slope counts.",
                right=True,
            ),
        ],
    ),
    Question(
        "rare",
        "epsilon is 0.2. Token A has a probability of 0.9, token B of 0.01; both have a positive "
        "advantage. How far may one batch raise them before the clip stops them?",
        [
            Option(
                "A by 0.1, to 1; B by 0.002, to 0.012.",
                "The bound is on the ratio. A is not even stopped: 0.9 times 1.2 is above 1.",
                right=True,
            ),
            Option(
                "Both by 0.2.",
                "0.2 is a fraction of the old probability, not a difference.",
            ),
            Option(
                "B further than A, since there is more room above it.",
                "There is more room, but the bound does not take it into account. DAPO raises it.",
            ),
        ],
    ),
    Question(
        "once",
        "You train with one update per batch (num_iterations=1) and on the whole batch at once. "
        "What does changing epsilon from 0.2 to 0.3 do?",
        [
            Option(
                "It lets the policy take larger steps.",
                "The ratio is 1 when the gradient is computed. A ratio of 1 is always inside the "
                "bounds.",
            ),
            Option(
                "Nothing at all.",
                "Every ratio is exactly 1 in the only update there is, so nothing is ever clipped.",
                right=True,
            ),
            Option(
                "It raises the entropy.",
                "It can, if something is clipped. Here nothing is.",
            ),
        ],
    ),
    Question(
        "cispo",
        "A token with a positive advantage has a ratio of 8. What do PPO's clip (0.2) and CISPO "
        "(cap 5) do with it?",
        [
            Option(
                "Both stop it.",
                "One of the two was invented so that no token is stopped.",
            ),
            Option(
                "PPO gives it a weight of 1.2, CISPO of 5.",
                "1.2 is its factor in PPO's objective. Its slope is another matter.",
            ),
            Option(
                "PPO stops it; CISPO keeps its gradient, with a weight of 5.",
                "The clip is flat there. The cap keeps the weight at 5, and log pi still has a "
                "slope.",
                right=True,
            ),
        ],
    ),
)
