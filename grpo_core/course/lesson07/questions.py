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
                "Its KL is measured to the same frozen copy as in the loop beside it.",
            ),
            Option(
                "A gradient flows through its advantages.",
                "The KL in the reward was not detached, so completions are pushed by what they do "
                "to the comparison, and not only by what they earned.",
                right=True,
            ),
            Option(
                "Its KL has the wrong sign.",
                "Its advantages have the right values. What was it that the third test asked?",
            ),
        ],
    ),
    Question(
        "b",
        "What is wrong with loop B?",
        [
            Option(
                "It scores each token by the logits of the next.",
                "Its log-probs pass the second test. Look at what its mask says.",
            ),
            Option(
                "Its mask leaves the end out.",
                "In the print-out the end is in. What is not?",
            ),
            Option(
                "Its mask is shifted by one token.",
                "The first token is never trained, and one behind the end is.",
                right=True,
            ),
        ],
    ),
    Question(
        "c",
        "What is wrong with loop C?",
        [
            Option(
                "Its log-probs leave the temperature out.",
                "It samples at 1.3 and scores at 1: the ratio is not 1 before the first update.",
                right=True,
            ),
            Option(
                "It samples at the wrong temperature.",
                "1.3 is unusual, and no mistake: the right loop beside it does so too.",
            ),
            Option(
                "Its old log-probs are not detached.",
                "They were recorded when the tokens were drawn, and are plain numbers.",
            ),
        ],
    ),
    Question(
        "d",
        "What is wrong with loop D?",
        [
            Option(
                "It trains what lies behind the end.",
                "In the print-out there is nothing behind it.",
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
                "It takes the end for padding and never trains it.",
                "They have the same id. So the decision to stop is never rewarded and never "
                "punished.",
                right=True,
            ),
        ],
    ),
    Question(
        "proof",
        "You rewrite a part of a loop that is right. With the same seed, the reward of the first "
        "30 steps looks like before, as a curve. What do you know?",
        [
            Option(
                "The new part is right.",
                "Then loop D would be right.",
            ),
            Option(
                "That it does not break everything. Compare the losses, digit by digit.",
                "The same seed and the same mathematics give the same numbers, for some steps at "
                "least. That is a far sharper test than a curve, and takes as long as five steps.",
                right=True,
            ),
            Option(
                "Nothing can be known without three seeds.",
                "Seeds are for comparing methods. Whether two programs compute the same can be "
                "seen on one.",
            ),
        ],
    ),
)
