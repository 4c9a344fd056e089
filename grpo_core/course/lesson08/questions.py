"""The questions of the quiz of lesson 08."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "08",
    Question(
        "fade",
        "A reward of 1 comes with token 200, the critic predicts 0 everywhere, lambda is 0.95. "
        "What is the advantage of token 1?",
        [
            Option(
                "1, as for every token: gamma is 1.",
                "Gamma does not discount the reward. Something else discounts deltas, token by "
                "token.",
            ),
            Option(
                "About 0.00004: 0.95 to the power of 199.",
                "The only nonzero delta is at the end, and lambda multiplies it at each of 199 "
                "tokens.",
                right=True,
            ),
            Option(
                "0.95.",
                "Lambda applies once per token, and there are 199 tokens between.",
            ),
        ],
    ),
    Question(
        "meet",
        "Lambda is 1, there is no KL, and the critic predicts the mean reward of the group at "
        "every token. What are the advantages?",
        [
            Option(
                "r minus the mean, the same for all tokens of a completion.",
                "At lambda 1 all values in between cancel, and only the first one is subtracted.",
                right=True,
            ),
            Option(
                "(r minus the mean) / std, exactly GRPO's.",
                "Is there a division anywhere in GAE? Whitening has one, over the whole batch.",
            ),
            Option(
                "0, since the critic has learned the group's mean.",
                "It knows the mean. A completion that is better than the mean is still better.",
            ),
        ],
    ),
    Question(
        "bytes",
        "A model of 7 billion weights, everything in float32, AdamW. What does PPO with a critic "
        "of its own hold beyond GRPO with a reference?",
        [
            Option(
                "28 GB: a second model.",
                "That is the size of its weights. But it is also trained.",
            ),
            Option(
                "56 GB: a second model and its gradients.",
                "And what does the optimizer need, in order to train it?",
            ),
            Option(
                "112 GB: four times a second model.",
                "Weights, gradients, two averages: 4 times 28 GB, as for the policy itself.",
                right=True,
            ),
        ],
    ),
    Question(
        "head",
        "A critic that is only a linear layer on the policy's hidden states costs almost no "
        "bytes. What does it cost?",
        [
            Option(
                "Nothing: it is GRPO with better advantages.",
                "Its values must be computed before the update. And whose hidden states do its "
                "errors train?",
            ),
            Option(
                "Time, and its errors change the policy's weights.",
                "The values are needed before the update, and the gradient of its loss flows into "
                "the shared body.",
                right=True,
            ),
            Option(
                "As much as a critic of its own, since it is trained as well.",
                "It has as many weights as the hidden state has numbers, and one more.",
            ),
        ],
    ),
    Question(
        "dead",
        "All 16 completions of a prompt are wrong. Which method learns something from them?",
        [
            Option(
                "Neither: if nothing differs there is nothing to learn.",
                "Nothing differs *in the group*. Does a critic look at the group?",
            ),
            Option(
                "PPO may: the critic predicted more than 0 somewhere.",
                "Its baseline is the value before each token, not the others' rewards.",
                right=True,
            ),
            Option(
                "GRPO does: it divides by the standard deviation, which is very small.",
                "It is 0, and such a group's advantages are set to 0.",
            ),
        ],
    ),
)
