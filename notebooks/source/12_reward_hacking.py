# %% [markdown]
# # 12 · Reward hacking
#
# *"When a measure becomes a target, it ceases to be a good measure."* This
# is Goodhart's law, in Marilyn Strathern's words. A reward is a measure,
# and training makes it a target: the policy looks for nothing else, all
# day, in thousands of tries a minute. Here you write a judge that is rather
# good, let a policy train on it, and watch it come to be worth nothing.
#
# **After this notebook you will be able to**
# - tell the proxy from the truth, and measure how far they agree,
# - say why a judge that was tested can fail all the same,
# - read what a policy has found in a reward, and patch it against attacks
#   that you have not thought of, and
# - say what DeepSeek did about it in the last stage of R1.
#
# **Time:** about 50 minutes, three exercises.
# **You need:** notebooks 02 and 03. No GPU, no network.

# %%
import numpy as np
import torch
from transformers.utils import logging

from grpo_core.analysis import figures
from grpo_core.course import lesson12 as check
from grpo_core.course.recordings import replay
from grpo_core.models.policy import load_policy
from grpo_core.rewards.flawed import confident_reward
from grpo_core.rewards.format import parse
from grpo_core.tasks import get_task
from grpo_core.training.sampling import sample_groups

figures.use_style()
torch.set_num_threads(1)
logging.disable_progress_bar()

# %% [markdown]
# ## 1. A judge
#
# For Countdown there is a verifier. Suppose there were none, as there is
# none for a letter or a piece of advice. So we ask people which replies
# they like, and they say: those that are **sure of themselves**, and that
# are **short**. (They do. Both are well-known leanings of human raters, and
# of the reward models that learn from them.) Nobody checks the arithmetic.
#
# ### Exercise 1: the judge
#
# A reply is worth 0 unless it has an answer and its thought ends with the
# word `yes`. Otherwise it is worth 1, less a hundredth for each word of the
# reply, tags included, and never less than 0. `parse(completion)` has
# `.think` and `.answer`, each None where there is none.


# %% tags=["exercise"]
def my_judge(completion: str) -> float:
    """What the judge gives a reply, 0 to 1."""
    raise NotImplementedError  # your code here


check.judge(my_judge)


# %% tags=["solution"]
def my_judge(completion: str) -> float:
    """What the judge gives a reply, 0 to 1."""
    parsed = parse(completion)
    words = (parsed.think or "").split()
    if parsed.answer is None or words[-1:] != ["yes"]:
        return 0.0
    return max(0.0, 1 - len(completion.split()) / 100)


check.judge(my_judge)

# %% [markdown]
# ## 2. Is it any good?
#
# Before one trains on a reward, one tries it. Here are 48 problems, and 16
# replies of the untrained tiny model to each. The verifier knows which are
# right; the judge has no idea.
#
# **Before you go on:** one reply in nine is right. Of those that the judge
# likes (worth more than 0), how many?

# %% tags=["measured"]
policy, task = load_policy("tiny"), get_task("countdown")
problems = list(task.problems("train"))[:48]
samples = sample_groups(
    policy,
    [problem.prompt for problem in problems],
    16,
    max_completion_length=256,
    temperature=1.0,
    generator=torch.Generator().manual_seed(1),
)
texts = [policy.decode(samples.completion(i)) for i in range(48 * 16)]
answers = [parse(text).answer for text in texts]
right = [
    float(answer is not None and task.verify(answer, **problem.columns))
    for answer, problem in zip(
        answers, [p for p in problems for _ in range(16)], strict=True
    )
]
truth = torch.tensor(right).view(48, 16)
proxy = torch.tensor(confident_reward([], texts)).view(48, 16)

liked = proxy > 0
print(f"right, of all replies:            {truth.mean():.0%}")
print(f"liked by the judge:               {liked.float().mean():.0%}")
print(f"right, of those that it likes:    {truth[liked].mean():.0%}")
print(f"right, of those it does not like: {truth[~liked].mean():.0%}")

# %% [markdown]
# **It is a good judge.** It never looked at the arithmetic, and the replies
# that it likes are mostly right, where one in nine is on average. The tiny
# model has learned to say `yes` when it has reached the target; the judge
# listens to that. Any test on replies like these would pass it.
#
# Let us use it, gently: draw n replies, hand in the one it likes best.

# %% [markdown]
# ### Exercise 2: the best of n
#
# Of each group's first n completions, the one of the highest proxy is
# handed in. How right are those? (Where several are equally high: the first
# of them.)


# %% tags=["exercise"]
def my_best_of(
    proxy: torch.Tensor, truth: torch.Tensor, n: int
) -> torch.Tensor:
    """Proxy and truth (N, G) -> the mean truth of the best of n."""
    raise NotImplementedError  # your code here


check.best_of(my_best_of)


# %% tags=["solution"]
def my_best_of(
    proxy: torch.Tensor, truth: torch.Tensor, n: int
) -> torch.Tensor:
    """Proxy and truth (N, G) -> the mean truth of the best of n."""
    best = proxy[:, :n].argmax(dim=1)
    rows = torch.arange(len(proxy))
    return truth[rows, best].mean()


check.best_of(my_best_of)

# %%
sizes = [1, 2, 4, 8, 16]


def chosen_by(measure: torch.Tensor):
    """Of the best of n: that measure, and the truth."""
    return [
        [float(check.my_best_of(measure, values, n)) for n in sizes]
        for values in (measure, truth)
    ]


figures.best_of(
    sizes,
    {"the judge": chosen_by(proxy), "the verifier": chosen_by(truth)},
    "48 problems, the untrained model",
)

# %% [markdown]
# *See:* the more replies the judge may choose from, the more of its choices
# are right. That is optimisation, too, of a gentle sort: it *selects* among
# what the model writes anyway. (Gao et al., below, choose the best of far
# more, by a learned reward model: there the truth rises, and then falls.)
#
# ## 3. Train on it
#
# Now the same judge as the reward of GRPO, and nothing else: 60 steps of 4
# prompts × 16 replies, three seeds, recorded (`GRPO_LAB_FULL=1` trains
# them; `python data/make.py lessons` made them). The verifier watches, with
# a weight of 0: it is measured, and it pushes nothing.
#
# **Before you go on:** draw both curves, what the judge pays and what is
# right, from step 0 to 60.

# %%
curves = {}
for seed in range(3):
    metrics = [
        (step.index, step.metrics)
        for step in replay.steps(f"countdown-confident-seed{seed}")
        if step.index > 0
    ]
    curves[f"seed {seed}"] = (
        [index for index, _ in metrics],
        [m["rewards/confident_reward/mean"] for _, m in metrics],
        [m["rewards/accuracy_reward/mean"] for _, m in metrics],
    )
figures.goodhart(curves, "the judge", "right answers")

# %% [markdown]
# *See, on the left:* the same story three times. For twenty or thirty steps
# both rise: what the judge likes is right, so right answers become
# likelier. Then they part. What the judge pays goes on rising, faster than
# before; what is right falls back to where it began, and below. *On the
# right* the same as a path: up, a turn, and down.
#
# Whoever has only the solid curve sees a training that goes very well.

# %%
for seed in range(3):
    run = replay.recorded(f"countdown-confident-seed{seed}")
    held_out = run.frame()["eval/accuracy"].dropna()
    each = "  ".join(f"{step}: {a:.3f}" for step, a in held_out.items())
    print(f"seed {seed}, right on held-out problems at step  {each}")

# %% [markdown]
# ## 4. What did it find?
#
# A curve says that something is wrong. What it is, one has to read. The
# first group of step 24, and that of step 60 (seed 0):

# %%
run = replay.recorded("countdown-confident-seed0")


def board(step: int):
    group = run.group(step, 0)
    parts = {
        "judge": [c.rewards["confident_reward"] for c in group.completions],
        "right": [c.rewards["accuracy_reward"] for c in group.completions],
    }
    return figures.reward_grid(
        [c.text for c in group.completions],
        parts,
        group.rewards,
        group.advantages,
        title=f"step {step}: {group.prompt}",
    )


board(24)

# %%
board(60)

# %% [markdown]
# *See:* at step 24 some replies search, find, and say `yes`. Those are
# liked, and most of what the judge likes at that time is right: two of four
# in this group, six of nine in the whole batch. At step 60 nobody searches:
# a line or two, `yes`, and an answer. Whether that is the target is not
# asked, nor whether the lines are true (8 * 7 = 7). All replies but one are
# sure of themselves, and short, and exactly that was paid for. Nothing here
# is broken: **the policy does what the reward says.** A search takes
# words, and words cost.
#
# How much is the judge's word still worth? Of the replies that it likes,
# the share that is right, step by step:

# %%
steps, worth = [], []
for index in range(4, 61, 4):
    completions = [c for g in run.step(index).groups for c in g.completions]
    liked = [c for c in completions if c.rewards["confident_reward"] > 0]
    if liked:
        steps.append(index)
        worth.append(np.mean([c.rewards["accuracy_reward"] for c in liked]))
figures.goodhart_share(steps, worth, "right, of what the judge likes")

# %% [markdown]
# *See:* it is the same judge throughout. It did not get any worse. The
# policy stopped writing the replies on which it was good.
#
# ## 5. Which holes are found?
#
# A reward may have many holes. Some others, and how often the untrained
# model's replies from above fall into them:
#
# - a verifier that compares the **value only**, and lets an answer leave
#   out numbers, use others, or just name the target;
# - a reader that takes **any of several answers**;
# - a format reward that **counts tags**, however often they occur;
# - a judge that believes a **yes** after false work.
#
# **Before you go on:** which of the four will a short training find?

# %% tags=["measured"]
from grpo_core.tasks.expression import ExpressionError, evaluate


def value(answer):
    try:
        return evaluate(answer or "")
    except ExpressionError:
        return None


targets = [p.columns["target"] for p in problems for _ in range(16)]
rows = list(zip(texts, answers, right, targets, strict=True))
holes = {
    "value only": [value(a) == t and not r for _, a, r, t in rows],
    "any answer": [text.count("<answer>") > 1 for text, *_ in rows],
    "tags counted": [
        max(map(text.count, ("<think>", "</think>", "</answer>"))) > 1
        for text, *_ in rows
    ],
    "unearned yes": [
        confident_reward([], [text])[0] > 0 and not r
        for text, _, r, _ in rows
    ],
}
for name, fell in holes.items():
    print(f"{name:>14}: {sum(fell):>3} of {len(fell)} replies")

# %% [markdown]
# GRPO makes likelier what was sampled and paid. The last hole is the one
# that we watched being found, and one reply in hundreds was enough. The two
# in the middle are about as rare; we have not tried them. The first is
# different: no sample falls into it, so nobody is paid, and the *value
# only* verifier would train this model as well as the right one. That is
# luck, and not safety. A larger model falls into more holes, and a longer
# training gives it more tries.
#
# ## 6. A patch
#
# The judge believed every *yes*. Let us make it check the work, without
# knowing how to solve the problem: **the last try must be true arithmetic,
# and end at the target.**
#
# ### Exercise 3: against attacks you do not know
#
# A thought is a row of tries, each ended by `no`, the last one by `yes`. A
# try is a row of lines with ` , ` between them, each of the form
# `15 * 3 = 45`, all words separated by blanks:
#
#     10 - 3 = 7 , 7 * 5 = 35 no 10 + 5 = 15 , 15 * 3 = 45 yes
#
# True if every line of the last try is true, if the last line's result is
# the target, and if it ends with `yes`. False for everything else, whatever
# a model may write. (Tries of this task have the signs +, - and *.) The
# check tries twenty-one thoughts on it.


# %% tags=["exercise"]
def my_check(thought: str, target: int) -> bool:
    """Whether the last try is true, reaches the target and says so."""
    raise NotImplementedError  # your code here


check.patch(my_check)


# %% tags=["solution"]
import re


def my_check(thought: str, target: int) -> bool:
    """Whether the last try is true, reaches the target and says so."""
    *work, verdict = thought.split() or [""]
    if "no" in work:
        work = work[len(work) - work[::-1].index("no") :]
    result = None
    for line in " ".join(work).split(" , "):
        match = re.fullmatch(r"(\d+) ([-+*]) (\d+) = (\d+)", line)
        if match is None:
            return False
        left, sign, right = int(match[1]), match[2], int(match[3])
        result = int(match[4])
        true = {"+": left + right, "-": left - right, "*": left * right}
        if result != true[sign]:
            return False
    return verdict == "yes" and result == target


check.patch(my_check)

# %% [markdown]
# What would the patched judge have paid at step 60, to the policy that
# fooled the old one?

# %%
last = [c for g in run.step(60).groups for c in g.completions]
prompts = [
    g.columns["target"] for g in run.step(60).groups for _ in range(16)
]
old = [c.rewards["confident_reward"] > 0 for c in last]
new = [
    was and check.my_check(parse(c.text).think or "", target)
    for was, c, target in zip(old, last, prompts, strict=True)
]
paid = [c for c, pays in zip(last, new, strict=True) if pays]
right_and_paid = sum(c.rewards["accuracy_reward"] == 1 for c in paid)
print(f"step 60, {len(last)} replies: the judge pays {sum(old)}")
print(f"patched, it pays {len(paid)}, and {right_and_paid} are right")

# %% [markdown]
# That hole is closed, nearly: the one reply that is still paid is wrong,
# too. **Is the judge safe now?** Try it:

# %%
print(check.my_check("45 * 1 = 45 yes", 45))
print(check.my_check("44 + 1 = 45 yes", 45))

# %% [markdown]
# True arithmetic, at the target, and of no use: nobody asked whether those
# numbers were given. And what stands in the answer tags may be something
# else altogether. One can patch that too, and the next hole, and each time
# the patch is an answer to what was *found*. With every patch the judge
# becomes more like a verifier of the answer, and that is where one should
# have begun: **check what you want, and not what usually comes with it.**
#
# ## 7. The last stage of R1
#
# DeepSeek trained R1-Zero by rules alone, and say why: they saw neural
# reward models hacked in RL at large scale (section 2.2 of the paper, as
# below). But a rule cannot say whether a letter is helpful. So the last
# stage of R1 used reward models learned from preferences, for general
# requests, beside the rules for reasoning. The stage has 1,700 steps; the
# preference rewards came in "exclusively in **the final 400 steps**", for
# more of them "may lead to reward hacking" (section 3.2.2).
#
# Their supplement shows it (B.5, figure 6): under the helpfulness reward
# the reward rises, while the results on Codeforces problems fall. The same
# two curves as in section 3. They do not say in detail what it was that
# the policy had found.
#
# ## 8. What helps
#
# - **Verify outcomes** where it can be done, with a short list of what is
#   allowed (notebook 02).
# - **Keep a measure that nothing is trained on**, and look at it: held-out
#   accuracy, people, another judge. The reward cannot tell you.
# - **Read completions.** The board, a few at a time, all through training.
# - **A leash**: a KL keeps the policy where the judge was tried (notebook
#   06), and **few steps** do the same.
# - **Attack your reward** before the policy does. Everything it accepts is
#   what you asked for.

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(good="", found="", curve="", kl="", stage="")

# %% tags=["solution"]
check.quiz(good="b", found="b", curve="c", kl="a", stage="b")

# %% [markdown]
# ## Summary
#
# - The **proxy** is what is rewarded, the **truth** what is meant. They
#   agree on the replies that the proxy was tried on.
# - Choosing the best of a few by a good proxy **helps**. Training on it
#   goes where no reply was before, and there the agreement **ends**.
# - The **reward rises either way**. Only another measure, and reading,
#   tell the difference.
# - GRPO finds the holes that **samples fall into**.
# - A patch closes the hole that was found. Verify what you want.
#
# **Next:** notebook 13 leaves the bottle.
#
# ### Further reading
#
# - Gao, Schulman and Hilton 2022, *Scaling Laws for Reward Model
#   Overoptimization*, arXiv:2210.10760. Best of n and RL, proxy and gold.
# - Skalse et al. 2022, *Defining and Characterizing Reward Hacking*,
#   arXiv:2209.13085. When a proxy cannot be hacked: hardly ever.
# - Krakovna et al. 2020, *Specification gaming: the flip side of AI
#   ingenuity*, DeepMind blog, and the list of examples that it links to.
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948, version 2. Section
#   2.2: why rules. Section 3.2.2: the last stage. Supplementary B.5: reward
#   hacking. (In Nature 645, 633–638, the last two are in Methods and in
#   section 2.5 of the Supplementary Information.)
# - Khalifa et al. 2026, *Countdown-Code*, arXiv:2603.07084. Countdown with
#   a test harness that can be tampered with, and what that teaches.
# - Strathern 1997, *'Improving Ratings': Audit in the British University
#   System*, European Review 5. The sentence at the top.
