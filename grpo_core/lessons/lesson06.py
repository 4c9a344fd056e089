"""Lesson 06, the KL to the reference: its checks, its mistakes, its quiz."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.lessons.exercise import Case, Exercise, Mistake, WrongShape, returned, tensor
from grpo_core.lessons.quiz import Option, Question, Quiz

_LOGITS = torch.tensor([[-0.3, 0.9, 0.2, 0.5, -1.0], [2.0, 0.0, -1.0, 0.5, 0.5]])
_REFERENCE = torch.tensor([[1.2, 0.6, 0.0, -0.8, -2.0], [0.0, 0.3, 0.1, -0.4, 1.0]])


# --- exercise 1: exactly --------------------------------------------------------------------------


def my_kl(logits: Tensor, ref_logits: Tensor) -> Tensor:
    """Scores (N, V) of two policies -> KL(policy, reference), (N,)."""
    logprobs = torch.log_softmax(logits, dim=1)
    ref_logprobs = torch.log_softmax(ref_logits, dim=1)
    return (logprobs.exp() * (logprobs - ref_logprobs)).sum(dim=1)


def _exact(
    terms: Callable[[Tensor, Tensor], Tensor] = lambda p, q: p.exp() * (p - q),
    total: Callable[[Tensor], Tensor] = lambda x: x.sum(dim=1),
) -> Callable[[Tensor, Tensor], Tensor]:
    """The exact KL, right but for what is passed in; p and q are log-probs."""
    return lambda a, b: total(terms(torch.log_softmax(a, 1), torch.log_softmax(b, 1)))


exact_kl = Exercise(
    "06",
    "exact_kl",
    solution_function=my_kl,
    cases=[
        Case(
            "For two pairs of policies over five tokens",
            lambda f: tensor(f(_LOGITS.clone(), _REFERENCE.clone())),
        ),
        Case(
            "For a policy that is its own reference",
            lambda f: tensor(f(_LOGITS.clone(), _LOGITS.clone())),
        ),
    ],
    mistakes=[
        Mistake(
            "reversed",
            "That is KL(reference, policy), the forward KL: your mean is over what the *reference* "
            "would write. Asked for is how the two differ where the *policy* goes.",
            (_exact(lambda p, q: q.exp() * (q - p)),),
        ),
        Mistake(
            "weights_of_the_reference",
            "Your difference is the right one, and its mean is taken with the reference's "
            "probabilities. It is the policy that samples.",
            (_exact(lambda p, q: q.exp() * (p - q)),),
        ),
        Mistake(
            "sign",
            "Your numbers are below 0, and a KL never is. Look at the order in the difference.",
            (_exact(lambda p, q: p.exp() * (q - p)),),
        ),
        Mistake(
            "plain_mean",
            "You averaged over the vocabulary, every token alike. A mean over what the policy "
            "samples counts each token by its probability.",
            (
                _exact(lambda p, q: p - q, lambda x: x.mean(dim=1)),
                _exact(lambda p, q: p - q),
            ),
        ),
        Mistake(
            "averaged",
            "Each term has its probability already, and you divided by the size of the vocabulary "
            "on top of that. A weighted mean is a sum here: the weights add up to 1.",
            (_exact(total=lambda x: x.mean(dim=1)),),
        ),
        Mistake(
            "scores_for_log_probs",
            "You used the scores where log-probs belong. Two policies with the same probabilities "
            "may have scores that differ by any constant.",
            (
                lambda a, b: (torch.softmax(a, 1) * (a - b)).sum(dim=1),
                lambda a, b: (a.exp() * (a - b)).sum(dim=1),
            ),
        ),
        Mistake(
            "difference_of_probabilities",
            "You took the difference of the probabilities. The KL has a difference of their "
            "logarithms: how many times likelier, not by how much.",
            (
                _exact(lambda p, q: p.exp() * (p.exp() - q.exp())),
                _exact(lambda p, q: (p.exp() - q.exp()).abs()),
            ),
        ),
        Mistake(
            "cross_entropy",
            "That is the cross-entropy, how surprised the reference is by the policy. For a policy "
            "that is its own reference it is not 0: subtract the policy's own entropy.",
            (_exact(lambda p, q: -p.exp() * q),),
        ),
        Mistake(
            "bits",
            "Your numbers are in bits. Everything here is in nats: the natural logarithm.",
            (_exact(lambda p, q: p.exp() * (p - q) / math.log(2)),),
        ),
        Mistake(
            "wrong_axis",
            "You went down the columns, in the sum or in the softmax. Each row is a policy: "
            "everything runs along its tokens, dim=1.",
            (
                _exact(total=lambda x: x.sum(dim=0)),
                lambda a, b: (
                    torch.softmax(a, 0) * (torch.log_softmax(a, 0) - torch.log_softmax(b, 0))
                ).sum(dim=1),
            ),
        ),
        Mistake(
            "absolute",
            "You took the size of each difference. Where the policy gives a token less than the "
            "reference does, the term is below 0, and it has to be: only the sum is 0 for equals.",
            (
                _exact(lambda p, q: p.exp() * (p - q).abs()),
                _exact(lambda p, q: p.exp() * (p - q) ** 2),
                _exact(lambda p, q: (p.exp() * (p - q)).clamp(min=0)),
            ),
        ),
        Mistake(
            "no_logarithm",
            "You averaged the ratio of the probabilities, and the KL averages its *logarithm*. "
            "For a policy that is its own reference the ratio is 1 everywhere, and the KL 0.",
            (
                _exact(lambda p, q: p.exp() * (p - q).exp()),
                _exact(lambda p, q: p.exp() * ((p - q).exp() - 1)),
            ),
        ),
        Mistake(
            "both_directions",
            "You took the mean (or the sum) of both directions. That is symmetric, and asked for "
            "is the one whose mean is over what the *policy* would write.",
            (
                _exact(lambda p, q: (p.exp() - q.exp()) * (p - q) / 2),
                _exact(lambda p, q: (p.exp() - q.exp()) * (p - q)),
            ),
        ),
        Mistake(
            "entropy",
            "That is the entropy of the policy: the reference has no part in it.",
            (_exact(lambda p, q: -p.exp() * p), _exact(lambda p, q: p.exp() * p)),
        ),
        Mistake(
            "log_of_scores",
            "You took the logarithm of *scores*. They may be below 0, where there is no logarithm; "
            "first make probabilities of them, or take the log-softmax at once.",
            (
                lambda a, b: (torch.softmax(a, 1) * (torch.log_softmax(a, 1) - b.log())).sum(dim=1),
                lambda a, b: (torch.softmax(a, 1) * (a.log() - b.log())).sum(dim=1),
                lambda a, b: (a * (a.log() - b.log())).sum(dim=1),
            ),
        ),
    ],
    hints=[
        "Three lines: the log-probs of the one, those of the other, and a sum.",
        "What is averaged is a difference of log-probs, and the weights of the average are "
        "probabilities, so the exponentials of log-probs. Whose?",
        "A row for each pair of policies, so everything runs along dim=1, the softmax as well as "
        "the sum.",
    ],
    well_done="your KL is the exact one, and 0 for a policy that is its own reference.",
)


# --- exercise 2: from the sampled tokens ----------------------------------------------------------


def my_estimators(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Log-probs (T,) of sampled tokens -> k1, k2 and k3, (3, T)."""
    d = logprobs - ref_logprobs
    return torch.stack([d, d**2 / 2, torch.exp(-d) + d - 1])


def _estimators(
    k1: Callable[[Tensor], Tensor] = lambda d: d,
    k2: Callable[[Tensor], Tensor] = lambda d: d**2 / 2,
    k3: Callable[[Tensor], Tensor] = lambda d: (-d).exp() + d - 1,
) -> Callable[[Tensor, Tensor], Tensor]:
    """All three, right but for what is passed in; d as it should be."""
    return lambda a, b: torch.stack([k1(a - b), k2(a - b), k3(a - b)])


_SAMPLED = torch.tensor([-0.1, -2.0, -0.7, -3.0, -0.05, -1.0])
_BY_REFERENCE = torch.tensor([-0.6, -1.2, -0.7, -4.5, -0.06, -0.1])

estimators = Exercise(
    "06",
    "estimators",
    solution_function=my_estimators,
    cases=[
        Case(
            "For six tokens, three rows",
            lambda f: tensor(f(_SAMPLED.clone(), _BY_REFERENCE.clone())),
        ),
    ],
    mistakes=[
        Mistake(
            "reversed",
            "Your d is the other way round: it is the policy's log-prob minus the reference's. "
            "k2 does not mind, and the other two are then estimates of something else.",
            (lambda a, b: my_estimators(b, a),),
        ),
        Mistake(
            "k3_exponent",
            "k1 and k2 are right. k3 has the exponential of minus d in it, the reference's "
            "probability over the policy's. With exp(d) its mean is not the KL any more.",
            (
                _estimators(k3=lambda d: d.exp() - d - 1),
                _estimators(k3=lambda d: d.exp() + d - 1),
            ),
        ),
        Mistake(
            "k3_one_forgotten",
            "k1 and k2 are right. Your k3 is 1 too large: a token on which both agree (d = 0) must "
            "give 0.",
            (_estimators(k3=lambda d: (-d).exp() + d),),
        ),
        Mistake(
            "k3_without_d",
            "k1 and k2 are right. Your k3 is the part that is 0 on average. It is added to d to "
            "calm it down, and not instead of it.",
            (
                _estimators(k3=lambda d: (-d).exp() - 1),
                _estimators(k3=lambda d: 1 - (-d).exp()),
            ),
        ),
        Mistake(
            "k3_sign",
            "k1 and k2 are right. Your k3 can be below 0: the sign in front of d or of the "
            "exponential is the wrong one.",
            (
                _estimators(k3=lambda d: (-d).exp() - d - 1),
                _estimators(k3=lambda d: d - (-d).exp() + 1),
            ),
        ),
        Mistake(
            "half_forgotten",
            "k2 is half of the square.",
            (_estimators(k2=lambda d: d**2),),
        ),
        Mistake(
            "absolute",
            "You made k1 positive. It is the plain difference, and may be below 0: only so is it "
            "right on average.",
            (_estimators(k1=lambda d: d.abs()), _estimators(k1=lambda d: d.clamp(min=0))),
        ),
        Mistake(
            "weighted",
            "You multiplied by the probabilities. These tokens were sampled: a likely one is there "
            "more often already, and would be counted twice.",
            (
                lambda a, b: a.exp() * my_estimators(a, b),
                lambda a, b: torch.stack([a.exp() * (a - b), *my_estimators(a, b)[1:]]),
            ),
        ),
        Mistake(
            "k1_sign",
            "k2 and k3 are right. Your k1 is the reference less the policy: its mean would be "
            "minus the KL.",
            (_estimators(k1=lambda d: -d),),
        ),
        Mistake(
            "another_order",
            "The three are right, and stand in another order: k1 on top, then k2, then k3.",
            (
                lambda a, b: my_estimators(a, b).flip(0),
                lambda a, b: my_estimators(a, b)[[0, 2, 1]],
                lambda a, b: my_estimators(a, b)[[1, 0, 2]],
            ),
        ),
        Mistake(
            "half_inside_the_square",
            "In your k2 the half is squared too, and makes a quarter. `d**2 / 2` squares first, "
            "`(d / 2)**2` does not.",
            (_estimators(k2=lambda d: (d / 2) ** 2), _estimators(k2=lambda d: d**2 / 4)),
        ),
        Mistake(
            "ratio_for_difference",
            "Your k1 is a quotient. Of two log-probs it is the *difference* that says how many "
            "times likelier a token is; its exponential is the ratio.",
            (
                _estimators(k1=lambda d: d.exp()),
                lambda a, b: torch.stack([a / b, *my_estimators(a, b)[1:]]),
                _estimators(k1=lambda d: (-d).exp()),
            ),
        ),
        Mistake(
            "probabilities_subtracted",
            "You took the exponential before the difference. Log-probs are subtracted as they are.",
            (
                lambda a, b: torch.stack([a.exp() - b.exp(), *my_estimators(a, b)[1:]]),
                lambda a, b: my_estimators(a.exp(), b.exp()),
                lambda a, b: torch.stack(
                    [a.exp() - b.exp(), (a.exp() - b.exp()) ** 2 / 2, my_estimators(a, b)[2]]
                ),
            ),
        ),
        Mistake(
            "k3_two_too_large",
            "k1 and k2 are right. Your k3 is 2 too large: the 1 is subtracted.",
            (_estimators(k3=lambda d: (-d).exp() + d + 1),),
        ),
    ],
    hints=[
        "Name the difference d first. Then every estimator is one short expression of it.",
        "k3 is 0 where d is 0, and above 0 on both sides of it. Try d = 1 and d = -1.",
        "`torch.stack` puts three rows on top of each other.",
    ],
    well_done="your estimators are right.",
)


# --- exercise 3: the published bug ----------------------------------------------------------------


def my_penalty(logprobs: Tensor, old_logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Log-probs (T,) of sampled tokens -> what to add to the loss, (T,)."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    d = logprobs - ref_logprobs
    return ratio * (torch.exp(-d) + d - 1)


def _average_gradient(f: Callable[..., Any]) -> Tensor:
    """The gradient by the scores, on average over all tokens that the policy may sample."""
    rows = []
    for scores, reference in zip(_LOGITS, _REFERENCE, strict=True):
        leaf = scores.clone().requires_grad_()
        logprobs = torch.log_softmax(leaf, dim=0)
        old = logprobs.detach()
        value = tensor(f(logprobs, old.clone(), torch.log_softmax(reference, dim=0)))
        if value.shape != logprobs.shape:
            raise WrongShape(
                f"One number a token is wanted, so the shape {tuple(logprobs.shape)}; yours has "
                f"{tuple(value.shape)}."
            )
        gradient = None
        if value.requires_grad:
            expected = (old.exp() * value).sum()
            (gradient,) = torch.autograd.grad(expected, leaf, allow_unused=True)
        rows.append(torch.full_like(leaf, float("nan")) if gradient is None else gradient)
    return torch.stack(rows)


def _k3(new: Tensor, ref: Tensor) -> Tensor:
    return torch.exp(ref - new) + new - ref - 1


def _rho(new: Tensor, old: Tensor) -> Tensor:
    return torch.exp(new - old.detach())


penalty = Exercise(
    "06",
    "penalty",
    solution_function=my_penalty,
    cases=[
        Case("For the gradient by the scores, on average over all tokens", _average_gradient),
    ],
    mistakes=[
        Mistake(
            "k1",
            "Your average gradient is 0 everywhere: the reference has no say at all. A difference "
            "of log-probs has the gradient of log pi, and that is 0 on average, whatever the "
            "reference is. This is the published bug.",
            (
                lambda new, old, ref: new - ref,
                lambda new, old, ref: ref - new,
                lambda new, old, ref: new,
            ),
        ),
        Mistake(
            "forward",
            "That is k3 as DeepSeekMath has it. Its value is the reverse KL, its gradient is that "
            "of KL(reference, policy), the forward KL. What is missing is a factor that is 1 and "
            "still has a slope.",
            (
                lambda new, old, ref: _k3(new, ref),
                lambda new, old, ref: _rho(new, old).detach() * _k3(new, ref),
            ),
        ),
        Mistake(
            "no_gradient",
            "Nothing flows back to the log-probs: a penalty in the loss without a gradient is a "
            "number that is printed, and no more.",
            (lambda new, old, ref: (new - ref).detach(), lambda new, old, ref: ref.clone()),
        ),
        Mistake(
            "sign",
            "Your gradient is that of the reverse KL with the sign flipped: the policy would be "
            "driven away from the reference, faster and faster. A loss is made small.",
            (
                lambda new, old, ref: -_rho(new, old) * _k3(new, ref),
                lambda new, old, ref: -((new - ref) ** 2) / 2,
            ),
        ),
        Mistake(
            "half_forgotten",
            "The direction is right and the gradient is twice too large. The slope of a square is "
            "twice its root: that is what the half is for.",
            (lambda new, old, ref: (new - ref) ** 2,),
        ),
        Mistake(
            "reversed",
            "You swapped policy and reference inside k3. Neither the value nor the gradient is "
            "that of a KL then.",
            (
                lambda new, old, ref: _k3(ref, new),
                lambda new, old, ref: _rho(new, old) * _k3(ref, new),
            ),
        ),
        Mistake(
            "absolute",
            "With an absolute value every token is pulled equally hard, whether it is a little off "
            "or very far. That is no KL.",
            (lambda new, old, ref: (new - ref).abs(),),
        ),
        Mistake(
            "weighted_twice",
            "You multiplied by the policy's probability. The mean is over tokens that were "
            "sampled, so each is there as often as it is likely already.",
            (
                lambda new, old, ref: new.exp() * (new - ref),
                lambda new, old, ref: new.exp() * _k3(new, ref),
            ),
        ),
        Mistake(
            "k3_as_a_reward",
            "In yours only the ratio has a slope, and k3 is a number beside it: that is k3 in the "
            "*reward*. Its average gradient is reverse minus forward, next to nothing near the "
            "reference. Let both factors be differentiated.",
            (lambda new, old, ref: _rho(new, old) * _k3(new, ref).detach(),),
        ),
        Mistake(
            "k2_weighted",
            "k2 needs no ratio: its slope by log pi is d, and the mean of that is what is wanted. "
            "With the ratio in front its *value* gets a slope as well, which is too much.",
            (
                lambda new, old, ref: _rho(new, old) * (new - ref) ** 2 / 2,
                lambda new, old, ref: _rho(new, old) * (new - ref) ** 2,
            ),
        ),
        Mistake(
            "ratio_to_the_reference",
            "Your ratio is the policy over the *reference*. The one that repairs k3 is the policy "
            "over the one that sampled, which is the policy itself, held still.",
            (lambda new, old, ref: (new - ref).exp() * _k3(new, ref),),
        ),
        Mistake(
            "ratio_upside_down",
            "Your ratio is upside down. It is 1 either way, and its slope has the other sign: "
            "the new probability over the old one.",
            (lambda new, old, ref: _rho(new, old).reciprocal() * _k3(new, ref),),
        ),
    ],
    hints=[
        "More than one answer is right. The table above has two of them in its rows: which uses "
        "gave the reverse KL?",
        "One way needs no ratio: an estimator whose slope by log pi is d itself. Then the average "
        "gradient is the mean of d times the gradient of log pi, and that is the reverse KL's.",
        "The other way: multiply k3 by the importance ratio, the new probability over the old one "
        "as a constant. It is 1, and its slope supplies what is missing.",
    ],
    well_done="your penalty has the gradient of the reverse KL, so the reference is a leash.",
)


# --- exercise 4: in the reward --------------------------------------------------------------------


def my_rewards(
    rewards: Tensor,
    logprobs: Tensor,
    ref_logprobs: Tensor,
    mask: Tensor,
    beta: float,
) -> Tensor:
    """Rewards (B,), log-probs and mask (B, T) -> rewards (B,)."""
    d = (logprobs - ref_logprobs).detach()
    return rewards - beta * (d * mask).sum(dim=1)


def _less(
    estimate: Callable[[Tensor], Tensor] = lambda d: d,
    total: Callable[[Tensor, Tensor], Tensor] = lambda d, m: (d * m).sum(dim=1),
    detach: bool = True,
    sign: float = -1.0,
    scale: Callable[[float], float] = lambda beta: beta,
) -> Callable[..., Tensor]:
    """Rewards less the KL, right but for what is passed in."""

    def less(r: Tensor, new: Tensor, ref: Tensor, mask: Tensor, beta: float) -> Tensor:
        d = (new - ref).detach() if detach else new - ref
        return r + sign * scale(beta) * total(estimate(d), mask)

    return less


def _penalised(f: Callable[..., Any], beta: float = 0.1) -> Tensor:
    """The rewards, and a 1 behind them where they would pass a gradient on."""
    rewards = torch.tensor([1.0, 0.0, 1.0])
    new = torch.tensor(
        [[-0.1, -2.0, -0.7, -3.0], [-0.05, -1.0, -2.0, -9.0], [-0.4, -0.3, -7.0, -9.0]]
    )
    ref = torch.tensor(
        [[-0.6, -1.2, -0.7, -4.5], [-0.06, -0.1, -2.5, -1.0], [-0.9, -1.3, -2.0, -1.0]]
    )
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]).bool()
    got = returned(f(rewards, new.requires_grad_(), ref, mask, beta))
    got = tensor(got)
    if got.shape != rewards.shape:
        raise WrongShape(
            f"One number a completion is wanted, so the shape (3,); yours has {tuple(got.shape)}."
        )
    return torch.cat([got.detach(), torch.tensor([float(got.requires_grad)])])


in_reward = Exercise(
    "06",
    "in_reward",
    solution_function=my_rewards,
    cases=[
        Case("For three completions of 4, 3 and 2 tokens, and 1 for a gradient", _penalised),
        Case("With a beta of 2", lambda f: _penalised(f, 2.0)),
    ],
    mistakes=[
        Mistake(
            "added",
            "You pay for being far from the reference. The KL is a cost: it is subtracted. (Or "
            "your difference is the wrong way round: policy minus reference.)",
            (_less(sign=1.0),),
        ),
        Mistake(
            "averaged",
            "You took the mean over tokens. The whole completion is one action, and the log of its "
            "probability is the *sum* over its tokens, so a long completion may stray as far as a "
            "short one in all and not in each token.",
            (
                _less(total=lambda d, m: (d * m).sum(dim=1) / m.sum(dim=1)),
                _less(total=lambda d, m: (d * m).mean(dim=1)),
            ),
        ),
        Mistake(
            "padding_counted",
            "Padding is in your sum: what stands behind the end of a completion is no token.",
            (_less(total=lambda d, m: d.sum(dim=1)),),
        ),
        Mistake(
            "k3",
            "You used k3. As a value it is fine, and it is less noisy. In the reward its average "
            "gradient is not that of the KL: reverse minus forward, which near the reference is "
            "nothing. Take the plain difference.",
            (_less(lambda d: (-d).exp() + d - 1),),
        ),
        Mistake(
            "k2",
            "You used k2. In the reward, where only the value counts, its square punishes a token "
            "that has become rarer as much as one that has become likelier. Take the plain "
            "difference.",
            (_less(lambda d: d**2 / 2),),
        ),
        Mistake(
            "weighted",
            "You multiplied each difference by the token's probability. The tokens were sampled, "
            "so a likely one is there more often already.",
            (
                lambda r, new, ref, mask, beta: (
                    r - beta * (new.exp() * (new - ref) * mask).sum(dim=1).detach()
                ),
            ),
        ),
        Mistake(
            "beta_forgotten",
            "The coefficient beta is missing.",
            (_less(scale=lambda beta: 1.0),),
        ),
        Mistake(
            "not_detached",
            "The numbers are right, and they hang on to the policy: a reward is a number, and no "
            "gradient flows through it.",
            (_less(detach=False),),
        ),
        Mistake(
            "whole_batch",
            "You took the KL of the whole batch from every completion. What all share, the group's "
            "mean takes out again: each completion pays for its own tokens.",
            (
                _less(total=lambda d, m: (d * m).sum()),
                _less(total=lambda d, m: (d * m).sum() / m.sum()),
            ),
        ),
        Mistake(
            "never_below_zero",
            "Right, except where the KL costs more than the reward was worth: yours stops at 0. "
            "A reward may be below 0, and how far it is says how far the policy has strayed.",
            (lambda *x: my_rewards(*x).clamp(min=0),),
        ),
        Mistake(
            "beta_on_everything",
            "Your beta multiplies the reward as well. Set no bracket around the difference: only "
            "the KL has a price.",
            (
                lambda r, new, ref, m, beta: beta * my_rewards(r, new, ref, m, 1.0),
                lambda r, new, ref, m, beta: (1 - beta) * r + my_rewards(0 * r, new, ref, m, beta),
            ),
        ),
        Mistake(
            "divided_by_beta",
            "You divided by beta. A larger beta is to make a tighter leash.",
            (_less(scale=lambda beta: 1 / beta),),
        ),
        Mistake(
            "last_token_only",
            "You took the difference at the last token only. The policy has chosen every token of "
            "the completion, and all of them count.",
            (
                lambda r, new, ref, m, beta: (
                    r - beta * (new - ref).detach()[torch.arange(len(r)), m.sum(dim=1) - 1]
                ),
                lambda r, new, ref, m, beta: r - beta * (new - ref).detach()[:, -1],
            ),
        ),
        Mistake(
            "ratios_or_sizes",
            "You added ratios, or the sizes of the differences. What is added up is the difference "
            "of the log-probs as it is, above 0 or below: their sum is the logarithm of how much "
            "likelier the whole completion is.",
            (
                _less(lambda d: d.exp()),
                _less(lambda d: d.abs()),
                lambda r, new, ref, m, beta: (
                    r - beta * ((new.exp() - ref.exp()).detach() * m).sum(dim=1)
                ),
            ),
        ),
        Mistake(
            "multiplied",
            "You multiplied the reward by what is left after the KL. Then a wrong answer, whose "
            "reward is 0, may stray as far as it likes. The KL is subtracted.",
            (lambda r, new, ref, m, beta: r * my_rewards(torch.ones_like(r), new, ref, m, beta),),
        ),
    ],
    hints=[
        "Token by token a difference, then one sum a completion, then a subtraction.",
        "The mask is True on tokens: multiplied with it, everything behind the end becomes 0.",
        "A reward is a number. `.detach()` cuts it off from the policy that it was computed with.",
    ],
    well_done="your rewards are right: each completion pays for its own tokens, and only those.",
)


# --- quiz -----------------------------------------------------------------------------------------

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
