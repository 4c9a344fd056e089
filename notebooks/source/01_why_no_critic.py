# %% [markdown]
# # 01 · Why no critic
#
# PPO, the algorithm before GRPO, trains two networks: the policy, and a
# **critic** that says what reward to expect. GRPO leaves the critic out and
# asks the group. What does that cost, and what does it save? Here you
# measure it, on a problem so small that the exact answer is known.
#
# **After this notebook you will be able to**
# - work out a policy gradient exactly, and estimate it from samples,
# - say what a baseline does to the estimate, and what it leaves alone,
# - compare no baseline, a critic and a group, and say how large a group
#   has to be to do without a critic.
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
# after the slot machine; an arm is a completion, pulling it is sampling,
# and the reward is 1 or 0. Each arm has its chance of a reward, which the
# policy does not know.
#
# The policy is ten scores and a softmax, as in the last layer of a language
# model.

# %%
logits = torch.tensor([1.5, 1, 0.5, 1, 0.5, 0, 0.5, -0.5, 0, -1])
values = torch.tensor([0.4, 0.7, 0.2, 0.5, 0.9, 0.1, 0.6, 0.8, 0.3, 1.0])

probabilities = torch.softmax(logits, dim=0)
expected = (probabilities * values).sum()
print(f"expected reward J = {expected:.3f}")

# %% [markdown]
# The number to be made large is the **expected reward**
#
# $$J(\theta) = \sum_a \pi_\theta(a)\, q(a),$$
#
# with $q(a)$ the chance of a reward. With ten arms we can write its
# gradient down exactly:
#
# $$\frac{\partial J}{\partial \theta_k} = \pi(k)\,\big(q(k) - J\big)$$
#
# (Where does the $-J$ come from? Raising one score takes probability from
# all others: a softmax has to sum to 1.)
#
# **Before you go on:** a policy that follows this gradient makes some arms
# likelier. Which? Arm 10 is always rewarded. Is it the one that is pushed
# hardest?
#
# <details><summary>Answer</summary>
#
# Exactly those arms rise whose reward is above the mean of what the policy
# gets now, $J = 0.51$: 2, 5, 7, 8 and 10. Arm 10 is the best, and is not
# pushed hardest, since it is hardly ever tried: the factor $\pi(k)$. Arm 5
# is pushed hardest. A policy learns fastest what it already does sometimes.
#
# </details>

# %% [markdown]
# ### Exercise 1: the exact gradient
#
# Fill in the function for any scores and chances. (Use its arguments. The
# `probabilities` and `expected` above are those of these ten arms; the
# check comes with four of its own.)


# %% tags=["exercise"]
def my_gradient(logits: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Scores (K,) and expected rewards (K,) -> dJ/dlogits (K,)."""
    raise NotImplementedError  # your code here


check.exact_gradient(my_gradient)


# %% tags=["solution"]
def my_gradient(logits: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Scores (K,) and expected rewards (K,) -> dJ/dlogits (K,)."""
    probabilities = torch.softmax(logits, dim=0)
    expected = (probabilities * values).sum()
    return probabilities * (values - expected)


check.exact_gradient(my_gradient)

# %%
gradient = probabilities * (values - expected)
figures.policy_gradient(probabilities, values, gradient)

# %% [markdown]
# *See:* the right picture is the left one times the distance of the middle
# one to its dashed line.

# %% [markdown]
# ## 2. The gradient from samples
#
# A language model has no table of all completions. It has a few samples,
# and their rewards. The trick that makes learning possible all the same is
# called the *score function* or REINFORCE: sample arms $a_1 \dots a_G$, and
# average
#
# $$\hat g = \frac{1}{G} \sum_{i=1}^{G} A_i \,
#   \nabla_\theta \log \pi(a_i), \qquad
#   \frac{\partial \log \pi(a)}{\partial \theta_k}
#   = \mathbf 1[k = a] - \pi(k).$$
#
# With $A_i = r_i$, the plain reward, the mean of $\hat g$ over all possible
# samples is exactly the gradient above. This is what `loss.backward()`
# computes in every trainer, for as many scores as there are weights.

# %% [markdown]
# ### Exercise 2: the estimate
#
# One group of G samples: which arms, and the weight $A_i$ of each. Give the
# estimate $\hat g$, one number an arm.
#
# <details><summary>Hint: the indicator</summary>
#
# `torch.nn.functional.one_hot(actions, K)` has a row for each sample, with
# a 1 at its arm and 0 elsewhere.
#
# </details>


# %% tags=["exercise"]
def my_estimate(
    logits: torch.Tensor, actions: torch.Tensor, advantages: torch.Tensor
) -> torch.Tensor:
    """Scores (K,), arms (G,) int64, weights (G,) -> estimate (K,)."""
    raise NotImplementedError  # your code here


check.estimate(my_estimate)


# %% tags=["solution"]
def my_estimate(
    logits: torch.Tensor, actions: torch.Tensor, advantages: torch.Tensor
) -> torch.Tensor:
    """Scores (K,), arms (G,) int64, weights (G,) -> estimate (K,)."""
    one_hot = torch.nn.functional.one_hot(actions, len(logits))
    score = one_hot - torch.softmax(logits, dim=0)
    return (advantages.unsqueeze(1) * score).mean(dim=0)


check.estimate(my_estimate)

# %% [markdown]
# The kit's version does N groups at once. Let us draw 400 groups of 8, and
# look at two of the ten numbers of every estimate: those of arm 1, which is
# to fall, and of arm 5, which is to rise.
#
# On the left the weight is the reward. On the right it is the reward minus
# $J$, so that it says *better or worse than expected*. Something that is
# subtracted from the reward is called a **baseline**.
#
# **Before you go on:** the baseline is the same number for every arm. Does
# it move the middle of the cloud? Does it change its width?

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
# *See:* both clouds lie around the same cross, the exact gradient, and the
# right one is tighter. **A baseline changes no estimate on average, and
# makes all of them less noisy.** It cancels out, because the probabilities
# sum to 1 whatever the scores: $\sum_a \pi(a) \nabla \log \pi(a) = 0$.
#
# Mind the size of the noise, though. Every dot is a group of 8, and many
# have arm 5 on the wrong side of 0. One group is a poor adviser; a training
# step asks many.

# %% [markdown]
# ## 3. Where to get the baseline
#
# $J$ is what we do not know. And it is another number for every prompt: on
# an easy problem 0.5 is bad, on a hard one it is wonderful. Three ways out:
#
# - **A critic** (PPO): a second network that looks at the prompt and
#   predicts $J$. As large as the policy, trained beside it, with an
#   optimizer of its own; and wrong to begin with.
# - **The mean of the group** (GRPO): G samples of the same prompt are there
#   anyway.
# - **The mean of the others** (RLOO, *leave one out*): the same, without
#   one's own reward.
#
# Is there a difference between the last two? With the group's mean a
# completion is compared with an average that it is part of. Take G = 2 and
# rewards 1 and 0: the mean is 0.5, so the weights are +0.5 and −0.5.
# Against the other one they are +1 and −1.

# %% [markdown]
# ### Exercise 3: leave one out
#
# Every reward minus the mean of the **other** rewards of its group.
# No loop is needed.
#
# <details><summary>Hint: without a loop</summary>
#
# The sum of the others is the sum of all, minus one's own.
#
# </details>


# %% tags=["exercise"]
def my_leave_one_out(rewards: torch.Tensor) -> torch.Tensor:
    """Rewards (N, G), one row a group -> advantages (N, G)."""
    raise NotImplementedError  # your code here


check.leave_one_out(my_leave_one_out)


# %% tags=["solution"]
def my_leave_one_out(rewards: torch.Tensor) -> torch.Tensor:
    """Rewards (N, G), one row a group -> advantages (N, G)."""
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
# Always the same factor. With $S$ the sum of all rewards:
#
# $$r_i - \frac{S - r_i}{G - 1} = \frac{G\, r_i - S}{G - 1}
#   = \frac{G}{G - 1} \Big( r_i - \frac{S}{G} \Big)$$
#
# So the mean of the group gives $(G-1)/G$ of the gradient: a little too
# little, and in the right direction. Is that so? We need not believe it.
# With two samples and ten arms there are 10 × 10 pairs of arms and 2 × 2
# pairs of rewards. We can go through all 400, and weigh each by its
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
# *See:* the mean of the others hits every bar exactly; the mean of all
# gives half of it, which is $(G-1)/G$ for $G = 2$. With an optimizer such
# as Adam, which does not care about the length of a gradient, the factor is
# of no consequence. (GRPO divides by the standard deviation as well.
# Notebook 04 takes that apart.)

# %% [markdown]
# ## 4. How good is a group?
#
# Now the question of this notebook. A perfect critic knows $J$. A group
# guesses it from G samples. How much noisier is the estimate for it?
#
# We measure noise by the **variance**: how far estimates scatter around
# their mean, squared, added up over the ten numbers. Four baselines:
#
# - none;
# - a critic that is off by 0.4, as one is that says the same for easy and
#   for hard problems, or has just begun to learn;
# - a perfect critic;
# - the mean of the others of the group.
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
# *See:* on the left, more samples make every estimate better, by the same
# law 1/G. On the right, the price of not knowing $J$: at G = 2 the group is
# no better than no baseline at all; from 16 on it is within 10% of a critic
# that knows everything. The excess is about $1/(G - 1)$: the variance of a
# mean of $G - 1$ rewards.
#
# **A group of 16 does what a perfect critic would do, for 7% more noise.**
# And no critic is perfect: it has to be learned while the policy changes
# under it, and one that is off by 0.4 is noisier than a group of 4.

# %% [markdown]
# ## 5. Does it matter?
#
# Noise is only worth worrying about if it slows learning down. So let us
# learn: 300 steps of 8 samples from the same start, 200 times over, with
# four baselines. The learned critic is the simplest there is: a running
# mean of the rewards it has seen.
#
# In the right picture every reward has 3 added to it.
#
# **Before you go on:** adding 3 to *every* reward changes nothing about
# which arm is best. Which of the four will notice?

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
    panels, "chance of a reward", best=values.max().item()
)

# %% [markdown]
# *See:* the group and the perfect critic are the same curve, in both
# pictures. Without a baseline the left picture is passable, and in the
# right one each run goes its own way: a weight that is always positive
# praises whatever happened to be sampled, so a policy clings to its first
# accidents. The learned critic starts with the same mistake and gets over
# it, late, and not in every run.
#
# They all end at 0.9 and not at 1. That is arm 5: by the time a policy
# could have found out about arm 10, which it tried in one case of fifty, it
# had stopped trying it. A gradient follows what is sampled; it does not
# search.
#
# The group does not notice the 3: it subtracts its own mean, and the 3 goes
# with it. **No tuning, no start-up, nothing to train.** That is why GRPO
# can do without the critic.

# %% [markdown]
# ## 6. What a critic can do and a group cannot
#
# Fairness demands the other side.
#
# - **A group costs samples.** Sixteen completions of one problem are
#   sixteen that were not spent on other problems. (Notebook 03 chooses G.)
# - **A group says nothing when it ties**: sixteen wrong answers, and the
#   step is lost. A critic that expects 0.1 still has something to say.
# - **A group gives one number a completion.** A critic has an opinion after
#   every token, and may notice where things went wrong. Whether it is worth
#   having is measured in notebook 08.

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
# - The **policy gradient** raises what is better than expected, in
#   proportion to how often it is tried.
# - It is **estimated** from samples by weight × gradient of the
#   log-probability. A **baseline** changes no average and lowers the noise.
# - The **mean of the others** is the group's baseline without bias, and
#   G/(G − 1) times the reward minus the **mean of all**.
# - Its noise is about 1 + 1/(G − 1) times that of a perfect critic: 2 times
#   at G = 2, 1.07 times at G = 16.
#
# **Next:** notebook 02 writes the rewards that all this runs on, and tries
# to cheat them.
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
