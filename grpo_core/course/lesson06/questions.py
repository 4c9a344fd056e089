"""The questions of the quiz of lesson 06."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "06",
    Question(
        "direction",
        "The policy never samples a token that the reference samples a tenth of the time. Which "
        "KL is larger?",
        [
            Option(
                "KL(policy, reference), the reverse one.",
                "It is a mean over the policy's samples, and the policy never samples this token.",
            ),
            Option(
                "KL(reference, policy), the forward one.",
                "It is a mean over the reference's samples, and there the ratio is huge.",
                right=True,
            ),
            Option(
                "Both are equal: a distance has no direction.",
                "It is not a distance. The two are means over different policies.",
            ),
        ],
    ),
    Question(
        "k1",
        "A trainer adds beta times the mean of logprobs - ref_logprobs to its loss. You multiply "
        "beta by 10. What changes in training?",
        [
            Option(
                "The policy stays ten times closer to the reference.",
                "That was the intention. But what is the gradient of ref_logprobs?",
            ),
            Option(
                "Nothing on average; the gradient gets noisier.",
                "The gradient of log pi is 0 on average. Ten times 0 is 0, ten times noise is not.",
                right=True,
            ),
            Option(
                "Training gets slower, and ends in the same place as before.",
                "On average nothing holds the policy back, so nothing slows it down.",
            ),
            Option(
                "The policy is pushed away from the reference.",
                "For that, the gradient would have to depend on the reference.",
            ),
        ],
    ),
    Question(
        "spike",
        "Your KL curve (k3) jumps from 0.03 to 3 for one step and comes back. What is the most "
        "likely cause?",
        [
            Option(
                "One sampled token that the policy rarely chooses and the reference often does.",
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
                "The group carries no signal, as always when all are right.",
                "All rewards were 1. After the KL is subtracted they are no longer equal.",
            ),
            Option(
                "Only the KL decides, and after dividing by the standard deviation its advantages "
                "have full size.",
                "GRPO scales any difference, even 0.001, to the size of a right answer's "
                "advantage.",
                right=True,
            ),
            Option(
                "Only the KL decides, with advantages as small as beta.",
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
                "1, so that KL and reward count the same.",
                "Nats and rewards have different units: at 1 a single nat would outweigh a right "
                "answer.",
            ),
            Option(
                "0.04, as in DeepSeekMath.",
                "Its rewards came from a learned model, which can be fooled. Is that so here?",
            ),
            Option(
                "A very small one or 0, with an eye on the curve.",
                "R1-Zero took 0.001, DAPO and TRL's default 0. A KL penalty is for rewards that "
                "can be fooled.",
                right=True,
            ),
        ],
    ),
)
