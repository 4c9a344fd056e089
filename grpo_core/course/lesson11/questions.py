"""The questions of the quiz of lesson 11."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "11",
    Question(
        "once",
        "With one update per batch and no KL, you change the preset from grpo to gspo. What "
        "changes in training?",
        [
            Option(
                "Completions are clipped as a whole and no longer token by token.",
                "All ratios are 1 in the only update there is. A ratio of 1 is never clipped.",
            ),
            Option(
                "Nothing.",
                "At a ratio of 1 the slope of the completion's ratio is the mean of the tokens' "
                "slopes, which is what sequence_mean does already.",
                right=True,
            ),
            Option(
                "Long completions count for more.",
                "GSPO's mean of log-ratios divides by the length as well.",
            ),
        ],
    ),
    Question(
        "long",
        "Two wrong completions of the same group, one of 20 tokens and one of 200. Under which "
        "aggregation does a token of the long one get a tenth of the gradient?",
        [
            Option(
                "sequence_mean",
                "Each completion has the same weight, so its tokens share it: 1/20 against 1/200.",
                right=True,
            ),
            Option(
                "token_mean",
                "There each token of the batch has the same weight.",
            ),
            Option(
                "constant",
                "It has one divisor for all tokens, whichever completion they are in.",
            ),
        ],
    ),
    Question(
        "budget",
        "DAPO is ahead of GRPO after 60 steps. What should you ask first?",
        [
            Option(
                "Whether its learning rate was the same.",
                "Worth knowing. But there is something that DAPO does more of in every step.",
            ),
            Option(
                "How high its clip was.",
                "With one update per batch nothing is clipped.",
            ),
            Option(
                "How many completions it drew for those 60 steps.",
                "Groups without signal are sampled again. The discarded ones had a cost too.",
                right=True,
            ),
        ],
    ),
    Question(
        "seeds",
        "Your method has three seeds at 0.80, 0.82 and 0.84, the best of seven others three at "
        "0.77, 0.79 and 0.81. What may you claim?",
        [
            Option(
                "That it is better: its mean is higher, and so is its best seed.",
                "The seeds of one method differ by more than the two means do.",
            ),
            Option(
                "That three seeds cannot decide it, with all runs shown.",
                "Two means differ by 0.03 and the standard error of their difference is 0.016; "
                "and the best of seven was not chosen beforehand.",
                right=True,
            ),
            Option(
                "That both are the same.",
                "A difference too small to detect need not be zero. More seeds would tell.",
            ),
        ],
    ),
    Question(
        "lam",
        "PPO with lambda 0.95 and a critic that has learned nothing. Which tokens of a completion "
        "of 90 tokens get credit for its reward?",
        [
            Option(
                "All of them equally, since gamma is 1.",
                "gamma does not discount it. What else multiplies it at every token?",
            ),
            Option(
                "The first ones, where the decisions are made.",
                "From which end is the reward passed on?",
            ),
            Option(
                "The last twenty or so.",
                "0.95 to the power of the distance to the end: 0.36 at twenty tokens, 0.01 at "
                "ninety. Earlier tokens get no credit that the critic does not pass on.",
                right=True,
            ),
        ],
    ),
    Question(
        "variant",
        "You invent an advantage, train it on one seed, and it comes out above all eight. What is "
        "the next step?",
        [
            Option(
                "Other seeds, with nothing changed.",
                "One run shows what can happen, not what usually does.",
                right=True,
            ),
            Option(
                "Tune its learning rate on that seed.",
                "Then you would be fitting the luck of that seed.",
            ),
            Option(
                "A paper.",
                "By luck alone, each of nine identical methods comes first in a ninth of the "
                "cases.",
            ),
        ],
    ),
)
