# %% [markdown]
# # 02 · Rewards by rule
#
# DeepSeek R1-Zero learned to reason from two rules: *is the answer right?*
# and *is it in the agreed form?* No neural network judged, because a
# network can be fooled, and a policy under training looks for nothing else
# all day. A rule can be fooled too, if it is written carelessly. Here you
# write three, and attack them.
#
# **After this notebook you will be able to**
# - take the answer that counts out of a completion,
# - verify it exactly, without ever running it,
# - write a format reward that cannot be had for nothing, and
# - say what the weights of two rewards do to the advantages.
#
# **Time:** about 45 minutes, three exercises.
# **You need:** notebook 00, some regular expressions. No GPU, no network.

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
# target*. The agreed form is
#
#     <think> ... </think> <answer> ... </answer>
#
# A policy that has not learned it yet writes all sorts of things, and so
# does one that has learned to please a sloppy rule:

# %%
completions = {
    "as agreed": "<think> 10 + 5 = 15 , 15 * 3 = 45 yes </think> "
    "<answer> ( 10 + 5 ) * 3 </answer>",
    "changes its mind": "<think> hm </think> <answer> 10 * 3 + 5 "
    "</answer> wait <answer> ( 10 + 5 ) * 3 </answer>",
    "quotes the form": "<think> I am to write <answer> 45 </answer> "
    "but how </think> I give up",
    "runs out of room": "<think> 10 + 5 = 15 </think> <answer> ( 10 +",
    "on several lines": "<think>\n10 + 5 = 15\n</think>\n"
    "<answer>\n( 10 + 5 ) * 3\n</answer>",
    "never stops thinking": "<think> try <answer> 45 </answer> no , try",
}

# %% [markdown]
# **Before you go on:** which of the six have an answer, and which answer
# is it?
#
# <details><summary>Answer</summary>
#
# The kit's rule: the **last complete** answer that is **not part of
# thinking**. So the first, the second and the fifth have one, and it is
# `( 10 + 5 ) * 3` each time. Whoever changes their mind is judged by the
# last word. What is quoted while thinking is a thought. What is cut off is
# no answer.
#
# </details>
#
# Many training scripts do it in one line,
# `re.search("<answer>(.*)</answer>", text)`. Try to say what it makes of
# each of the six before you write your own.
#
# <details><summary>Answer</summary>
#
# The first is found, blanks and all. In the second it takes everything from
# the first opening tag to the last closing one. In the third and the sixth
# it finds the 45 that was only thought of. In the fourth it finds nothing,
# rightly; in the fifth it finds nothing either, since a dot stops at a line
# break.
#
# </details>

# %% [markdown]
# ### Exercise 1: the answer that counts
#
# <details><summary>Hint: two things about regular expressions</summary>
#
# `(.*)` takes as much as it can, `(.*?)` as little as it can. A dot is any
# character but a line break, unless the flag `re.DOTALL` is given.
#
# </details>


# %% tags=["exercise"]
def my_answer(completion: str) -> str | None:
    """The last complete answer outside thinking; None without one."""
    raise NotImplementedError  # your code here


check.extract_answer(my_answer)


# %% tags=["solution"]
def my_answer(completion: str) -> str | None:
    """The last complete answer outside thinking; None without one."""
    spoken = completion.split("</think>")[-1].split("<think>")[0]
    pattern = r"<answer>(.*?)</answer>"
    found = re.findall(pattern, spoken, re.DOTALL)
    return found[-1].strip() if found else None


check.extract_answer(my_answer)

# %% [markdown]
# The kit's own reading of the six:

# %%
from grpo_core.rewards.format import parse

for name, text in completions.items():
    print(f"{name:>20}: {parse(text).answer}")

# %% [markdown]
# Why fuss over completions that nobody wants? Because a policy that is
# rewarded for a mistake of the reader will make it more often. If the
# *first* answer counted, it would pay to write ten.

# %% [markdown]
# ## 2. Never run the answer
#
# An answer such as `( 10 + 5 ) * 3` is Python. So the obvious verifier is
# this one, and something like it stands in more than one public trainer:


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
# have deleted your files. **What a model writes is input from a stranger**,
# and `eval` does what strangers say. A language model has read plenty of
# Python; under training it tries a million answers.
#
# The usual patch is to allow only digits, operators and parentheses:


# %%
def patched(answer: str, numbers: list[int], target: int) -> bool:
    if not re.fullmatch(r"[\d+\-*/(). ]+", answer):
        return False
    return careless(answer, numbers, target)


print(patched("print('I run here') or (10+5)*3", [3, 5, 10], 45))
print(patched("2 ** 3", [2, 3], 8), "<- a power, which nobody allowed")
print(patched("7 // 2", [7, 2], 3), "<- 7 / 2 is 3.5")
print(patched("1.5 * 2", [1, 5, 2], 3), "<- where are the 1 and the 5?")

# %% [markdown]
# Three wrong answers are accepted. And one more is waiting:
#
# > Use 9 , 9 , 9 to make 1 .
#
# The answer `9**9**9` has nothing but digits and operators, and the right
# numbers. **Do not run it.** We can say how long its value is without
# working it out:

# %%
import math

digits = 9**9 * math.log10(9)
print(f"9**9**9 has about {digits:,.0f} digits")

# %% [markdown]
# Python would try to write all of them down. The training run would stand
# still, without an error, on one completion in the middle of the night.
#
# What about a library for mathematics? `sympy` is a good one, and the
# documentation of its parser warns that it uses `eval`:

# %%
from sympy.parsing.sympy_parser import parse_expr

parse_expr("print('and here, in sympy')")

# %% [markdown]
# ### Reading instead of running
#
# Python can *read* an expression without running it. `ast.parse` gives a
# tree, and nothing happens until somebody walks over it:

# %%
tree = ast.parse("( 10 + 5 ) * 3", mode="eval").body
print(ast.dump(tree, indent=2))

# %% [markdown]
# So we walk over it ourselves, and know exactly three kinds of node: a
# whole number, an operator from a short list, and nothing else. Whatever we
# do not know is no arithmetic. This is a **whitelist**: it does not name
# what is forbidden (there is always one more), but what is allowed.
#
# Numbers are read from the tree too, so that 1.5 cannot pass for 1 and 5,
# and the arithmetic is exact: as floats, 1 / 49 * 49 is not 1.

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
# True when `answer` is arithmetic with `+ - * /` over exactly the given
# numbers, each used once, and its exact value is the target. False for
# **everything else**, whatever a model may write: a verifier never raises.
#
# The check attacks it in eighteen ways, all harmless. A skeleton to start
# from, if you like:
#
# <details><summary>Hint: skeleton</summary>
#
#     def value(node):
#         # a whole number: note that it was used; its value is a Fraction
#         # an ast.BinOp: value(node.left), value(node.right), combined
#         # anything else: raise ValueError
#
# </details>
#
# <details><summary>Hint: what can raise</summary>
#
# `ast.parse` on bad syntax (SyntaxError) or on a zero byte (ValueError), a
# division by zero (ZeroDivisionError), and far too long an answer
# (RecursionError): refuse it before you read it.
#
# </details>


# %% tags=["exercise"]
def my_verifier(answer: str, numbers: list[int], target: int) -> bool:
    """Whether `answer` combines exactly `numbers` into `target`."""
    raise NotImplementedError  # your code here


check.verifier(my_verifier)


# %% tags=["solution"]
def my_verifier(answer: str, numbers: list[int], target: int) -> bool:
    """Whether `answer` combines exactly `numbers` into `target`."""
    used = []

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            used.append(node.value)
            return Fraction(node.value)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            left, right = value(node.left), value(node.right)
            return OPERATORS[type(node.op)](left, right)
        raise ValueError("more than arithmetic")

    if len(answer) > 200:
        return False
    try:
        result = value(ast.parse(answer.strip(), mode="eval").body)
    except (ValueError, SyntaxError, ZeroDivisionError):
        return False
    return sorted(used) == sorted(numbers) and result == target


check.verifier(my_verifier)

# %% [markdown]
# All attacks on all three. (`kit` is the verifier that training uses here,
# `grpo_core.tasks.countdown.solves`; put yours in its place if you like.)

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
# *See:* every cell that is not blue is a wrong lesson that a policy would
# be taught, or a training run that ends with an error. `9**9**9` is not
# among the attacks: two of the three columns would never be finished.

# %% [markdown]
# ## 3. The form
#
# The second rule asks for the form alone. It is easier to learn than the
# first, so it is learned first, and what is rewarded is *exactly* what the
# rule says and not what it means. A rule such as "all four tags occur" is
# kept by
#
#     <answer> 3 </answer> <think> </think>
#
# which thinks nothing, and thinks it afterwards.

# %% [markdown]
# ### Exercise 3: the format reward
#
# 1.0 where a completion, blanks around it aside, is nothing but one thought
# followed by one answer, with only blanks between them; neither is empty,
# and no tag occurs inside of either. Otherwise 0.0.
#
# <details><summary>Hint: the whole of it</summary>
#
# `re.search` finds a pattern anywhere, `re.match` at the start,
# `re.fullmatch` from end to end.
#
# </details>


# %% tags=["exercise"]
def my_format(completion: str) -> float:
    """1.0 for a completion in the agreed form, else 0.0."""
    raise NotImplementedError  # your code here


check.format_reward(my_format)


# %% tags=["solution"]
def my_format(completion: str) -> float:
    """1.0 for a completion in the agreed form, else 0.0."""
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
# GRPO compares one number a completion. The kit takes a weighted sum: 1 for
# a right answer, 0.3 for the form. Here is a group of seven with every
# kind in it.

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
    "cut off": "<think> 10 + 3 = 13 , 13 * 5 = 65 no 10 - 3",
}

# %% [markdown]
# **Before you go on:** which completion gets the highest advantage? Is
# *thinks nothing, wrong* pushed up or down? And *right, no tags*?


# %%
def grid(weights: list[float]):
    score = RewardSum(["accuracy_reward", "format_reward"], weights)
    n = len(kinds)
    parts, totals = score(
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
# *See:* the two rules add up, so doing both is best. A completion that
# thinks nothing and is wrong is pushed down, but far less than one that is
# just wrong: even an empty form pays. And *right, no tags* gets nothing:
# the answer is there, but not where the rule looks. A rule cannot see what
# you meant.
#
# Now the same group with the form worth twice as much as the answer. Look
# at *thinks nothing, wrong*:

# %%
grid([1.0, 2.0])

# %% [markdown]
# *See:* an empty thought and any number is now pushed **up**, and a right
# answer that shows no thought is pushed down. The trick takes no arithmetic
# at all. Where a trick is easy and the task is hard, a policy learns the
# trick, and the search for answers dies out before it has paid once.
# R1-Zero weighed both rules alike; its base model could solve many of the
# problems already. This kit's tiny model is weaker, hence 0.3.

# %% [markdown]
# ## 5. A real group
#
# The first group of a recorded run: sixteen completions of the untrained
# tiny model for one problem.
#
# **Before you go on:** once you see the picture, look for a completion that
# has found the right answer and gets nothing for it. What is missing?

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
# *See:* two of sixteen are rewarded for a right answer, and both
# *searched*: tried one thing, wrote `no`, and tried the next. Nobody wrote
# a reward for searching. It is rewarded because it is how right answers
# come about. That is the whole idea of rewards by rule: **say what you
# want, exactly, and not how to get there.**
#
# (The one that went unpaid is the eighth: 5 * 3 = 15, *yes*, and no tag
# around the answer. One of the two that were paid wrote its search without
# `<think>` tags, so it got 1 and not 1.3.)

# %% [markdown]
# ## 6. What no rule can see
#
# - **The thought is not read.** A completion may think nonsense and answer
#   right, and gets full marks. Whether a policy's thoughts are the reasons
#   for its answers is another question (notebook 09).
# - **Points for effort** look harmless and are not: in a group that is all
#   wrong, GRPO makes an advantage of full size of 0.01 points (notebook
#   00).
# - **Only some tasks have a rule.** Sums, code with tests, puzzles do. An
#   essay does not. The last stage of R1 used a neural judge after all, and
#   kept it short, because it was being exploited (notebook 12).

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
# - The **answer** is the last complete one outside thinking.
# - A **verifier** reads and never runs. It knows a short list of what is
#   allowed, computes exactly, and says no to everything else without
#   raising.
# - A **format reward** pays for what it says, so it must leave nothing to
#   be had for free. Its weight decides whether it helps the search for
#   answers or replaces it.
#
# **Next:** notebook 03 asks how many completions a prompt deserves.
#
# ### Further reading
#
# - DeepSeek-AI 2025, *DeepSeek-R1*, arXiv:2501.12948. Section 2.2.2: the
#   two rules, and why no neural reward model.
# - Lambert et al. 2024, *Tulu 3*, arXiv:2411.15124. Section 6:
#   reinforcement learning with verifiable rewards, the name.
# - Krakovna et al. 2020, *Specification gaming: the flip side of AI
#   ingenuity*, DeepMind blog. Some sixty rules that were kept to the
#   letter.
# - Gandhi et al. 2025, *Cognitive Behaviors that Enable Self-Improving
#   Reasoners*, arXiv:2503.01307. Countdown, and why the base has to be able
#   to search.
# - Python documentation, module `ast`, and the warning under
#   `ast.literal_eval`; SymPy documentation, `parse_expr`, the warning on
#   `eval`.
