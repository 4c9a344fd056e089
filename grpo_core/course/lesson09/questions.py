"""The questions of the quiz of lesson 09."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "09",
    Question(
        "invent",
        "A policy backtracks in 20% of its answers before RL and in 85% after. Has RL taught it "
        "to backtrack?",
        [
            Option(
                "Yes: that is four times as often.",
                "More often is not new. What was it able to do before?",
            ),
            Option(
                "No: it already did so before. RL made it a habit.",
                "A policy that does something in one answer of five is able to do it. RL changed "
                "how often.",
                right=True,
            ),
            Option(
                "One cannot say without looking at the weights.",
                "One can count, and one can write the beginning of its answers. Neither needs the "
                "weights.",
            ),
        ],
    ),
    Question(
        "share",
        "The base's skills with the trained policy's habits would be right in 37% of the cases; "
        "the trained policy is right in 94%. What follows?",
        [
            Option(
                "RL invented the other 57 points.",
                "That is so only if the kinds are the right ones: each has to be the same "
                "behaviour before and after. Was it?",
            ),
            Option(
                "The measurement is wrong: RL can only amplify.",
                "The number is right. Whether RL only amplifies is the hypothesis under test, not "
                "a reason to discard the result.",
            ),
            Option(
                "Something changed within a kind too, and one has to look for it.",
                "Here it was the form of the searches, and a check that is made without being "
                "written.",
                right=True,
            ),
        ],
    ),
    Question(
        "silent",
        "After RL, thoughts of a single line without a verdict are right 99 times in 100. Why?",
        [
            Option(
                "The policy stops there only when the line is right.",
                "A wrong line is followed by a no, and so belongs to another kind. The check is "
                "made without being written.",
                right=True,
            ),
            Option(
                "The policy finds solutions immediately.",
                "Then it would not need to search in the other nine cases out of ten.",
            ),
            Option(
                "The verifier is lenient with short thoughts.",
                "The verifier reads the answer and never the thought.",
            ),
        ],
    ),
    Question(
        "length",
        "Why did the mean length triple in this run?",
        [
            Option(
                "The loss divides by the length, so long wrong answers are cheap.",
                "That is a bias of another loss: the default of this kit does not divide.",
            ),
            Option(
                "Longer answers earn more: there is a reward for length.",
                "There are two rewards, for the answer and for the form.",
            ),
            Option(
                "Searches were long from the start; the short guesses disappeared.",
                "The right completions of the first steps are about as long as those of the last "
                "ones.",
                right=True,
            ),
        ],
    ),
    Question(
        "matched",
        "Two bases are compared after RL. Which of these makes the comparison unfair?",
        [
            Option(
                "They were trained by the same seed.",
                "That can only help; with three seeds each one sees how much it matters.",
            ),
            Option(
                "One has read twice as much text.",
                "Then any difference may be due to that. So both must read the same number of "
                "tokens.",
                right=True,
            ),
            Option(
                "One of them cannot solve the task at first.",
                "Neither can. Their starting point is part of what is compared.",
            ),
        ],
    ),
)
