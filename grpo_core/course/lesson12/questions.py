"""The questions of the quiz of lesson 12."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "12",
    Question(
        "good",
        "On the base model's replies a judge agrees with the truth nine times out of ten. What "
        "does that say about training on it?",
        [
            Option(
                "That it is safe: nine tenths of the pushes are right.",
                "At the first step they are. Who writes the replies that it judges later?",
            ),
            Option(
                "Little: training moves to replies that it was never tried on.",
                "It was measured where the base model writes, and the policy leaves that place.",
                right=True,
            ),
            Option(
                "That the accuracy will end at nine tenths.",
                "Accuracy is not what is being pushed up. What is?",
            ),
        ],
    ),
    Question(
        "found",
        "A verifier compares only the value, so that `45` alone would pass. In 768 samples of "
        "the base model not one answers like that. What happens in a short training?",
        [
            Option(
                "The hole is found within a few steps, for it pays fully.",
                "What has never been sampled has never been rewarded.",
            ),
            Option(
                "Most likely nothing: there is no sample to make likelier.",
                "It is there all the same, for a larger model, a longer run, a higher temperature.",
                right=True,
            ),
            Option(
                "Accuracy falls, since the verifier is wrong.",
                "On all the replies that are written it is right.",
            ),
        ],
    ),
    Question(
        "curve",
        "Your reward has been rising for a day. What do you look at first?",
        [
            Option(
                "The reward's standard deviation.",
                "It says whether there is something to learn, not what is being learned.",
            ),
            Option(
                "The loss.",
                "It is about 0, whatever happens (notebook 05).",
            ),
            Option(
                "Completions, and a measure that nothing is trained on.",
                "The reward rises whether the policy gets better or finds a hole.",
                right=True,
            ),
        ],
    ),
    Question(
        "kl",
        "How does a KL to the reference help against a hole in the reward?",
        [
            Option(
                "It keeps the policy where the judge was tried, for a price.",
                "And keeps it from getting better by as much. It closes no hole.",
                right=True,
            ),
            Option(
                "It takes the hole out of the reward.",
                "The reward stays what it is. What does a leash do?",
            ),
            Option(
                "Not at all: it is about probabilities, and not about rewards.",
                "Holes are where the policy has not been. What keeps it from going there?",
            ),
        ],
    ),
    Question(
        "stage",
        "Why did DeepSeek give R1 preference rewards in the last 400 of 1,700 steps only?",
        [
            Option(
                "A reward model is slow to run.",
                "It is slower than a rule. But that is not what they report.",
            ),
            Option(
                "More steps on a learned reward led to it being exploited.",
                "They show a run in which that reward rises and results on Codeforces fall.",
                right=True,
            ),
            Option(
                "The policy had learned everything by then.",
                "It had still to learn to be helpful, which no rule can check.",
            ),
        ],
    ),
)
