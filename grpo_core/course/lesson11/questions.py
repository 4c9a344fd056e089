"""The questions of the quiz of lesson 11."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "11",
    Question(
        "once",
        "One update a batch, no KL. You change the preset from grpo to gspo. What changes in what "
        "is learned?",
        [
            Option(
                "Completions are clipped as a whole and no longer token by token.",
                "All ratios are 1 in the only update there is. Who clips at 1?",
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
        "aggregation is a token of the long one pushed down a tenth as hard?",
        [
            Option(
                "sequence_mean",
                "Each completion has the same say, so its tokens share it: 1/20 against 1/200.",
                right=True,
            ),
            Option(
                "token_mean",
                "There each token of the batch has the same say.",
            ),
            Option(
                "constant",
                "One divisor for all tokens, whichever completion they are in.",
            ),
        ],
    ),
    Question(
        "budget",
        "DAPO is ahead of GRPO after 60 steps. What is to be asked first?",
        [
            Option(
                "Whether its learning rate was the same.",
                "Worth knowing. But there is something that DAPO does more of in every step.",
            ),
            Option(
                "How high its clip was.",
                "With one update a batch nothing is clipped.",
            ),
            Option(
                "How many completions it drew for those 60 steps.",
                "Groups that teach nothing are drawn again. What was thrown away was paid for.",
                right=True,
            ),
        ],
    ),
    Question(
        "seeds",
        "Your method has three seeds at 0.80, 0.82 and 0.84, the best of seven others three at "
        "0.77, 0.79 and 0.81. What may you write?",
        [
            Option(
                "That it is better: its mean is higher, and so is its best seed.",
                "The seeds of one method differ by more than the two means do.",
            ),
            Option(
                "That three seeds cannot tell, with all runs shown.",
                "Two means lie 0.03 apart and their difference scatters by 0.016; and the best of "
                "seven is no method that was named beforehand.",
                right=True,
            ),
            Option(
                "That both are the same.",
                "A difference that cannot be seen need not be none. More seeds would tell.",
            ),
        ],
    ),
    Question(
        "lam",
        "PPO with lambda 0.95 and a critic that has learned nothing. Which tokens of a completion "
        "of 90 tokens hear about its reward?",
        [
            Option(
                "All alike, since gamma is 1.",
                "gamma does not fade it. What else is multiplied into it at every token?",
            ),
            Option(
                "The first ones, where the decisions are made.",
                "Look from which end the reward is passed on.",
            ),
            Option(
                "The last twenty or so.",
                "0.95 to the power of the distance to the end: 0.36 at twenty tokens, 0.01 at "
                "ninety. What the critic does not pass on, earlier tokens do not hear.",
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
                "One run says what can happen, not what does.",
                right=True,
            ),
            Option(
                "A finer choice of its learning rate on that seed.",
                "Then you would be choosing for the luck of that seed.",
            ),
            Option(
                "A paper.",
                "By luck alone, one of nine that are all the same comes first in a ninth of the "
                "cases.",
            ),
        ],
    ),
)
