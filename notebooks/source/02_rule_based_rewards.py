# %% [markdown]
# # 02 · Rewards by rule
#
# DeepSeek-R1-Zero learned to reason from two rules: *is the answer right?*
# and *is the completion in the required format?* There was no neural reward
# model, because a network can be fooled, and a policy in training exploits
# every weakness that pays. A rule can be fooled too, if it is written
# carelessly. Here you write three rules, and attack them.
#
# **After this notebook you will be able to**
# - extract the answer that counts from a completion,
# - verify it exactly, without ever running it,
# - write a format reward that an empty thought cannot earn, and
# - say how the weights of two rewards affect the advantages.
#
# **Time:** about 45 minutes, three exercises.
# **You need:** notebook 00, basic regular expressions. No GPU, no network.

# %%
import ast
import operator
import re
from fractions import Fraction

import torch

from grpo_core.analysis import figures
from grpo_core.course import lesson02 as check

figures.use_style()

# %% [markdown]
# ## 1. Which answer counts?
#
# The task is Countdown: *combine all the numbers, each once, to reach the
# target*. The required format is
#
#     <think> ... </think> <answer> ... </answer>
#
# A policy that has not learned the format yet writes all sorts of things,
# and so does one that has learned to exploit a careless rule:

# %%
completions = {
    "as required": "<think> 10 + 5 = 15 , 15 * 3 = 45 yes </think> "
    "<answer> ( 10 + 5 ) * 3 </answer>",
    "changes its mind": "<think> hm </think> <answer> 10 * 3 + 5 "
    "</answer> wait <answer> ( 10 + 5 ) * 3 </answer>",
    "quotes the form": "<think> I am to write <answer> 45 </answer> "
    "but how </think> I give up",
    "is truncated": "<think> 10 + 5 = 15 </think> <answer> ( 10 +",
    "on several lines": "<think>\n10 + 5 = 15\n</think>\n"
    "<answer>\n( 10 + 5 ) * 3\n</answer>",
    "never stops thinking": "<think> try <answer> 45 </answer> no , try",
}

# %% [markdown]
# **Before you go on:** which of the six have an answer, and which answer is
# it?
#
# <details><summary>Answer</summary>
#
# The kit's rule: the **last complete** answer that is **outside the
# thinking**. So three of them have an answer, the first, the second and the
# fifth: `( 10 + 5 ) * 3` each time. If a completion gives several answers,
# the last one counts. An answer quoted inside the thinking does not count,
# and neither does a truncated one.
#
# </details>
#
# Many training scripts do it in one line,
# `re.search("<answer>(.*)</answer>", text)`. Predict what that line returns
# for each of the six before you write your own.
#
# <details><summary>Answer</summary>
#
# The first is found, with the blanks around it. In the second it returns
# everything from the first opening tag to the last closing one. In the
# third and the sixth it finds the 45 that was only part of the thinking. In
# the fourth it finds nothing, which is right. In the fifth it finds nothing
# either, because a dot does not match a line break.
#
# </details>

# %% [markdown]
# ### Exercise 1: the answer that counts
#
# <details><summary>Hint: two facts about regular expressions</summary>
#
# `(.*)` matches as much as it can, `(.*?)` as little as it can. A dot
# matches any character except a line break, unless the flag `re.DOTALL` is
# given.
#
# </details>


# %% tags=["exercise"]
def my_answer(completion: str) -> str | None:
    """Return the last complete answer outside thinking, or None."""
    raise NotImplementedError  # your code here


check.extract_answer(my_answer)


# %% tags=["solution"]
def my_answer(completion: str) -> str | None:
    """Return the last complete answer outside thinking, or None."""
    spoken = completion.split("</think>")[-1].split("<think>")[0]
    pattern = r"<answer>(.*?)</answer>"
    found = re.findall(pattern, spoken, re.DOTALL)
    return found[-1].strip() if found else None


check.extract_answer(my_answer)

# %% [markdown]
# The kit's own parser on the six:

# %%
from grpo_core.rewards.format import parse

for name, text in completions.items():
    print(f"{name:>20}: {parse(text).answer}")

# %% [markdown]
# Why bother with completions that are useless anyway? Because a policy that
# is rewarded for exploiting a parsing error will do it more often. If *any*
# right answer counted, it would pay to write ten answers.

# %% [markdown]
# ## 2. Never run the answer
#
# An answer such as `( 10 + 5 ) * 3` is valid Python. So the obvious
# verifier is the one below, and more than one public trainer contains
# something like it:


# %%
def careless(answer: str, numbers: list[int], target: int) -> bool:
    used = [int(n) for n in re.findall(r"\d+", answer)]
    return sorted(used) == sorted(numbers) and eval(answer) == target


print(careless("( 10 + 5 ) * 3", [3, 5, 10], 45))
print(
    careless("print('I run in your trainer') or (10+5)*3", [3, 5, 10], 45)
)

# %% [markdown]
# The second answer is right, and it has also printed something. It could
# have deleted your files. **Treat a model's output as untrusted input.**
# `eval` runs whatever it is given. A language model has read plenty of
# Python, and in training it tries a million answers.
#
# The usual patch is to allow only digits, operators and parentheses:


# %%
def patched(answer: str, numbers: list[int], target: int) -> bool:
    if not re.fullmatch(r"[\d+\-*/(). ]+", answer):
        return False
    return careless(answer, numbers, target)


print(patched("print('I run here') or (10+5)*3", [3, 5, 10], 45))
print(patched("2 ** 3", [2, 3], 8), "<- a power, which is not allowed")
print(patched("7 // 2", [7, 2], 3), "<- 7 / 2 is 3.5")
print(patched("1.5 * 2", [1, 5, 2], 3), "<- does not use the 1 and the 5")

# %% [markdown]
# It accepts three wrong answers. And there is one more attack:
#
# > Use 9 , 9 , 9 to make 1 .
#
# The answer `9**9**9` contains only digits and operators, and the right
# numbers. **Do not run it.** We can compute how many digits its value has
# without computing the value:

# %%
import math

digits = 9**9 * math.log10(9)
print(f"9**9**9 has about {digits:,.0f} digits")

# %% [markdown]
# Python would try to compute all of them. The training run would hang on
# this one completion, without an error message.
#
# What about a library for mathematics? `sympy` is a good one, but the
# documentation of its parser warns that it uses `eval`:

# %%
from sympy.parsing.sympy_parser import parse_expr

parse_expr("print('and here, in sympy')")

# %% [markdown]
# ### Parsing instead of running
#
# Python can *parse* an expression without running it. `ast.parse` returns a
# tree, and nothing is executed until your own code walks it:

# %%
tree = ast.parse("( 10 + 5 ) * 3", mode="eval").body
print(ast.dump(tree, indent=2))

# %% [markdown]
# So we walk the tree ourselves and accept exactly two kinds of node: a
# whole number, and an operator from a short list with two operands. Any
# other node makes the answer invalid. This is a **whitelist**: it does not
# list what is forbidden (such a list is never complete), but what is
# allowed.
#
# We also read the numbers from the tree, so that 1.5 cannot pass for 1 and
# 5, and we compute exactly: with floats, 1 / 49 * 49 is not 1.

# %%
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}

print("as floats:   ", 1 / 49 * 49)
print("as fractions:", Fraction(1) / Fraction(49) * Fraction(49))

# %% [markdown]
# ### Exercise 2: the verifier
#
# Return True if `answer` is arithmetic with `+ - * /` over exactly the
# given numbers, each used once, and its exact value is the target. Return
# False for **everything else**, whatever a model may write: a verifier
# never raises.
#
# The check attacks it in eighteen ways, all harmless. Here is a skeleton to
# start from, if you like:
#
# <details><summary>Hint: skeleton</summary>
#
#     def value(node):
#         # a whole number: record that it was used, return a Fraction
#         # an ast.BinOp: combine value(node.left) and value(node.right)
#         # anything else: raise ValueError
#
# </details>
#
# <details><summary>Hint: what can raise</summary>
#
# `ast.parse` raises on bad syntax (SyntaxError) and on a null byte
# (ValueError). A division by zero raises ZeroDivisionError. Far too long an
# answer raises RecursionError: refuse it before you parse it.
#
# </details>


# %% tags=["exercise"]
def my_verifier(answer: str, numbers: list[int], target: int) -> bool:
    """Return whether `answer` combines exactly `numbers` into `target`."""
    raise NotImplementedError  # your code here


check.verifier(my_verifier)


# %% tags=["solution"]
def my_verifier(answer: str, numbers: list[int], target: int) -> bool:
    """Return whether `answer` combines exactly `numbers` into `target`."""
    used = []

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            used.append(node.value)
            return Fraction(node.value)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            left, right = value(node.left), value(node.right)
            return OPERATORS[type(node.op)](left, right)
        raise ValueError("not arithmetic")

    if len(answer) > 200:
        return False
    try:
        result = value(ast.parse(answer.strip(), mode="eval").body)
    except (ValueError, SyntaxError, ZeroDivisionError):
        return False
    return sorted(used) == sorted(numbers) and result == target


check.verifier(my_verifier)

# %% [markdown]
# The next figure shows all attacks on three verifiers. (`kit` is the one
# that training uses here, `grpo_core.tasks.countdown.solves`; replace it
# with yours if you like.)

# %%
from grpo_core.tasks.countdown import solves


def kit(answer: str, numbers: list[int], target: int) -> bool:
    return solves(answer, numbers=numbers, target=target, allowed="+-*/")


verifiers = {"careless": careless, "patched": patched, "kit": kit}
figures.verdict_grid(
    [attack.name for attack in check.ATTACKS],
    {name: check.attacked(f) for name, f in verifiers.items()},
)

# %% [markdown]
# *See:* every cell that is not blue is either a wrong reward that a policy
# would learn from, or a training run that ends with an error. `9**9**9` is
# not among the attacks: two of the three verifiers would never finish.

# %% [markdown]
# ## 3. The format
#
# The second rule checks the format alone. The format is easier to learn
# than right answers, so it is learned first, and what is rewarded is
# *exactly* what the rule checks, not what its author intended. A rule such
# as "all four tags occur" accepts
#
#     <answer> 3 </answer> <think> </think>
#
# where the thinking is empty and comes after the answer.

# %% [markdown]
# ### Exercise 3: the format reward
#
# Return 1.0 if a completion, apart from surrounding whitespace, is exactly
# one thought followed by one answer, with only whitespace between them.
# Neither may be empty, and no tag may occur inside either. Return 0.0
# otherwise.
#
# <details><summary>Hint: matching the whole text</summary>
#
# `re.search` finds a pattern anywhere, `re.match` at the start,
# `re.fullmatch` only if it matches the whole text.
#
# </details>


# %% tags=["exercise"]
def my_format(completion: str) -> float:
    """Return 1.0 for a completion in the required format, else 0.0."""
    raise NotImplementedError  # your code here


check.format_reward(my_format)


# %% tags=["solution"]
def my_format(completion: str) -> float:
    """Return 1.0 for a completion in the required format, else 0.0."""
    pattern = r"<think>(.+?)</think>\s*<answer>(.+?)</answer>"
    match = re.fullmatch(pattern, completion.strip(), re.DOTALL)
    if match is None:
        return 0.0
    thought, answer = match.groups()
    tags = ("<think>", "</think>", "<answer>", "</answer>")
    tidy = not any(tag in thought + answer for tag in tags)
    return float(tidy and bool(thought.strip()) and bool(answer.strip()))


check.format_reward(my_format)

# %% [markdown]
# ## 4. Two rules, one number
#
# GRPO compares one number per completion. The kit takes a weighted sum: 1
# for a right answer, 0.3 for the format. Here is a group of seven with one
# completion of each kind.

# %%
from grpo_core.algorithm.advantages import group_advantages
from grpo_core.rewards import RewardSum

think = "<think> 10 + 5 = 15 , 15 * 3 = 45 yes </think> "
kinds = {
    "thinks, right": think + "<answer> ( 10 + 5 ) * 3 </answer>",
    "thinks, wrong": think + "<answer> 10 + 5 * 3 </answer>",
    "thinks nothing, wrong": "<think> - </think> <answer> 3 </answer>",
    "right, no thought": "<answer> ( 10 + 5 ) * 3 </answer>",
    "right, no tags": "( 10 + 5 ) * 3",
    "wrong, no tags": "10 * 3 + 5",
    "truncated": "<think> 10 + 3 = 13 , 13 * 5 = 65 no 10 - 3",
}

# %% [markdown]
# **Before you go on:** which completion gets the highest advantage? Is the
# advantage of *thinks nothing, wrong* above or below 0? And that of *right,
# no tags*?


# %%
def grid(weights: list[float]):
    reward_sum = RewardSum(["accuracy_reward", "format_reward"], weights)
    n = len(kinds)
    parts, totals = reward_sum(
        [""] * n,
        list(kinds.values()),
        task=["countdown"] * n,
        numbers=[[3, 5, 10]] * n,
        target=[45] * n,
    )
    advantages = group_advantages(torch.tensor([totals]))[0].tolist()
    columns = {"accuracy": parts["accuracy_reward"]}
    columns["format"] = parts["format_reward"]
    return figures.reward_grid(list(kinds), columns, totals, advantages)


grid([1.0, 0.3])

# %% [markdown]
# *See:* the two rewards add up, so satisfying both is best. The completion
# that thinks nothing and is wrong has a negative advantage, but a much
# smaller one than a completion that is just wrong: even an empty format
# pays. And *right, no tags* gets no reward: the answer is there, but not
# where the rule looks. A rule cannot see what its author intended.
#
# Now the same group, with the format worth twice as much as the answer.
# Look at *thinks nothing, wrong*:

# %%
grid([1.0, 2.0])

# %% [markdown]
# *See:* an empty thought with any number as its answer now has a
# **positive** advantage, and a right answer without a thought has a
# negative one. The trick takes no arithmetic at all. If the trick is easy
# and the task is hard, a policy learns the trick and may stop searching for
# answers before it has found any. R1-Zero gave both rules the same weight;
# its base model could already solve many of the problems. This kit's tiny
# model is weaker, so the weight is 0.3.

# %% [markdown]
# ## 5. A real group
#
# This is the first group of a recorded run: sixteen completions of the
# untrained tiny model for one problem.
#
# **Before you go on:** once you see the picture, look for a completion that
# found the right answer and gets no reward for it. What is missing?

# %%
from grpo_core.course.recordings import replay

group = replay.recorded("countdown-seed0").group(step=1, group_index=0)
figures.reward_grid(
    [c.text for c in group.completions],
    {
        "accuracy": [
            c.rewards["accuracy_reward"] for c in group.completions
        ],
        "format": [c.rewards["format_reward"] for c in group.completions],
    },
    group.rewards,
    group.advantages,
    title=group.prompt,
)

# %% [markdown]
# *See:* two of the sixteen are rewarded for a right answer, and both
# *searched*: they tried one combination, wrote `no`, and tried the next.
# There is no reward for searching. Searching is reinforced because it leads
# to right answers. That is the idea behind rule-based rewards: **specify
# exactly what you want, but not how to get there.**
#
# (The right answer without a reward is the eighth completion: 5 * 3 = 15,
# *yes*, but no tag around the answer. One of the two rewarded completions
# wrote its search without `<think>` tags, so it got 1 and not 1.3.)

# %% [markdown]
# ## 6. What a rule cannot see
#
# - **The thought is not checked.** A completion that thinks nonsense but
#   gives the right answer gets the full reward. Whether a policy's thoughts
#   are the reasons for its answers is another question (notebook 09).
# - **Bonuses for effort** look harmless and are not: in a group in which
#   all answers are wrong, GRPO turns a bonus of 0.01 into a full-size
#   advantage (notebook 00).
# - **Only some tasks can be checked by a rule.** Arithmetic, code with
#   tests and puzzles can; an essay cannot. The last stage of R1 did use a
#   neural reward model, and kept that stage short, because the policy was
#   exploiting it (notebook 12).

# %% [markdown]
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(last="", whitelist="", raises="", weight="", search="")

# %% tags=["solution"]
check.quiz(last="c", whitelist="b", raises="a", weight="c", search="b")

# %% [markdown]
# ## Summary
#
# - The **answer** is the last complete one outside the thinking.
# - A **verifier** parses the answer and never runs it. It accepts a short
#   list of operations, computes exactly, and returns False for everything
#   else without raising.
# - A **format reward** pays for exactly what it checks, so it must not pay
#   for an empty format. Its weight determines whether it helps the search
#   for answers or replaces it.
#
# **Next:** notebook 03 asks how many completions to sample per prompt.
#
# ### Further reading
#
# - DeepSeek-AI 2025, *DeepSeek-R1*, arXiv:2501.12948. Section 2.2.2: the
#   two rules, and why there is no neural reward model.
# - Lambert et al. 2024, *Tulu 3*, arXiv:2411.15124. Section 6:
#   reinforcement learning with verifiable rewards, the origin of the name.
# - Krakovna et al. 2020, *Specification gaming: the flip side of AI
#   ingenuity*, DeepMind blog. Some sixty cases in which the letter of a
#   rule was satisfied and its intention was not.
# - Gandhi et al. 2025, *Cognitive Behaviors that Enable Self-Improving
#   Reasoners*, arXiv:2503.01307. Countdown, and why the base model must
#   already be able to search.
# - Python documentation, module `ast`, and the warning under
#   `ast.literal_eval`; SymPy documentation, `parse_expr`, the warning on
#   `eval`.
