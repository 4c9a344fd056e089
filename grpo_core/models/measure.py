"""Does a base model know right from wrong? Measured before any RL, since RL cannot invent it."""

import random

import torch

from grpo_core.models.policy import Policy
from grpo_core.tasks import Split
from grpo_core.tasks.countdown import Countdown

_SEED = 0


@torch.no_grad()
def verdicts(
    policy: Policy, task: Countdown, *, n: int = 256, split: Split = "test"
) -> dict[str, float]:
    """The probability that the model says "yes" right after a correct, or a wrong, first try.

    Each problem is asked as in training, and the reply begins with "<think>" and one line of
    true arithmetic that reaches the target, or misses it. What the base mostly does there is to
    stop thinking; so the share of "yes" among the two verdicts is given too.

    Args:
        policy: with the tiny model's vocabulary.
        task: where problems and tries come from.
        n: how many problems.
        split: "test" for number sets the model has never seen.

    Returns:
        yes_if_right, yes_if_wrong, no_if_right, no_if_wrong: mean probabilities;
        yes_among_verdicts_if_right and yes_among_verdicts_if_wrong: mean of
        P(yes) / (P(yes) + P(no)), which says nothing of a model that learned neither word.
    """
    draw = random.Random(_SEED)
    problems = draw.sample(task.problems(split), min(n, len(task.problems(split))))
    yes, no = policy.tokenizer.convert_tokens_to_ids(["yes", "no"])
    result = {}
    for right in (True, False):
        texts = []
        for problem in problems:
            target = problem.columns["target"]
            tries = task.candidates(tuple(problem.columns["numbers"]))
            line = draw.choice([c for c in tries if (c.value == target) == right])
            texts.append(f"{problem.prompt} <think> {line}")
        ids, mask = policy.encode(texts)
        logits = policy.model(input_ids=ids, attention_mask=mask, logits_to_keep=1).logits[:, -1]
        probabilities = logits.softmax(dim=-1)
        says_yes, says_no = probabilities[:, yes], probabilities[:, no]
        name = "right" if right else "wrong"
        result[f"yes_if_{name}"] = float(says_yes.mean())
        result[f"no_if_{name}"] = float(says_no.mean())
        result[f"yes_among_verdicts_if_{name}"] = float((says_yes / (says_yes + says_no)).mean())
    return result
