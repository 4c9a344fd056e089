# %% [markdown]
# # 03 · How many completions, and how different
#
# GRPO compares the completions of a group. So they must differ, and some
# must be better than others. Two settings determine that: the
# **temperature** T and the **group size** G. Here you see what each does,
# on a real (tiny) model, and choose.
#
# **After this notebook you will be able to**
# - sample at a temperature, and say what it trades off,
# - estimate pass@k without bias, and interpret it with care,
# - predict how many groups of a step will carry a signal,
# - choose G for a given budget of samples.
#
# **Time:** about 40 minutes, three exercises.
# **You need:** notebook 00. The model comes with the kit. No GPU, no
# network.

# %%
import math
import random

import torch
from transformers.utils import logging

from grpo_core.analysis import figures
from grpo_core.course import lesson03 as check
from grpo_core.models.policy import load_policy
from grpo_core.tasks import get_task

figures.use_style()
torch.set_num_threads(1)
logging.disable_progress_bar()

policy = load_policy("tiny")
task = get_task("countdown")
held_out = list(task.problems("test"))  # held out: not in training
problems = random.Random(0).sample(held_out, 32)

# %% [markdown]
# ## 1. Temperature
#
# A language model gives every token of its vocabulary a *logit*. To sample,
# the logits are divided by the temperature, and a softmax turns them into
# probabilities:
#
# $$\pi_T(v) = \frac{\exp(z_v / T)}{\sum_w \exp(z_w / T)}$$
#
# **Before you go on:** what happens to the probabilities as T gets very
# small? Very large? And at T = 1?
#
# <details><summary>Answer</summary>
#
# Small T: the differences between the logits grow, and the most likely
# token gets all of the probability. Large T: they shrink towards 0, and all
# tokens become equally likely. At T = 1 the model samples from the
# distribution it was trained to predict.
#
# </details>

# %% [markdown]
# ### Exercise 1: probabilities at a temperature
#
# T = 0 stands for the limit: the most likely token gets 1, all others 0.


# %% tags=["exercise"]
def my_probabilities(
    logits: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return probabilities (V,) of logits (V,); temperature >= 0."""
    raise NotImplementedError  # your code here


check.probabilities(my_probabilities)


# %% tags=["solution"]
def my_probabilities(
    logits: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return probabilities (V,) of logits (V,); temperature >= 0."""
    if temperature == 0:
        greedy = torch.zeros_like(logits)
        greedy[logits.argmax()] = 1
        return greedy
    return torch.softmax(logits / temperature, dim=0)


check.probabilities(my_probabilities)

# %% [markdown]
# The tiny model has read a prompt and is about to sample its first token.
# How likely are its candidates at three temperatures?

# %%
ids, _ = policy.encode([problems[0].prompt])
with torch.no_grad():
    logits = policy.model(ids).logits[0, -1]

likeliest = logits.topk(8).indices.tolist()
figures.temperatures(
    policy.pieces(likeliest),
    {
        f"T = {t}": torch.softmax(logits / t, dim=0)[likeliest].tolist()
        for t in (0.3, 1.0, 1.7)
    },
    title=problems[0].prompt,
)

# %% [markdown]
# *See:* the order of the tokens never changes, only how much probability
# the first ones get. One remark for later: **the loss has to use the
# sampling temperature.** If completions are sampled at T = 0.7 but their
# log-probabilities are computed at T = 1, the ratio is not 1 before the
# first update. This is a common bug, and it raises no error.

# %% [markdown]
# ## 2. What temperature does to a group
#
# Now whole completions. For each of 32 problems we sample a group of 16 at
# six temperatures, and ask of each group: how many completions are right?
# Is the group useful, that is, does it contain right *and* wrong
# completions?

# %%
from grpo_core.rewards import get_reward
from grpo_core.tasks import columns_of
from grpo_core.training.sampling import sample_groups

accuracy_reward = get_reward("accuracy_reward")


def rewards_of(size: int, temperature: float, seed: int = 0):
    """Return rewards (N, size), one group per problem, and the texts."""
    samples = sample_groups(
        policy,
        [problem.prompt for problem in problems],
        size,
        max_completion_length=160,
        temperature=temperature,
        generator=torch.Generator().manual_seed(seed),
    )
    rows = range(len(problems) * size)
    texts = [policy.decode(samples.completion(row)) for row in rows]
    columns = {
        name: [value for value in values for _ in range(size)]
        for name, values in columns_of(task, problems).items()
    }
    rewards = torch.tensor(accuracy_reward([], texts, **columns))
    return rewards.view(-1, size), texts


# %% [markdown]
# **Before you go on:** at which temperature are most single completions
# right? At which are most groups useful? Is it the same one?

# %% tags=["measured"]
sweep = [0.0, 0.3, 0.7, 1.0, 1.3, 1.7]
curves = {"right": [], "different texts": [], "useful groups": []}
for t in sweep:
    rewards, texts = rewards_of(16, t)
    right = rewards.sum(dim=1)
    groups = [set(texts[i : i + 16]) for i in range(0, len(texts), 16)]
    different = sum(map(len, groups)) / len(texts)
    curves["right"].append(rewards.mean().item())
    curves["different texts"].append(different)
    useful = (right > 0) & (right < 16)
    curves["useful groups"].append(useful.float().mean().item())
    print(
        f"T = {t}: "
        + ", ".join(f"{k} {v[-1]:.2f}" for k, v in curves.items())
    )

# %%
figures.temperature_sweep(sweep, curves)

# %% [markdown]
# *See:* the two disagree. Without randomness (T = 0) this model is right at
# least as often as at any other temperature (5 of 32 problems, too few to
# call it the best), and **not one group is useful**: the same text sixteen
# times, and the same reward sixteen times. A group needs variety to learn
# from. With far too much randomness, accuracy collapses. In between there
# is a broad range that works.
#
# GRPO is nearly always run at T = 1. It lies in the middle of that range,
# and it is the one temperature at which sampling and training see the same
# distribution without a correction. An *evaluation* may use another
# temperature; report it beside the number.

# %% [markdown]
# ## 3. pass@k
#
# How good could a policy become by preferring its own best samples? A
# measure of that is **pass@k**: the probability that at least one of k
# samples is right. One could draw k samples many times and count. It is
# cheaper to draw n samples once, find that c of them are right, and ask: of
# all ways to pick k of these n, what fraction contains a right one?
#
# $$\text{pass@}k = 1 - \binom{n-c}{k} \Big/ \binom{n}{k}$$
#
# The tempting shortcut is $1 - (1 - c/n)^k$. It draws *with* replacement.
# With n = k = 16 and a single right sample it gives 0.64, although the only
# possible set of 16 does contain the right one.

# %% [markdown]
# ### Exercise 2: pass@k without bias
#
# `math.comb(a, b)` is $\binom{a}{b}$, and 0 where b > a.


# %% tags=["exercise"]
def my_pass_at_k(n: int, c: int, k: int) -> float:
    """Return pass@k from n samples, of which c are right."""
    raise NotImplementedError  # your code here


check.pass_at_k(my_pass_at_k)


# %% tags=["solution"]
def my_pass_at_k(n: int, c: int, k: int) -> float:
    """Return pass@k from n samples, of which c are right."""
    return 1 - math.comb(n - c, k) / math.comb(n, k)


check.pass_at_k(my_pass_at_k)

# %% [markdown]
# We measure it with 64 samples of each of the 32 problems. For comparison,
# we add a player with no skill, who combines the numbers at random.
# Countdown is small enough to list every way to combine three numbers, so
# we know exactly how often that player is right.

# %% tags=["measured"]
rewards, texts = rewards_of(64, 1.0)
right = rewards.sum(dim=1).int().tolist()
ks = [1, 2, 4, 8, 16, 32, 64]
base = [sum(check.my_pass_at_k(64, c, k) for c in right) / 32 for k in ks]

by_chance = []
for problem in problems:
    ways = task.candidates(tuple(problem.columns["numbers"]))
    hits = sum(way.value == problem.columns["target"] for way in ways)
    by_chance.append(hits / len(ways))
blind = [sum(1 - (1 - p) ** k for p in by_chance) / 32 for k in ks]

print("     k:", "  ".join(f"{k:>4}" for k in ks))
print("  base:", "  ".join(f"{x:.2f}" for x in base))
print(" blind:", "  ".join(f"{x:.2f}" for x in blind))

# %%
from grpo_core.course.recordings import replay

run = replay.recorded("countdown-seed0")
after = run.frame()["eval/accuracy"].dropna().iloc[-1]
figures.pass_at_k(
    ks,
    {"the base model": base, "combining at random": blind},
    level=("one sample, after 125 steps of GRPO", after),
)

# %% [markdown]
# *See:* the base is right in about one sample of nine, and in 64 samples it
# solves every problem. After 125 steps of GRPO, *one* sample is as
# good as some twenty-five samples of the base. It is often said that **RL
# turns pass@k into pass@1**: it makes likely what was already possible.
#
# The other curve shows that combining numbers at random gets just as far,
# because there are so few possible answers. **A high pass@k at large k does
# not prove skill**, and in single samples this base shows none either. Its
# advantage is not better guesses but something it seldom uses: it can
# search and check (notebook 02, the last picture). pass@k does not show
# that; RL found it.

# %% [markdown]
# ## 4. Useful groups
#
# If a completion is right with probability p, independently of the others,
# then a group of G carries no signal in two cases: all right, or all wrong.
# It is useful with probability
#
# $$u(p, G) = 1 - p^G - (1 - p)^G$$
#
# ### Exercise 3: the probability of a useful group
#
# Compute it for many problems at once: p is a tensor.


# %% tags=["exercise"]
def my_useful(p: torch.Tensor, size: int) -> torch.Tensor:
    """Return the probability of a useful group (N,) for each p (N,)."""
    raise NotImplementedError  # your code here


check.useful(my_useful)


# %% tags=["solution"]
def my_useful(p: torch.Tensor, size: int) -> torch.Tensor:
    """Return the probability of a useful group (N,) for each p (N,)."""
    return 1 - p**size - (1 - p) ** size


check.useful(my_useful)

# %% [markdown]
# Does the formula hold for a real model? We have 64 samples per problem. We
# cut them into groups of 2, 4, 8, 16 and 32, and count. The formula gets
# only one number, the mean accuracy.
#
# **Before you go on:** problems are not all equally hard. Will more or
# fewer groups be useful than the formula predicts from the *mean* p?

# %% tags=["measured"]
mean = rewards.mean()
group_sizes = [2, 4, 8, 16, 32]
measured, predicted = [], []
for size in group_sizes:
    right = rewards.view(-1, size).sum(dim=1)
    mixed = (right > 0) & (right < size)
    measured.append(mixed.float().mean().item())
    predicted.append(check.my_useful(mean, size).item())
    print(
        f"G = {size:>2}: measured {measured[-1]:.2f}, "
        f"by the formula {predicted[-1]:.2f}"
    )

# %%
figures.useful_groups(
    sizes=(2, 4, 8, 16, 64),
    at=mean.item(),
    measured=(group_sizes, measured),
)

# %% [markdown]
# *See:* on the left, u is largest for problems that are solved half the
# time, and a larger group widens the range on both sides. On the right, the
# tiny model stays close to the formula, because nearly all problems are
# equally hard *for a model that mostly guesses*. Where it deviates, there
# are **fewer** useful groups than predicted: u is concave in p, so the mean
# of u is below u of the mean.
#
# That changes while a policy learns. Here is the recorded run, with 16
# samples per group and eight groups per step:

# %%
frame = run.frame().iloc[1:]  # step 0 only evaluates
accuracy = frame["rewards/accuracy_reward/mean"]
useful = 1 - frame["frac_reward_zero_std"]
formula = 1 - accuracy**16 - (1 - accuracy) ** 16
figures.useful_in_a_run(
    frame.index, accuracy=accuracy, measured=useful, predicted=formula
)

# %% [markdown]
# *See:* at first every group is useful, more than the formula predicts: in
# this run the format is rewarded too, so that wrong completions differ
# among themselves. Later the policy is right more and more often, and
# groups in which all sixteen are right carry no signal. At the end more
# than a third of the samples contribute nothing. That is more than the
# formula predicts: some problems are always solved and others are not, and
# the mean hides that.
#
# There are two remedies, which you will meet again: keep sampling until the
# batch is full of useful groups (DAPO's *dynamic sampling*), or use harder
# problems.

# %% [markdown]
# ## 5. Choose G
#
# A step has a budget, say 128 samples. That is 64 problems with 2 samples
# each, or 2 problems with 64. Which is better?

# %%
figures.budget(
    budget=128, sizes=(2, 4, 8, 16, 32, 64), chances=(0.02, 0.1, 0.5)
)

# %% [markdown]
# *See:* on the left, small groups give more useful groups for the same
# budget, always: u grows more slowly than G. On the right, they waste
# problems: a problem that is solved in 2% of the samples gives a useful
# group in 15% of its visits with G = 8, and in 73% with G = 64.
#
# | | small G | large G |
# |---|---|---|
# | baseline (notebook 01) | noisy: 1 + 1/(G − 1) | like a perfect critic |
# | problems per step | many | few |
# | hard problems | rarely useful | useful at most visits |
# | cost of the prompt | computed for few samples | shared by many samples |
#
# So no single G is best for everything. With many problems of medium
# difficulty, 8 is plenty. With few or hard problems, use 16 to 64. R1-Zero
# used 16, DeepSeekMath 64, DAPO 16, this kit 16.

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(zero="", passk="", hard="", mean="", budget="")

# %% tags=["solution"]
check.quiz(zero="b", passk="c", hard="c", mean="a", budget="b")

# %% [markdown]
# ## Summary
#
# - **Temperature** trades accuracy for diversity. At 0 a group is the same
#   completion sixteen times. Loss and sampling use the same T.
# - **pass@k** measures what is within reach; it is estimated without
#   replacement, and compared with random guessing.
# - A group is **useful** with probability $1 - p^G - (1-p)^G$. If problems
#   differ in difficulty, fewer groups are useful than the mean p suggests,
#   and a policy that gets good runs out of useful groups.
# - A larger **G** extracts more from each problem, at the cost of fewer
#   problems per step.
#
# **Next:** notebook 04 looks closely at what is done with the rewards of a
# useful group.
#
# ### Further reading
#
# - Chen et al. 2021, *Evaluating Large Language Models Trained on Code*,
#   arXiv:2107.03374. Section 2.1: pass@k and its unbiased estimator.
# - Yue et al. 2025, *Does Reinforcement Learning Really Incentivize
#   Reasoning Capacity in LLMs Beyond the Base Model?*, arXiv:2504.13837.
#   pass@k before and after, for k up to 1024.
# - Yu et al. 2025, *DAPO*, arXiv:2503.14476. Section 3.2: dynamic sampling.
# - Shao et al. 2024, *DeepSeekMath*, arXiv:2402.03300. Section 4.2: G = 64.
# - DeepSeek-AI 2025, *DeepSeek-R1*, Nature 645, 633–638, methods: G = 16 at
#   temperature 1.
