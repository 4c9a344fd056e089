"""The questions of the quiz of lesson 07."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "07",
    Question(
        "a",
        "What is wrong with loop A?",
        [
            Option(
                "The reference moves along with the policy.",
                "Its KL is measured to the same frozen copy as in the right loop.",
            ),
            Option(
                "A gradient flows through its advantages.",
                "The KL in the reward was not detached, so the update also follows the gradient "
                "of the advantages themselves.",
                right=True,
            ),
            Option(
                "Its KL has the wrong sign.",
                "Its advantages have the right values. What did the third test check?",
            ),
        ],
    ),
    Question(
        "b",
        "What is wrong with loop B?",
        [
            Option(
                "It reads each token's log-probability from the wrong position.",
                "Its log-probabilities pass the second test. Look at its mask.",
            ),
            Option(
                "Its mask leaves EOS out.",
                "In the print-out EOS is included. What is not?",
            ),
            Option(
                "Its mask is shifted by one token.",
                "The first token is never trained, and one after EOS is.",
                right=True,
            ),
        ],
    ),
    Question(
        "c",
        "What is wrong with loop C?",
        [
            Option(
                "Its log-probabilities leave out the temperature.",
                "It samples at 1.3 and computes log-probabilities at 1: the ratio is not 1 before "
                "the first update.",
                right=True,
            ),
            Option(
                "It samples at the wrong temperature.",
                "1.3 is unusual but not a mistake: the right loop also uses it.",
            ),
            Option(
                "Its old log-probabilities are not detached.",
                "They were recorded when the tokens were sampled, and are plain numbers.",
            ),
        ],
    ),
    Question(
        "d",
        "What is wrong with loop D?",
        [
            Option(
                "It trains padding after EOS.",
                "In the print-out nothing after EOS is included.",
            ),
            Option(
                "Nothing: its curves are those of the right loop.",
                "A bug that costs nothing on one model in thirty steps is still one.",
            ),
            Option(
                "It never trains a first token.",
                "That was another one of the four.",
            ),
            Option(
                "It takes EOS for padding and never trains it.",
                "They have the same id. So the decision to stop is never reinforced or "
                "discouraged.",
                right=True,
            ),
        ],
    ),
    Question(
        "proof",
        "You rewrite a part of a loop that is right. With the same seed, the reward curve of the "
        "first 30 steps looks the same as before. What do you know?",
        [
            Option(
                "The new part is right.",
                "Then loop D would be right.",
            ),
            Option(
                "That it does not break everything. Compare the losses, digit by digit.",
                "The same seed and the same mathematics give the same numbers, for some steps at "
                "least. That is a far sharper test than a curve, and it takes only five steps.",
                right=True,
            ),
            Option(
                "Nothing can be known without three seeds.",
                "Seeds are for comparing methods. One seed is enough to see whether two programs "
                "compute the same.",
            ),
        ],
    ),
)
