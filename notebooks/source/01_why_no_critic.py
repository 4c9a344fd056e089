# %% [markdown]
# # 01 · Why no critic
#
# PPO, GRPO's predecessor, trains two networks: the policy, and a **critic**
# that predicts the expected reward. GRPO has no critic and uses the rewards
# of the group instead. What does that cost, and what does it save? Here you
# measure it, on a problem so small that the exact answer is known.
#
# **After this notebook you will be able to**
# - compute a policy gradient exactly, and estimate it from samples,
# - say what a baseline does to the estimate, and what it leaves unchanged,
# - compare no baseline, a critic and a group, and say how large a group has
#   to be to replace a critic.
#
# **Time:** about 40 minutes, three exercises.
# **You need:** notebook 00, softmax, mean and variance. No GPU, no network.

# %%
import torch

from grpo_core.analysis import figures
from grpo_core.course import lesson01 as check

figures.use_style()

# %% [markdown]
# ## 1. Ten ways to answer
#
# A language model has more possible completions than there are atoms. Let
# us pretend there are ten. Such a problem is called a *ten-armed bandit*,
# after the slot machine: an arm is a completion, pulling it is sampling,
# and the reward is 1 or 0. Each arm has its own probability of a reward,
# which the policy does not know.
#
# The policy consists of ten logits and a softmax, as in the last layer of a
# language model.

# %%
logits = torch.tensor([1.5, 1, 0.5, 1, 0.5, 0, 0.5, -0.5, 0, -1])
values = torch.tensor([0.4, 0.7, 0.2, 0.5, 0.9, 0.1, 0.6, 0.8, 0.3, 1.0])

probabilities = torch.softmax(logits, dim=0)
expected = (probabilities * values).sum()
print(f"expected reward J = {expected:.3f}")

# %% [markdown]
# The quantity to maximise is the **expected reward**
#
# $$J(\theta) = \sum_a \pi_\theta(a)\, q(a),$$
#
# where $q(a)$ is the probability of a reward. With ten arms we can write
# down its gradient exactly:
#
# $$\frac{\partial J}{\partial \theta_k} = \pi(k)\,\big(q(k) - J\big)$$
#
# (Where does the $-J$ come from? Raising one logit takes probability from
# all other arms, because a softmax sums to 1.)
#
# **Before you go on:** a policy that follows this gradient raises the
# logits of some arms and lowers the others. Which does it raise? Arm 10 is
# always rewarded. Is its gradient the largest?
#
# <details><summary>Answer</summary>
#
# The gradient is positive for exactly those arms whose expected reward is
# above the policy's current mean, $J = 0.51$: 2, 5, 7, 8 and 10. Arm 10 is
# the best, but its gradient is not the largest, because the policy hardly
# ever tries it: the factor $\pi(k)$. The gradient of arm 5 is the largest.
# The gradient is large for an arm that is both better than average and
# already tried often.
#
# </details>

# %% [markdown]
# ### Exercise 1: the exact gradient
#
# Fill in the function for any logits and expected rewards. (Use its
# arguments. The `probabilities` and `expected` above belong to these ten
# arms; the check uses four arms of its own.)


# %% tags=["exercise"]
def my_gradient(logits: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return dJ/dlogits (K,) of logits (K,) and expected rewards (K,)."""
    raise NotImplementedError  # your code here


check.exact_gradient(my_gradient)


# %% tags=["solution"]
def my_gradient(logits: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return dJ/dlogits (K,) of logits (K,) and expected rewards (K,)."""
    probabilities = torch.softmax(logits, dim=0)
    expected = (probabilities * values).sum()
    return probabilities * (values - expected)


check.exact_gradient(my_gradient)

# %%
gradient = probabilities * (values - expected)
figures.policy_gradient(probabilities, values, gradient)

# %% [markdown]
# *See:* each bar on the right is the bar on the left times the distance of
# the middle bar from the dashed line.

# %% [markdown]
# ## 2. The gradient from samples
#
# A language model has no table of all completions. It has a few samples and
# their rewards. The method that makes learning possible anyway is called
# the *score function* estimator, or REINFORCE: sample arms $a_1 \dots a_G$,
# and average
#
# $$\hat g = \frac{1}{G} \sum_{i=1}^{G} A_i \,
#   \nabla_\theta \log \pi(a_i), \qquad
#   \frac{\partial \log \pi(a)}{\partial \theta_k}
#   = \mathbf 1[k = a] - \pi(k).$$
#
# With $A_i = r_i$, the plain reward, the mean of $\hat g$ over all possible
# samples is exactly the gradient above. The `loss.backward()` of a policy
# gradient trainer computes this estimate, with one number per weight of the
# network.

# %% [markdown]
# ### Exercise 2: the estimate
#
# You get one group of G samples: the arm of each, and its weight $A_i$.
# Return the estimate $\hat g$, one number per arm.
#
# <details><summary>Hint: the indicator</summary>
#
# `torch.nn.functional.one_hot(actions, K)` has one row per sample, with a 1
# at its arm and 0 elsewhere.
#
# </details>


# %% tags=["exercise"]
def my_estimate(
    logits: torch.Tensor, actions: torch.Tensor, advantages: torch.Tensor
) -> torch.Tensor:
    """Return the estimate (K,); arms are (G,) int64, weights (G,)."""
    raise NotImplementedError  # your code here


check.estimate(my_estimate)


# %% tags=["solution"]
def my_estimate(
    logits: torch.Tensor, actions: torch.Tensor, advantages: torch.Tensor
) -> torch.Tensor:
    """Return the estimate (K,); arms are (G,) int64, weights (G,)."""
    one_hot = torch.nn.functional.one_hot(actions, len(logits))
    score = one_hot - torch.softmax(logits, dim=0)
    return (advantages.unsqueeze(1) * score).mean(dim=0)


check.estimate(my_estimate)

# %% [markdown]
# The kit's version handles N groups at once. Let us draw 400 groups of 8,
# and look at two of the ten numbers of every estimate: that of arm 1, whose
# gradient is negative, and that of arm 5, whose gradient is positive.
#
# On the left the weight is the reward. On the right it is the reward minus
# $J$: how much *better or worse than expected* the sample was. A number
# that is subtracted from the reward in this way is called a **baseline**.
#
# **Before you go on:** the baseline is the same number for every arm. Does
# it move the centre of the cloud? Does it change its width?

# %%
from grpo_core.course.toys.bandit import draw, estimates

groups = draw(logits, values, groups=400, size=8, seed=0)
plain = estimates(logits, groups.actions, groups.rewards)
centered = estimates(logits, groups.actions, groups.rewards - expected)

figures.gradient_estimates(
    {"no baseline": plain[:, [0, 4]], "baseline J": centered[:, [0, 4]]},
    gradient[[0, 4]],
    names=("arm 1", "arm 5"),
)

# %% [markdown]
# *See:* both clouds are centred on the same cross, the exact gradient, and
# the right one is tighter. **This baseline does not change the mean of the
# estimates, and it makes them less noisy.** The mean does not change
# because the probabilities sum to 1 whatever the logits are: $\sum_a \pi(a)
# \nabla \log \pi(a) = 0$.
#
# Note how large the noise is, though. Every dot is a group of 8, and for
# many of them the estimate for arm 5 has the wrong sign. A single group is
# unreliable; a training step averages over many.

# %% [markdown]
# ## 3. Where to get the baseline
#
# We do not know $J$. And it differs from prompt to prompt: on an easy
# problem 0.5 is bad, on a hard one it is excellent. There are three common
# solutions:
#
# - **A critic** (PPO): a second network that reads the prompt and predicts
#   $J$. It is as large as the policy, is trained alongside it with its own
#   optimizer, and starts out wrong.
# - **The mean of the group** (GRPO): the G samples of the same prompt are
#   there anyway.
# - **The mean of the others** (RLOO, *leave one out*): the same, without
#   the completion's own reward.
#
# Is there a difference between the last two? With the group mean, a
# completion is compared with an average that includes its own reward. Take
# G = 2 and rewards 1 and 0: the mean is 0.5, so the weights are +0.5 and
# −0.5. Compared with the other one only, they are +1 and −1.

# %% [markdown]
# ### Exercise 3: leave one out
#
# Return every reward minus the mean of the **other** rewards of its group.
# No loop is needed.
#
# <details><summary>Hint: without a loop</summary>
#
# The sum of the others is the sum of all minus the reward itself.
#
# </details>


# %% tags=["exercise"]
def my_leave_one_out(rewards: torch.Tensor) -> torch.Tensor:
    """Return advantages (N, G) of rewards (N, G), one row per group."""
    raise NotImplementedError  # your code here


check.leave_one_out(my_leave_one_out)


# %% tags=["solution"]
def my_leave_one_out(rewards: torch.Tensor) -> torch.Tensor:
    """Return advantages (N, G) of rewards (N, G), one row per group."""
    size = rewards.shape[1]
    others = rewards.sum(dim=1, keepdim=True) - rewards
    return rewards - others / (size - 1)


check.leave_one_out(my_leave_one_out)

# %% [markdown]
# Now look at both on the same rewards:

# %%
from grpo_core.algorithm.advantages import group_advantages

rewards = torch.tensor([[1.0, 1, 0, 0, 1, 0, 0, 0]])
mean_of_all = group_advantages(rewards, scale_rewards="none")
mean_of_others = group_advantages(rewards, scale_rewards="loo")
for name, a in (("all", mean_of_all), ("others", mean_of_others)):
    print(f"{name:>7}:", "  ".join(f"{x:+.3f}" for x in a[0].tolist()))
ratio = (mean_of_others / mean_of_all).unique().item()
print(f"  ratio: {ratio:.4f} = G / (G - 1) = {8 / 7:.4f}")

# %% [markdown]
# The ratio is the same for all completions. With $S$ the sum of all
# rewards:
#
# $$r_i - \frac{S - r_i}{G - 1} = \frac{G\, r_i - S}{G - 1}
#   = \frac{G}{G - 1} \Big( r_i - \frac{S}{G} \Big)$$
#
# So the group mean gives $(G-1)/G$ of the gradient: slightly too short, but
# in the right direction. Is that really so? We can check it. With two
# samples and ten arms there are 10 × 10 pairs of arms and 2 × 2 pairs of
# rewards. We can go through all 400 cases and weight each by its
# probability.

# %%
from grpo_core.course.toys.bandit import expected_estimate

exact = gradient
of_all = expected_estimate(logits, values, size=2, scale_rewards="none")
of_others = expected_estimate(logits, values, size=2, scale_rewards="loo")
figures.expected_gradients(
    exact,
    {"mean of all, G = 2": of_all, "mean of the others, G = 2": of_others},
)

# %% [markdown]
# *See:* with the mean of the others, every bar matches the exact gradient.
# With the mean of all, every bar has half the length, which is $(G-1)/G$
# for $G = 2$. For an optimizer such as Adam, which normalises the
# gradient's scale, the factor hardly matters. (GRPO also divides by the
# standard deviation. Notebook 04 examines that.)

# %% [markdown]
# ## 4. How good is a group?
#
# Now the main question of this notebook. A perfect critic knows $J$. A
# group estimates it from G samples. How much noisier does that make the
# gradient estimate?
#
# We measure noise by the **variance**: the mean squared distance of the
# estimates from their mean, added up over the ten numbers. We compare four
# baselines:
#
# - none;
# - a critic that is off by 0.4, because it predicts the same for easy and
#   hard problems, or has only just begun to learn;
# - a perfect critic;
# - the mean of the others in the group.
#
# **Before you go on:** guess. For the group to be within 10% of the perfect
# critic, how large must it be: 2, 4, 16 or 64?

# %% tags=["measured"]
sizes = [2, 4, 8, 16, 32, 64]
noise = {"none": [], "critic off by 0.4": [], "perfect critic": []}
noise["mean of the others"] = []
for size in sizes:
    groups = draw(logits, values, groups=160_000 // size, size=size, seed=1)
    r = groups.rewards
    weights = {
        "none": r,
        "critic off by 0.4": r - (expected - 0.4),
        "perfect critic": r - expected,
        "mean of the others": group_advantages(r, scale_rewards="loo"),
    }
    for name, w in weights.items():
        variance = estimates(logits, groups.actions, w).var(dim=0).sum()
        noise[name].append(variance.item())

perfect = noise["perfect critic"]
for name, variances in noise.items():
    times = [v / p for v, p in zip(variances, perfect, strict=True)]
    print(f"{name:>18}:", "  ".join(f"{t:.2f}" for t in times))

# %%
figures.gradient_variance(sizes, noise, relative_to="perfect critic")

# %% [markdown]
# *See:* on the left, more samples reduce the variance of every estimate at
# the same rate, 1/G. On the right, the cost of not knowing $J$: at G = 2
# the group is no better than no baseline at all; from 16 on it is within
# 10% of a perfect critic. The excess is about $1/(G - 1)$: it comes from
# the variance of a mean of $G - 1$ rewards.
#
# **With the mean of the others, a group of 16 estimates the gradient with
# only 7% more variance than a perfect critic.** And no real critic is
# perfect: it has to be learned while the policy changes, and one that is
# off by 0.4 is noisier than a group of 4.

# %% [markdown]
# ## 5. Does it matter?
#
# Noise only matters if it slows learning down. So let us learn: 300 steps
# of 8 samples from the same starting point, 200 runs each, with four
# baselines. The learned critic is the simplest possible one: a running mean
# of the rewards it has seen.
#
# In the right picture, 3 is added to every reward.
#
# **Before you go on:** adding 3 to *every* reward does not change which arm
# is best. Which of the four baselines are affected?

# %%
from grpo_core.course.toys.bandit import learn

panels = {}
for title, offset in (("rewards 0 and 1", 0.0), ("rewards 3 and 4", 3.0)):
    panels[title] = {
        name: learn(
            logits, values, baseline=name, offset=offset, seed=2
        ).numpy()
        for name in ("none", "learned critic", "perfect critic", "group")
    }
figures.learning_bands(
    panels, "probability of a reward", best=values.max().item()
)

# %% [markdown]
# *See:* the curves of the group and of the perfect critic coincide in both
# pictures. Without a baseline, learning is acceptable on the left; on the
# right, the runs end far apart. A weight that is always positive increases
# the probability of whatever happened to be sampled, so a policy gets stuck
# on its first samples. The learned critic starts with the same error and
# corrects it, but late and not in every run.
#
# They all end at 0.9 and not at 1. That is arm 5. The policy tries arm 10
# in one of fifty samples, and by the time it could have learned that arm 10
# is better, it no longer samples it. A policy gradient learns from what is
# sampled; it does not search.
#
# The group is not affected by the 3: it subtracts its own mean, and the 3
# with it. **A group baseline needs no tuning, no warm-up and no training.**
# That is why GRPO can do without the critic.

# %% [markdown]
# ## 6. What a critic can do and a group cannot
#
# To be fair, here is the other side.
#
# - **A group costs samples.** Sixteen completions of one problem are
#   sixteen that were not spent on other problems. (Notebook 03 chooses G.)
# - **A group with zero reward variance carries no signal.** If all sixteen
#   answers are wrong, the group contributes nothing to the step. A critic
#   that expects 0.1 still gives each a negative advantage.
# - **A group gives one number per completion.** A critic makes a prediction
#   after every token, and may detect where a completion went wrong.
#   Notebook 08 measures whether that is worth having.

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(rises="", bias="", shift="", price="", critic="")

# %% tags=["solution"]
check.quiz(rises="c", bias="b", shift="a", price="c", critic="b")

# %% [markdown]
# ## Summary
#
# - The **policy gradient** raises the logits of what is better than
#   expected, in proportion to how often it is tried.
# - It is **estimated** from samples as weight × gradient of the
#   log-probability. A **baseline** leaves the mean of the estimate
#   unchanged and can lower its variance.
# - The **mean of the others** is an unbiased group baseline. It gives G/(G
#   − 1) times the advantages of the **mean of all**.
# - Its variance is about 1 + 1/(G − 1) times that of a perfect critic: 2
#   times at G = 2, 1.07 times at G = 16.
#
# **Next:** notebook 02 writes the rewards that all of this depends on, and
# tries to cheat them.
#
# ### Further reading
#
# - Williams 1992, *Simple Statistical Gradient-Following Algorithms for
#   Connectionist Reinforcement Learning*, Machine Learning 8, 229–256.
#   REINFORCE, and the baseline.
# - Greensmith, Bartlett and Baxter 2004, *Variance Reduction Techniques for
#   Gradient Estimates in Reinforcement Learning*, JMLR 5, 1471–1530.
#   Which baseline is best, and by how much.
# - Kool, van Hoof and Welling 2019, *Buy 4 REINFORCE Samples, Get a
#   Baseline for Free!*, ICLR workshop "Deep RL Meets Structured
#   Prediction". Leave one out, as used here.
# - Ahmadian et al. 2024, *Back to Basics: Revisiting REINFORCE Style
#   Optimization for Learning from Human Feedback in LLMs*,
#   arXiv:2402.14740. RLOO for language models.
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Section 4.1 and
#   figure 4: PPO with its critic, and GRPO without.
# - Schulman et al. 2016, *High-Dimensional Continuous Control Using
#   Generalized Advantage Estimation*, arXiv:1506.02438. What a critic is
#   good for at every token.
