"""The questions of the quiz of lesson 08."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "08",
    Question(
        "fade",
        "A reward of 1 comes with token 200, the critic says 0 everywhere, lambda is 0.95. What is "
        "the advantage of token 1?",
        [
            Option(
                "1, as for every token: gamma is 1.",
                "Gamma does not fade the reward. Something else fades surprises, token by token.",
            ),
            Option(
                "About 0.00004: 0.95 to the power of 199.",
                "The only surprise is at the end, and it is faded by lambda at each of 199 tokens.",
                right=True,
            ),
            Option(
                "0.95.",
                "Lambda acts once a token, and there are 199 tokens between.",
            ),
        ],
    ),
    Question(
        "meet",
        "Lambda 1, no KL, and a critic that says the mean reward of the group at every token. What "
        "are the advantages?",
        [
            Option(
                "r minus the mean, the same for all tokens of a completion.",
                "At lambda 1 all values in between cancel, and only the one subtracted is left.",
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
                "That is what its weights take. It is trained, too.",
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
        "A critic that is only a linear layer on the policy's hidden states costs next to no "
        "bytes. What does it cost?",
        [
            Option(
                "Nothing: it is GRPO with better advantages.",
                "It must be asked before the update. And whose hidden states do its errors train?",
            ),
            Option(
                "Time, and its errors pull on the policy's weights.",
                "The values are wanted before the update, and its loss flows into the shared body.",
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
        "All 16 completions of a prompt are wrong. Who learns something from them?",
        [
            Option(
                "Neither: where nothing differs there is nothing to learn.",
                "Nothing differs *in the group*. Does a critic look at the group?",
            ),
            Option(
                "PPO may: the critic expected more than 0 somewhere.",
                "Its measure is what it expected before each token, not what the others got.",
                right=True,
            ),
            Option(
                "GRPO does: it divides by the spread, which is very small.",
                "It is 0, and such a group's advantages are set to 0.",
            ),
        ],
    ),
)
