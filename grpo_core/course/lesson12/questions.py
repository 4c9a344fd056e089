"""The questions of the quiz of lesson 12."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "12",
    Question(
        "good",
        "On the base model's replies a judge agrees with the truth nine times out of ten. What "
        "does that tell you about training on it?",
        [
            Option(
                "That it is safe: nine tenths of the updates are right.",
                "At the first step they are. But which policy writes the replies that it judges "
                "later?",
            ),
            Option(
                "Little: training moves to replies that it was never tested on.",
                "It was measured on the base model's replies, and the policy moves away from "
                "those.",
                right=True,
            ),
            Option(
                "That the accuracy will end at nine tenths.",
                "Training does not maximise accuracy. What does it maximise?",
            ),
        ],
    ),
    Question(
        "found",
        "A verifier compares only the value, so that `45` alone would pass. Of 768 samples of the "
        "base model, none answers like that. What happens in a short training?",
        [
            Option(
                "The hole is found within a few steps, since it pays the full reward.",
                "A reply that is never sampled is never rewarded.",
            ),
            Option(
                "Most likely nothing: there is no sample to reinforce.",
                "The hole still exists for a larger model, a longer run or a higher temperature.",
                right=True,
            ),
            Option(
                "Accuracy falls, since the verifier is wrong.",
                "On all the replies that are sampled it is right.",
            ),
        ],
    ),
    Question(
        "curve",
        "Your reward has been rising for a day. What do you check first?",
        [
            Option(
                "The reward's standard deviation.",
                "It says whether there is a signal, not what is being learned.",
            ),
            Option(
                "The loss.",
                "It is about 0, whatever happens (notebook 05).",
            ),
            Option(
                "Completions, and a metric that is not trained on.",
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
                "It keeps the policy near where the judge was tested, at a cost.",
                "It also limits how much the policy can improve. It does not close the hole.",
                right=True,
            ),
            Option(
                "It removes the hole from the reward.",
                "The reward stays the same. What does a KL penalty do?",
            ),
            Option(
                "Not at all: it is about probabilities, and not about rewards.",
                "Holes lie where the policy has not been. What keeps it from going there?",
            ),
        ],
    ),
    Question(
        "stage",
        "Why did DeepSeek give R1 preference rewards only in the last 400 of 1,700 steps?",
        [
            Option(
                "A reward model is slow to run.",
                "It is slower than a rule. But that is not the reason they report.",
            ),
            Option(
                "More steps on a learned reward led to it being exploited.",
                "They show a run in which that reward rises while results on Codeforces fall.",
                right=True,
            ),
            Option(
                "The policy had learned everything by then.",
                "It still had to learn to be helpful, which no rule can check.",
            ),
        ],
    ),
)
