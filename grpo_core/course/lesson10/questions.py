"""The questions of the quiz of lesson 10."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "10",
    Question(
        "restart",
        "Stage 3 fine-tunes the *base*, and not the model of stage 2 that wrote the traces. Why "
        "can that work at all?",
        [
            Option(
                "It cannot: what RL has learned is lost.",
                "It is in the traces: they show what the RL model does when it is right.",
            ),
            Option(
                "What RL found is in the traces, and the base can imitate it.",
                "Only right and readable ones were kept. Unwanted habits in the weights of the RL "
                "model are not passed on.",
                right=True,
            ),
            Option(
                "Because fine-tuning for two epochs is stronger than RL.",
                "It would be as strong on traces that are wrong.",
            ),
        ],
    ),
    Question(
        "mask",
        "Somebody masks the loss of fine-tuning by `ids != pad_id`, and the model's pad id is its "
        "EOS id. What will the fine-tuned model do?",
        [
            Option(
                "Keep writing until the limit.",
                "EOS was masked together with the padding, so it was never learned.",
                right=True,
            ),
            Option(
                "Stop at once.",
                "For that it would have to learn the padding as text.",
            ),
            Option(
                "Nothing unusual: padding is masked as it should be.",
                "The padding is. Which other token has that id?",
            ),
        ],
    ),
    Question(
        "language",
        "With the language reward, accuracy falls by one point. Is the reward a mistake?",
        [
            Option(
                "Yes: accuracy is what counts, so every reward but that is a mistake.",
                "It counts for a benchmark. Somebody may want to read the thought.",
            ),
            Option(
                "It depends on what readable thoughts are worth to you.",
                "Two goals share one number: the weight sets the exchange rate. R1's authors "
                "accepted the cost.",
                right=True,
            ),
            Option(
                "No: such a difference is always noise.",
                "It may be: compare several seeds and their standard deviation instead of "
                "guessing.",
            ),
        ],
    ),
    Question(
        "rejection",
        "A problem is solved in 1 of 16 samples, another in 16 of 16. At most 3 traces of each are "
        "kept. What would the data look like without that limit?",
        [
            Option(
                "Mostly of problems that the model can do already.",
                "16 to 1. The limit makes it 3 to 1.",
                right=True,
            ),
            Option(
                "Just the same: wrong ones are discarded anyway.",
                "Count the right ones of each problem.",
            ),
            Option(
                "Mostly of hard problems.",
                "Hard problems have few right samples.",
            ),
        ],
    ),
    Question(
        "distil",
        "At the operations of its fine-tuning the base is at 0.87 distilled, and at 0.36 by RL. "
        "What follows?",
        [
            Option(
                "RL is not needed any more.",
                "Where did the teacher's traces come from?",
            ),
            Option(
                "This base cannot be trained by RL.",
                "Look at the right end of its curve: RL gets there, and further, but later.",
            ),
            Option(
                "Imitating a solution is cheaper than finding it.",
                "Finding one needs right answers by luck, again and again. And some model must "
                "have found it first.",
                right=True,
            ),
            Option(
                "Every smaller model should be distilled, whatever its base.",
                "Look at the right-hand figure.",
            ),
        ],
    ),
)
