# %% [markdown]
# # 10 · R1's pipeline
#
# R1-Zero was trained by RL alone. It reasons well, and its thoughts are
# hard to read: no paragraphs, two languages in one sentence, and outside
# mathematics it is no use. **DeepSeek-R1** is what came of mending that: a
# pipeline in which fine-tuning and RL take turns, each making the data or
# the model for the next.
#
# **After this notebook you will be able to**
# - fine-tune a model on traces, and on nothing but their completions,
# - write the language reward, and say what it cost,
# - filter a model's own samples so that they are worth imitating,
# - draw the four stages from memory, and say why the third one starts
#   again from the base, and
# - compare distillation with RL at the same compute, and not only by eye.
#
# **Time:** about 60 minutes, four exercises.
# **You need:** notebooks 02 and 07. No GPU, no network.

# %%
import torch
from transformers.utils import logging

from grpo_core.analysis import figures
from grpo_core.course import lesson10 as check
from grpo_core.course.recordings import replay
from grpo_core.models.policy import load_policy
from grpo_core.pipeline import report
from grpo_core.tasks import get_task

figures.use_style()
logging.disable_progress_bar()
torch.set_num_threads(1)

# %% [markdown]
# ## 1. A model that mixes languages
#
# Our tiny model knows no language, only numbers, signs and two verdicts:
# *yes* and *no*. So we give it a second language. Two words are added to
# its tokenizer, *ja* and *nein*, and each begins as a copy of the word it
# translates.

# %%
from grpo_core.pipeline.words import translations, with_words
from grpo_core.training.sampling import sample_groups

base = with_words(load_policy("tiny"), translations())
problems = get_task("countdown").problems("test")[:40]


def sample(policy, count=8, seed=0):
    """`count` completions for each of 40 problems, as texts."""
    samples = sample_groups(
        policy,
        [problem.prompt for problem in problems],
        count,
        max_completion_length=256,
        temperature=1.0,
        generator=torch.Generator().manual_seed(seed),
    )
    rows = range(len(samples.lengths))
    return [policy.decode(samples.completion(row)) for row in rows]


texts = sample(base)
mixed = [t for t in texts if " nein " in t and " no " in t]
print(f"{len(mixed)} of {len(texts)} completions mix. One of them:")
one = min(mixed, key=len)
print(one.replace(" no ", " no\n").replace(" nein ", " nein\n"))

# %% [markdown]
# The verifier of notebook 02 looks at the answer only. It does not mind.
# Somebody who has to read the thought does.
#
# ## 2. Stage 1: a cold start
#
# Before any RL, R1 was fine-tuned on a few thousand long, clean thoughts.
# Ours are written by rule: searches without a slip, half of them in
# English and half in German, *each in one language*.

# %%
from grpo_core.pipeline.writers import cold_start

traces = cold_start(get_task("countdown"), 400, seed=0)
for trace in traces[:2]:
    print(f"{trace.prompt}\n{trace.completion}\n")

# %% [markdown]
# Fine-tuning makes the tokens of these completions likelier:
#
# $$\mathcal L = -\frac{1}{\sum_i |o_i|} \sum_i \sum_t
#   \log \pi(o_{i,t} \mid q_i, o_{i,<t})$$
#
# It is the policy gradient of notebook 00, with samples of somebody else
# and an advantage of 1 on every token. Two things go wrong in practice,
# and both hide well, for the loss falls all the same: which positions
# count, and which logits belong to them.
#
# ### Exercise 1: the loss of fine-tuning
#
# A batch of rows, each a prompt, a completion with its end token, and
# padding. `prompts` holds the length of each prompt, `lengths` where the
# row ends: prompt and completion together. The padding has the same id as
# the end token.


# %% tags=["exercise"]
def my_sft_loss(
    logits: torch.Tensor,
    ids: torch.Tensor,
    prompts: torch.Tensor,
    lengths: torch.Tensor,
) -> torch.Tensor:
    """Logits (N, T, V), ids (N, T), where prompts and rows end -> loss."""
    raise NotImplementedError  # your code here


check.sft_loss(my_sft_loss)


# %% tags=["solution"]
def my_sft_loss(
    logits: torch.Tensor,
    ids: torch.Tensor,
    prompts: torch.Tensor,
    lengths: torch.Tensor,
) -> torch.Tensor:
    """Logits (N, T, V), ids (N, T), where prompts and rows end -> loss."""
    logprobs = torch.log_softmax(logits[:, :-1], dim=2)
    targets = ids[:, 1:]
    chosen = logprobs.gather(2, targets.unsqueeze(2)).squeeze(2)
    position = torch.arange(1, ids.shape[1])
    learned = (position >= prompts.unsqueeze(1)) & (
        position < lengths.unsqueeze(1)
    )
    return -chosen[learned].mean()


check.sft_loss(my_sft_loss)

# %% [markdown]
# Now with the kit's own version, on all 400 traces, twice: 26 steps.
#
# **Before you go on:** the base writes such lines now and then by itself,
# and its arithmetic is nearly perfect. Will the loss begin near 5 (guessing
# among 127 words), near 1, or near 0.1?

# %%
from grpo_core.pipeline.config import SFTConfig
from grpo_core.pipeline.sft import Tuner, loss_of, tokens_of

data = tokens_of(base, traces)
options = SFTConfig("tiny", ("cold start",), learning_rate=5e-4)
before = loss_of(base, data)
tuner = Tuner(base, data, options)
losses = [tuner.update() for _ in range(tuner.steps)]
cold = tuner.policy  # the same object as `base`: it has learned
figures.fine_tuning(losses, before, loss_of(cold, data))

# %% [markdown]
# *See:* it begins near 0.1 nats a token. Most tokens of a trace follow from
# those before: after `10 - 3 =` there is one possible `7`, and the base
# knows it. What is left to learn sits in a few tokens: begin with
# `<think>`, go on after a *no*, stop after a *yes*. So a small fall changes
# a lot:

# %% tags=["measured"]
from grpo_core.rewards.format import parse

verify = get_task("countdown").verify


def measured(texts, count=8):
    """Shares of right, well-formed and language-mixing completions."""
    right = [
        bool(a := parse(t).answer)
        and verify(a, **problems[i // count].columns)
        for i, t in enumerate(texts)
    ]
    formed = [parse(t).well_formed for t in texts]
    both = [" no " in t and " nein " in t for t in texts]
    return [sum(x) / len(texts) for x in (right, formed, both)]


after = sample(cold)
print("                accuracy  format  mixed")
for name, some in (("base", texts), ("after stage 1", after)):
    print(f"{name:14}", *(f"{x:9.2f}" for x in measured(some)))

# %% [markdown]
# Accuracy has jumped, by imitation alone: the searches were in the base,
# and it was shown that *here* is where they belong. **And it mixes more
# than before**, although no trace does. Each trace is in one language; the
# *collection* is not, and at every verdict the model draws one. It would
# have to look back at what it has written in order not to.
#
# ## 3. Stage 2: reasoning RL, and one reward more
#
# Accuracy and format, as R1-Zero. And a third: *the share of the thought
# that is in the right language*. Here only verdicts have a language.
#
# ### Exercise 2: the language reward
#
# The share of the thought's verdicts that are English (*yes*, *no*; German
# are *ja*, *nein*). A thought without any earns 1: nothing in it is in a
# wrong language. Tags and words are set apart by blanks.


# %% tags=["exercise"]
def my_language(completion: str) -> float:
    """The share of English among the thought's verdicts, 0 to 1."""
    raise NotImplementedError  # your code here


check.language(my_language)


# %% tags=["solution"]
def my_language(completion: str) -> float:
    """The share of English among the thought's verdicts, 0 to 1."""
    thought = completion.split("<think>")[-1].split("</think>")[0]
    words = thought.split()
    english = sum(word in ("yes", "no") for word in words)
    german = sum(word in ("ja", "nein") for word in words)
    return english / (english + german) if english + german else 1.0


check.language(my_language)

# %% [markdown]
# The rest of the pipeline takes minutes to an hour, so it was run before:
# `grpo-lab r1`, seeds 0, 1 and 2. (`GRPO_LAB_FULL=1` runs it here.) Stage 2
# was done twice, from the same model: once with this reward at a weight of
# 0.3, once with a weight of 0.
#
# **Before you go on:** three questions. Without the reward, will the model
# settle on one language by itself? With it, will accuracy be higher, lower,
# or the same? And could the reward be earned by *not checking at all*?

# %%
records = replay.pipelines()
figures.language_reward_curves(records)

# %% [markdown]
# *See:* with the reward (blue) the share of English climbs, slowly, to nine
# tenths. Without it (orange) the share falls, in each seed by another
# amount: **RL for accuracy does not settle on one language by itself**.
# And accuracy rises in the same way in both.

# %% tags=["measured"]
for row in report.language_table(records):
    print(f"{row[0]:24}", *(f"{cell:>18}" for cell in row[1:4]))

# %% [markdown]
# Held-out problems, seeds 0, 1 and 2 in each cell. R1's authors saw
# accuracy *fall* a little with this reward, and kept it: "this reward
# aligns with human preferences, making it more readable". Here the
# difference has no sign: with 553 problems a share of 0.83 is known to
# within 0.016 (one standard error), and the differences are no larger.
# *No cost that we could measure* is what may be said, not *no cost*.
#
# As to earning it by not checking at all: a thought without verdicts does
# earn the full reward. Training did not go there (in `verdicts` of
# docs/pipeline.md both runs have six a completion): such thoughts are wrong
# more often, and a wrong answer costs as much as the language pays.
#
# ## 4. Stage 3: rejection sampling
#
# The model of stage 2 writes better thoughts than those it began with. So
# let it write the next data: many completions for each problem, of which
# the verifier keeps the right ones. R1's authors threw out more: mixed
# languages, long paragraphs, blocks of code. 600,000 traces were left.
#
# ### Exercise 3: what is worth imitating
#
# The completions of one problem, and what the verifier said of each. Return
# the numbers of those to keep: right, readable, each text once, in the
# order in which they came, and at most `most`. Readable (well-formed, in
# English, no line twice) is the kit's own rule, and given.

# %%
from grpo_core.course.lesson10 import readable


# %% tags=["exercise"]
def my_selection(
    completions: list[str], right: list[bool], most: int
) -> list[int]:
    """Completions of one problem -> the numbers of those to keep."""
    raise NotImplementedError  # your code here


check.selection(my_selection)


# %% tags=["solution"]
def my_selection(
    completions: list[str], right: list[bool], most: int
) -> list[int]:
    """Completions of one problem -> the numbers of those to keep."""
    kept: list[int] = []
    for i, text in enumerate(completions):
        is_new = all(text != completions[j] for j in kept)
        if right[i] and readable(text) and is_new and len(kept) < most:
            kept.append(i)
    return kept


check.selection(my_selection)

# %% [markdown]
# The kit's filter on the 320 completions that the cold-started model wrote
# above, which no language reward has tidied up:
#
# **Before you go on:** about half of them are right. How many will be kept,
# with at most 3 a problem: about 20, about 80, or about 150?

# %%
from grpo_core.pipeline.select import counted, fates

found = []
for i, problem in enumerate(problems):
    some = after[8 * i : 8 * i + 8]
    answers = [parse(text).answer for text in some]
    right = [bool(a) and verify(a, **problem.columns) for a in answers]
    found += fates(some, right, 3)
figures.what_became(counted(found))

# %% [markdown]
# *See:* hardly any. Half are wrong, and nearly all the others have a German
# word in them. **What is rewarded decides what can be kept**: that is why
# the language reward comes *before* the sampling. (A text is counted under
# the first reason that is true of it; German throughout is under "mixed
# languages" too.)
#
# With what the model of stage 2 wrote, over three seeds:

# %% tags=["measured"]
for row in report.data_table(records):
    print(f"{row[0]:24}", *(f"{cell:>10}" for cell in row[1:]))

# %% [markdown]
# ### ... and back to the base
#
# With these traces, and some of another kind, R1 fine-tuned **the base**:
# not the model that had written them. What RL found is in the traces. What
# it did to the weights besides, nobody had looked at.
#
# The other kind: 200,000 examples of writing, facts and translation. Ours
# are questions about a line of work, in the same tags, and wordy:

# %%
from grpo_core.pipeline.writers import general

trace = general(get_task("scenarios"), 1, seed=1)[0]
print(f"{trace.prompt}\n{trace.completion}")

# %% [markdown]
# ## 5. Stage 4: RL for all scenarios
#
# Half of the prompts are Countdown, half are such questions. Rules judge
# both: right or wrong. On the questions there is another reward, where R1
# has a learned preference model: *shorter thoughts, please*. On Countdown
# prompts it is 0 for every completion.
#
# **Before you go on:** the preference is paid on the questions only. Will
# the thoughts on Countdown problems get shorter too?

# %%
figures.pipeline_stages(records)

# %% [markdown]
# *See:* five things.
#
# - **Stage 3 is better than its teacher.** The base, fine-tuned on what the
#   model of stage 2 wrote, gives more right answers than that model. It saw
#   the right ones only: a filter is a teacher, too.
# - **And it hardly mixes**, in 4 of 100 thoughts where its teacher mixed in
#   33. The filter let no German through, and the base had never been
#   rewarded for anything else.
# - **Stage 4 teaches the questions** (lower row): more of them right, and
#   the thoughts half as long. (Guessing would be right on half of those
#   that are well-formed: on about 0.35 of all.)
# - On Countdown it costs a little, or nothing: the seeds do not agree.
#   Shorter on request did *not* become shorter everywhere; the thoughts
#   on problems grew.
# - The questions stay at 0 until somebody asks: the base can tell right
#   lines from wrong ones, and had never been asked in this form.
#
# The whole of it, boxes filled as far as they are right:

# %%
figures.pipeline_flow(records)

# %% [markdown]
# ## 6. Distillation
#
# What R1 is best known for, after itself, are small models that reason:
# other people's models, fine-tuned on 800,000 of its traces. No RL. And the
# authors asked: would RL on the small model have done as well? At 32
# billion weights: 47.0 on AIME 2024 by RL alone, 72.6 distilled.
#
# To compare fairly one has to say what is equal. We count operations: a
# token through a model of $N$ weights costs $2N$ forward and $4N$ backward.
#
# ### Exercise 4: equal compute
#
# How many steps of RL on the student cost as much as its distillation? The
# teacher sampled `sampled` tokens (all that it wrote, also what was thrown
# away), of which `learned` were kept; the student read those `epochs`
# times, forward and backward. A step of RL has `per_step` tokens: sampled
# by the student, read by it and learned from in the update, and read by a
# reference of the same size. `student` and `teacher` say how many weights
# each has.


# %% tags=["exercise"]
def my_rl_steps(
    student: int,
    teacher: int,
    sampled: int,
    learned: int,
    epochs: int,
    per_step: int,
) -> float:
    """Weights of both, and tokens -> how many steps of RL cost the same."""
    raise NotImplementedError  # your code here


check.rl_steps(my_rl_steps)


# %% tags=["solution"]
def my_rl_steps(
    student: int,
    teacher: int,
    sampled: int,
    learned: int,
    epochs: int,
    per_step: int,
) -> float:
    """Weights of both, and tokens -> how many steps of RL cost the same."""
    distillation = 2 * teacher * sampled + 6 * student * learned * epochs
    step = (2 + 2 + 4 + 2) * student * per_step
    return distillation / step


check.rl_steps(my_rl_steps)

# %% [markdown]
# Two students. One is **the base itself**: stage 3 *is* a distillation,
# into a model as large as the teacher, and what RL alone makes of that base
# is the kit's default run. The other is **smaller**: the same corpus, a
# seventh of the weights. Before you predict, what the two can do after one
# line of work (a chance of 0.5 means: it cannot tell right from wrong):

# %% tags=["measured"]
from grpo_core.models.measure import verdicts

for name in ("tiny", "small"):
    says = verdicts(load_policy(name), get_task("countdown"), n=128)
    right = says["yes_among_verdicts_if_right"]
    wrong = says["yes_among_verdicts_if_wrong"]
    print(f"{name:6} says yes: {right:.2f} if right, {wrong:.2f} if wrong")

# %% [markdown]
# **Before you go on:** for each of the two, at equal operations: is the
# distilled model ahead of RL, behind it, or the same?

# %%
figures.distillation(records)

# %% [markdown]
# *See, on the left:* at the operations of its fine-tuning, the distilled
# base is far ahead; RL needs several times as many to get there. (It does
# get there, and goes on: the teacher itself came from RL.) That is the
# paper's result. *On the right*, **neither gets anywhere**.

# %% tags=["measured"]
for row in report.distillation_table(records):
    print(f"{row[0]:48}", *(f"{cell:>8}" for cell in row[1:]))

# %% [markdown]
# (A dash: that run of RL was over before it had cost as much.) The smaller
# base cannot tell right from wrong, and a thousand traces do not teach it.
# What they teach is what can be seen: tags, lines of work, a *no* behind
# most and a *yes* behind the last. Its thoughts look like the teacher's:

# %% tags=["measured"]
for name in ("4-all-scenarios", "5-student", "5-distilled", "5-student-rl"):
    found = records[0]["measured"][name]
    right, formed = found["accuracy"], found["format"]
    print(
        f"{report.STAGES[name]:24} accuracy {right:.2f}, "
        f"format {formed:.2f}, {found['mean_length']:.0f} tokens"
    )

# %% [markdown]
# The distilled student searches as long as its teacher does, in good form,
# and its *yes* means nothing. RL went where it could earn: form first, then
# a somewhat better guess, with no search at all. It even ends a little
# ahead. **RL amplifies what is in the base, and so does imitation.** What
# was not there needs more than either: another pretraining, or very many
# more traces. (R1's smallest student has 1.5 *billion* weights, and had
# read much mathematics before.)
#
# ## Quiz
#
# Put a letter between the quotation marks, and run the cell again.

# %% tags=["exercise"]
check.quiz(restart="", mask="", language="", rejection="", distil="")

# %% tags=["solution"]
check.quiz(restart="b", mask="a", language="b", rejection="a", distil="c")

# %% [markdown]
# ## Summary
#
# - **Fine-tuning** learns completions, ends included, and no prompts and no
#   padding; logits predict the token *behind* them.
# - A model that was taught in two languages mixes them; accuracy does not
#   mind. A **reward for the language** does, and here it cost nothing that
#   could be measured.
# - **Rejection sampling** keeps what is right, readable and new, and a few
#   of each problem. Fine-tuned on that, the *base* is better than the model
#   that wrote it: the filter teaches, too.
# - **RL for all scenarios** adds what rules for right and wrong do not
#   cover, on prompts of its own.
# - **Distillation** beats RL by far at equal compute, where the student has
#   the skill. Where it has not, both learn how it looks.
#
# **Next:** notebook 11 puts the family of algorithms side by side.
#
# ### Further reading
#
# - Guo et al. 2025, *DeepSeek-R1*, arXiv:2501.12948. Section 2.3: the four
#   stages; 2.4 and 4.1: distillation, and RL against it.
# - Zelikman et al. 2022, *STaR: Bootstrapping Reasoning With Reasoning*,
#   arXiv:2203.14465. Keep the right thoughts, fine-tune the base, again.
# - Yuan et al. 2023, *Scaling Relationship on Learning Mathematical
#   Reasoning with Large Language Models*, arXiv:2308.01825. Rejection
#   sampling fine-tuning; why different traces of one problem help.
# - Hinton, Vinyals and Dean 2015, *Distilling the Knowledge in a Neural
#   Network*, arXiv:1503.02531. Where the word comes from; there the student
#   sees the teacher's probabilities, here only its text.
# - Gudibande et al. 2023, *The False Promise of Imitating Proprietary
#   LLMs*, arXiv:2305.15717. Style is imitated sooner than skill.
# - Kaplan et al. 2020, *Scaling Laws for Neural Language Models*,
#   arXiv:2001.08361. Section 2.1: two operations forward, four backward.
