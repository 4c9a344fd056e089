"""The questions of the quiz of lesson 06."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "06",
    Question(
        "direction",
        "The policy never says something that the reference says in a tenth of the cases. Which "
        "KL minds more?",
        [
            Option(
                "KL(policy, reference), the reverse one.",
                "It is a mean over what the policy says, and this the policy never says.",
            ),
            Option(
                "KL(reference, policy), the forward one.",
                "It is a mean over what the reference says, and there the ratio is huge.",
                right=True,
            ),
            Option(
                "Both alike: a distance has no direction.",
                "It is no distance. The two have means over different policies.",
            ),
        ],
    ),
    Question(
        "k1",
        "A trainer adds beta times the mean of logprobs - ref_logprobs to its loss. You multiply "
        "beta by 10. What changes in what is learned?",
        [
            Option(
                "The policy stays ten times closer to the reference.",
                "That is what it was written for. But what is the gradient of ref_logprobs?",
            ),
            Option(
                "Nothing on average; the gradient gets noisier.",
                "The gradient of log pi is 0 on average. Ten times 0 is 0, ten times noise is not.",
                right=True,
            ),
            Option(
                "Training gets slower, and ends in the same place as before.",
                "Nothing holds it back, on average, so there is nothing to slow it down.",
            ),
            Option(
                "The policy is pushed away from the reference.",
                "For that there would have to be a push that knows about the reference.",
            ),
        ],
    ),
    Question(
        "spike",
        "Your KL curve (k3) jumps from 0.03 to 3 for one step and comes back. What is the "
        "likeliest cause?",
        [
            Option(
                "One sampled token that the policy hardly ever takes and the reference often does.",
                "Then d is far below 0, and exp(-d) is a large number: one token in thousands is "
                "enough.",
                right=True,
            ),
            Option(
                "The policy has collapsed and recovered.",
                "It would show in reward and entropy, and does not recover within a step.",
            ),
            Option(
                "The reference was updated.",
                "That would make the KL fall to 0, not jump.",
            ),
        ],
    ),
    Question(
        "tie",
        "KL in the reward, beta small. All sixteen completions of a group are right. What happens?",
        [
            Option(
                "The group is dead, as always when all are right.",
                "All rewards were 1. After the KL is taken off they are no longer alike.",
            ),
            Option(
                "The KL decides alone, and after dividing by the spread its push is full-size.",
                "GRPO makes whatever differs as large as a right answer, also 0.001.",
                right=True,
            ),
            Option(
                "The KL decides alone, with a push as small as beta.",
                "It would without the division by the standard deviation.",
            ),
        ],
    ),
    Question(
        "choice",
        "A verifiable task, a rule that cannot be fooled, and a base model that should change a "
        "lot. Which beta?",
        [
            Option(
                "1, so that KL and reward count alike.",
                "A nat is no unit of reward: at 1 a single nat would outweigh a right answer.",
            ),
            Option(
                "0.04, as in DeepSeekMath.",
                "Its rewards came from a learned model, which can be fooled. Is that so here?",
            ),
            Option(
                "A very small one or 0, with an eye on the curve.",
                "R1-Zero took 0.001, DAPO and TRL's default 0. A leash is for rewards that can "
                "be fooled.",
                right=True,
            ),
        ],
    ),
)
