"""KL estimators, their gradients, and the drift of a policy from its reference."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from grpo_core.analysis.figures.parts import different, printable
from grpo_core.analysis.figures.style import DOWN, LINES, OKABE_ITO, UP

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def kl_estimators(reach: float = 2.5) -> "Figure":
    """Draw the three estimators for one token, and their slopes, over d = log π − log π_ref."""
    d = np.linspace(-reach, reach, 201)
    curves = {
        "k1 = d": (d, np.ones_like(d)),
        "k2 = d² / 2": (d**2 / 2, d),
        "k3 = exp(−d) + d − 1": (np.exp(-d) + d - 1, 1 - np.exp(-d)),
    }
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    colors = (OKABE_ITO["orange"], OKABE_ITO["green"], UP)
    for (name, pair), color, line in zip(curves.items(), colors, LINES, strict=False):
        for ax, curve in zip(axes, pair, strict=True):
            ax.plot(d, curve, line, color=color, label=name)
    ink = plt.rcParams["text.color"]
    for ax in axes:
        ax.axhline(0, color=ink, linewidth=0.8)
        ax.axvline(0, color=ink, linewidth=0.8)
        ax.set_xlabel("d (left: more likely under the reference)")
    axes[0].set(title="Value", ylabel="estimate (nats)")
    axes[1].set(title="Slope", ylabel="weight of ∇ log π")
    axes[0].legend()
    plt.close(figure)
    return figure


def kl_estimates(exact: float, estimates: Mapping[str, Sequence[float]], size: int) -> "Figure":
    """Draw histograms of many estimates of one KL, by estimator.

    Args:
        exact: the exact KL.
        estimates: estimator -> its estimates, one per sample.
        size: the number of tokens in each sample.
    """
    figure, axes = plt.subplots(
        len(estimates), 1, figsize=(7.5, 1.15 * len(estimates) + 0.9), sharex=True, sharey=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    every = np.concatenate([np.asarray(v, float) for v in estimates.values()])
    bins = np.linspace(every.min(), every.max(), 61)
    colors = (OKABE_ITO["orange"], OKABE_ITO["green"], UP)
    ink = plt.rcParams["text.color"]
    for ax, (name, values), color in zip(axes[:, 0], estimates.items(), colors, strict=False):
        v = np.asarray(values, float)
        ax.hist(v, bins, color=color)
        ax.axvline(exact, color=ink, linestyle="--", label="exact KL")
        ax.plot(v.mean(), 0, "^", color=ink, markersize=10, clip_on=False, label="mean estimate")
        ax.set_ylabel(name)
        ax.set_yticks([])
    axes[0][0].legend()
    axes[-1][0].set_xlabel(f"estimate from {size} tokens (nats)")
    plt.close(figure)
    return figure


def kl_gradients(
    reverse: Sequence[float], forward: Sequence[float], uses: Mapping[str, Sequence[float]]
) -> "Figure":
    """Draw the expected gradient of every use of a KL estimator, beside those of the two KLs.

    Args:
        reverse, forward: the gradients of KL(pi, ref) and of KL(ref, pi), one number per answer.
        uses: use -> its expected gradient.
    """
    wide, high = 3, -(-len(uses) // 3)
    figure, axes = plt.subplots(
        high, wide, figsize=(10, 2.5 * high + 0.5), sharex=True, sharey=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    ink, x = plt.rcParams["text.color"], np.arange(len(reverse))
    for ax, (name, gradient) in zip(axes.flat, uses.items(), strict=False):
        ax.bar(x, np.asarray(gradient, float), color=OKABE_ITO["sky"], label="expected gradient")
        ax.axhline(0, color=ink, linewidth=0.8)
        ax.plot(
            x,
            reverse,
            "o",
            color=ink,
            markersize=7,
            fillstyle="none",
            label="gradient of the reverse KL",
        )
        ax.plot(
            x,
            forward,
            "x",
            color=DOWN,
            markersize=7,
            markeredgewidth=2,
            label="gradient of the forward KL",
        )
        ax.set_title(name, fontsize=10)
        ax.set_xticks(x, [str(i + 1) for i in x])
    for ax in axes[-1]:
        ax.set_xlabel("answer")
    for ax in axes[:, 0]:
        ax.set_ylabel("∂ / ∂ logit")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    plt.close(figure)
    return figure


def trained_policies(
    reference: Sequence[float],
    rewards: Sequence[float],
    best: Sequence[float],
    ends: Mapping[str, Sequence[float]],
) -> "Figure":
    """Draw the policies at the end of training for several uses of the KL, beside the optimum.

    Args:
        reference: probabilities of the answers at the start.
        rewards: the rewards of the answers.
        best: the policy that maximises the reward minus beta KL.
        ends: use of the KL -> probabilities after training.
    """
    wide, high = 3, -(-len(ends) // 3)
    figure, axes = plt.subplots(
        high, wide, figsize=(10, 2.4 * high + 0.6), sharex=True, sharey=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    ink, x = plt.rcParams["text.color"], np.arange(len(best))
    for ax, (name, end) in zip(axes.flat, ends.items(), strict=False):
        ax.bar(x, np.asarray(end, float), color=OKABE_ITO["sky"], label="after training")
        ax.plot(x, best, "o", color=ink, markersize=7, fillstyle="none", label="optimum")
        ax.plot(x, reference, "_", color=DOWN, markersize=16, markeredgewidth=2, label="reference")
        ax.set_title(name, fontsize=10)
        ax.set_xticks(x, [f"{i + 1}\nr={r:g}" for i, r in enumerate(rewards)])
        ax.set_ylim(0, 1)
    for ax in axes[-1]:
        ax.set_xlabel("answer and its reward")
    for ax in axes[:, 0]:
        ax.set_ylabel("probability")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    plt.close(figure)
    return figure


def kl_drift(
    steps: Sequence[int],
    estimates: Mapping[str, Sequence[float]],
    share: Sequence[float],
    window: int = 9,
) -> "Figure":
    """Draw how far a run drifts from its reference, and the share of the top 1% of tokens.

    Args:
        steps: the steps of the run.
        estimates: estimator -> its mean over the tokens of each step.
        share: the share of k3's sum at each step that the top 1% of the tokens contribute.
        window: the number of steps that the thick lines average over.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    colors = (OKABE_ITO["orange"], OKABE_ITO["green"], UP)
    smooth = np.ones(window) / window
    middle = np.asarray(steps)[window // 2 : len(steps) - (window - 1) // 2]
    for (name, values), color, line in zip(estimates.items(), colors, LINES, strict=False):
        left.plot(steps, values, color=color, linewidth=0.6, alpha=0.5)
        mean = np.convolve(np.asarray(values, float), smooth, mode="valid")
        left.plot(middle, mean, line, color=color, linewidth=2, label=name)
    left.axhline(0, color=plt.rcParams["text.color"], linewidth=0.8)
    left.set(title="Three estimates", xlabel="step", ylabel="KL (nats per token)")
    left.legend(title=f"thick: mean of {window} steps", fontsize=8)
    right.plot(steps, 100 * np.asarray(share, float), ".", color=UP)
    right.set(
        title="Share of the top 1% of tokens", xlabel="step", ylabel="% of k3's sum", ylim=(0, 103)
    )
    plt.close(figure)
    return figure


def two_probabilities(
    logprobs: Sequence[float], ref_logprobs: Sequence[float], tokens: Sequence[str], names: int = 6
) -> "Figure":
    """Draw sampled tokens by their probability under the reference and under the policy.

    Args:
        logprobs, ref_logprobs: one number per token.
        tokens: the (untrusted) tokens.
        names: how many different tokens to label on each side.
    """
    new, ref = np.exp(np.asarray(logprobs, float)), np.exp(np.asarray(ref_logprobs, float))
    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    d = np.log(new) - np.log(ref)
    k3 = np.exp(-d) + d - 1
    order = np.argsort(k3)
    cells = axes.scatter(
        ref[order], new[order], c=np.log10(np.maximum(k3[order], 1e-4)), s=14, cmap="viridis"
    )
    lowest = 0.5 * float(min(new.min(), ref.min()))
    axes.plot([lowest, 1], [lowest, 1], color=plt.rcParams["text.color"], linewidth=0.8)
    sides = (np.argsort(-d), np.argsort(d))  # unlikely under the reference; under the policy
    for i in (i for side in sides for i in different(tokens, side, names)):
        axes.annotate(
            printable(tokens[i]), (ref[i], new[i]), xytext=(5, -4), textcoords="offset points",
            fontsize=8, family="DejaVu Sans Mono", parse_math=False,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=(lowest, 1.6), ylim=(lowest, 1.6))
    axes.set(xlabel="probability under the reference", ylabel="probability under the policy")
    bar = figure.colorbar(cells, ax=axes, label="k3 of the token (nats, powers of ten)")
    bar.outline.set_visible(False)
    plt.close(figure)
    return figure
