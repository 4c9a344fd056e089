"""Invariant 16 down to the weights: TRL's loss and ours, from the same model and the same tokens.

TRL's side is its own way from tokens to log-probs and its own loss. Ours is the model's logits,
`token_logprobs` and `grpo_objective`. At a temperature that is not 1, on completions and prompts of
many lengths, of which one group ties; in float64.

TRL's fused head computes float32 log-probs whatever the model is made of, with errors of 1e-6. To
see further, its innermost function is replaced by a plain one in float64, and a test of its own
goes through TRL as it is.
"""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from trl_side import (
    EVERY_SETTING,
    LENGTH,
    LOSS_TYPES,
    configured,
    error,
    inputs_of,
    make_trainer,
    tell,
    trl_loss,
)

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.aggregation import BatchSize
from grpo_core.algorithm.logprobs import token_logprobs
from grpo_core.algorithm.objective import grpo_objective
from grpo_core.algorithm.variant import Variant
from grpo_core.core.config import GRPOConfig
from grpo_core.tasks import Problem

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # among TRL and transformers
    pytest.mark.filterwarnings("ignore:.*experimental.*"),
]

TEMPERATURE = 0.7
LENGTHS = torch.tensor([9, 1, 4, 7, 2, 9, 5, 3])
REWARDS = torch.tensor([[1.0, 0.3, 0.0, 0.3], [0.7, 0.7, 0.7, 0.7]], dtype=torch.float64)
NO_GROUP_TIES = torch.tensor([[1.0, 0.3, 0.0, 0.3], [0.0, 0.0, 1.3, 0.3]], dtype=torch.float64)


@pytest.fixture(scope="module")
def trainer(trl: ModuleType, problems: list[Problem], tmp_path_factory: Any) -> Any:
    folder = tmp_path_factory.mktemp("trl-gradients")
    trainer = make_trainer(trl, problems, folder, temperature=TEMPERATURE)
    torch.manual_seed(0)
    for weights in trainer.model.parameters():  # as they are made, every token is as likely
        weights.data = weights.data.double() + 0.3 * torch.randn_like(weights, dtype=torch.double)
    return trainer


def plain_head(
    hidden: Any, weight: Any, bias: Any, labels: Any, temperature: float, *_: Any
) -> Any:
    """Log-probs and entropy, in place of TRL's kernel: in the dtype of the hidden states."""
    logits = torch.nn.functional.linear(hidden, weight, bias) / temperature
    logprobs = -torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    return logprobs, torch.distributions.Categorical(logits=logits).entropy(), None, None, None


@pytest.fixture(autouse=True)
def _in_float64(request: Any, trl: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    if "as_it_is" not in request.function.__name__:
        head = SimpleNamespace(apply=plain_head)
        monkeypatch.setattr("trl.trainer.utils._ChunkedLogProbFunction", head)


class Batch:
    """Eight completions of two prompts of unequal length, and what older policies gave them."""

    def __init__(self, trainer: Any, rewards: torch.Tensor = REWARDS) -> None:
        generator = torch.Generator().manual_seed(0)
        vocabulary, width = trainer.model.config.vocab_size, int(LENGTHS.max())
        self.mask = torch.arange(width) < LENGTHS.unsqueeze(1)
        self.completion = torch.randint(3, vocabulary, (8, width), generator=generator)
        self.prompt = torch.randint(3, vocabulary, (8, 5), generator=generator)
        self.prompt_mask = torch.ones(8, 5, dtype=torch.long)
        self.prompt_mask[4:, :2] = 0  # the second prompt is shorter: padded on the left
        self.rewards = rewards
        with torch.no_grad():
            logprobs = self.logprobs(trainer.model, torch.arange(8))[0]
        noise = torch.randn(2, *logprobs.shape, generator=generator, dtype=torch.float64)
        # whole completions have moved as well, good ones up and bad ones down among them
        drift = torch.tensor([0.4, -0.4, -0.4, 0.4, 0.2, -0.2, 0.4, -0.4]).unsqueeze(1)
        self.old, self.ref = logprobs + 0.3 * noise[0] - drift, logprobs + 0.3 * noise[1]

    def logprobs(
        self, model: Any, rows: torch.Tensor, **entropy: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Ours: (R, T) log-probs and entropy of some rows."""
        ids = torch.cat([self.prompt[rows], self.completion[rows]], dim=1)
        seen = torch.cat([self.prompt_mask[rows], self.mask[rows].long()], dim=1)
        logits = model(input_ids=ids, attention_mask=seen).logits
        width = self.completion.shape[1]
        return token_logprobs(
            logits[:, -width - 1 : -1], self.completion[rows], TEMPERATURE, **entropy
        )

    def trls(self, rows: torch.Tensor, mask: torch.Tensor, old: torch.Tensor | None,
             advantages: torch.Tensor) -> dict[str, Any]:  # fmt: skip
        """Theirs: some rows as TRL's loss takes them."""
        return inputs_of(
            mask[rows],
            advantages[rows],
            None if old is None else old[rows],
            self.ref[rows],
            tokens=mask.sum(),
            prompt_ids=self.prompt[rows],
            prompt_mask=self.prompt_mask[rows],
            completion_ids=self.completion[rows],
        )


Result = tuple[torch.Tensor, dict[str, torch.Tensor]]


def both(
    trainer: Any,
    monkeypatch: pytest.MonkeyPatch,
    config: GRPOConfig,
    *,
    on_policy: bool = False,
    accumulate: int = 1,
    rewards: torch.Tensor = REWARDS,
    dropped: tuple[int, ...] = (),
) -> tuple[Result, Result]:
    """Loss and every parameter's gradient, ours and TRL's; `dropped` rows are masked as a whole."""
    tell(trainer, monkeypatch, config, accumulate=accumulate)
    batch, variant = Batch(trainer, rewards), Variant.from_config(config)
    mask = batch.mask.clone()
    mask[list(dropped)] = False
    old = None if on_policy else batch.old
    advantages = group_advantages(rewards, config.scale_rewards).flatten()
    size = BatchSize.of(mask, LENGTH)

    def ours(rows: torch.Tensor) -> torch.Tensor:
        bonus = config.entropy_coef > 0
        logprobs, entropy = batch.logprobs(trainer.model, rows, entropy_gradient=bonus)
        before = None if old is None else old[rows]
        loss, _ = grpo_objective(
            *(logprobs, before, batch.ref[rows], advantages[rows], mask[rows], variant, size),
            entropy=entropy,
        )
        return loss

    def theirs(rows: torch.Tensor) -> torch.Tensor:
        return trl_loss(trainer, config, batch.trls(rows, mask, old, advantages))

    return tuple(collected(trainer.model, side, accumulate) for side in (ours, theirs))  # type: ignore[return-value]


def collected(model: Any, loss_of: Any, parts: int) -> Result:
    """The sum of the losses of all parts, and the gradient they add up to."""
    model.zero_grad()
    total = torch.zeros((), dtype=torch.float64)
    for rows in torch.arange(8).chunk(parts):
        loss = loss_of(rows)
        loss.backward()
        total += loss.detach()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    assert len(gradients) > 8 and all(g.ne(0).any() for g in gradients.values())
    return total, gradients


def assert_same(
    ours: Result, theirs: Result, times: float = 1.0, *, loss_within: float = 1e-6
) -> None:
    """Ours is TRL's, or so many times TRL's: loss within 1e-6, every gradient within 1e-5."""
    assert error(ours[0], times * theirs[0]) < loss_within
    for name, gradient in theirs[1].items():
        assert error(ours[1][name], times * gradient, least=1e-9) < 1e-5, name


@pytest.mark.parametrize("on_policy", [False, True], ids=["off-policy", "on-policy"])
@pytest.mark.parametrize("beta", [0.0, 0.1])
@EVERY_SETTING
def test_every_parameter_gets_trls_gradient(
    trainer: Any,
    monkeypatch: pytest.MonkeyPatch,
    loss_type: str,
    level: str,
    numbers: dict[str, float],
    beta: float,
    on_policy: bool,
) -> None:
    config = configured(loss_type, level, numbers, beta=beta)
    assert_same(*both(trainer, monkeypatch, config, on_policy=on_policy))


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_trl_as_it_is(trainer: Any, monkeypatch: pytest.MonkeyPatch, loss_type: str) -> None:
    """With its fused head, whose log-probs are float32: ten times as far as in float64."""
    ours, theirs = both(trainer, monkeypatch, configured(loss_type, beta=0.1))
    assert_same(ours, theirs, loss_within=1e-5)
    batch, rows = Batch(trainer), torch.arange(8)
    seen = batch.trls(rows, batch.mask, None, torch.zeros(8))
    ids, mask = (
        torch.cat([seen[f"prompt_{what}"], seen[f"completion_{what}"]], dim=1)
        for what in ("ids", "mask")
    )
    with torch.no_grad():
        logprobs, entropy, _ = trainer._get_per_token_logps_and_entropies(
            trainer.model, ids, mask, batch.mask.shape[1], compute_entropy=True
        )
        for theirs, ours in zip(
            (logprobs, entropy), batch.logprobs(trainer.model, rows), strict=True
        ):
            assert theirs.dtype == torch.float32
            assert (theirs - ours)[batch.mask].abs().max() < 5e-6


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_over_four_micro_batches_and_however_rewards_are_scaled(
    trainer: Any, monkeypatch: pytest.MonkeyPatch, loss_type: str, scale: str
) -> None:
    config = configured(loss_type, beta=0.1, scale_rewards=scale)
    assert_same(*both(trainer, monkeypatch, config, accumulate=4, rewards=NO_GROUP_TIES))


@pytest.mark.parametrize("level", ["token", "sequence"])
def test_the_ratio_on_the_kl_is_trls_bias_correction(
    trainer: Any, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    """TRL's default; here it is off unless set, for DeepSeekMath's KL."""
    config = configured("dapo", level, beta=0.1, use_bias_correction_kl=True)
    assert_same(*both(trainer, monkeypatch, config))


@pytest.mark.parametrize("loss_type", [name for name in LOSS_TYPES if name != "gmpo"])
def test_the_entropy_bonus_is_trls(
    trainer: Any, monkeypatch: pytest.MonkeyPatch, loss_type: str
) -> None:
    """One batch. (TRL's GMPO takes none.)"""
    config = configured(loss_type, entropy_coef=0.05)
    with_bonus, theirs = both(trainer, monkeypatch, config)
    assert_same(with_bonus, theirs)
    without, _ = both(trainer, monkeypatch, configured(loss_type))
    assert abs(with_bonus[0] - without[0]) > 1e-3


def test_over_micro_batches_the_entropy_bonus_is_that_of_the_whole_batch(
    trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On purpose not TRL's mean of the micro-batches' means: however it is cut, the sum is one."""
    config = configured("dapo", entropy_coef=0.05)
    whole, _ = both(trainer, monkeypatch, config)
    parts, theirs = both(trainer, monkeypatch, config, accumulate=4)
    assert_same(parts, whole)
    assert error(parts[0], theirs[0]) > 1e-4


BY_TOKENS = {"dapo", "bnpo", "cispo", "vespo"}


@pytest.mark.parametrize("beta", [0.0, 0.1])
@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_truncated_completions_are_counted_nowhere(
    trainer: Any, monkeypatch: pytest.MonkeyPatch, loss_type: str, beta: float
) -> None:
    """With mask_truncated_completions, on purpose not TRL's denominator.

    A completion that is masked as a whole adds nothing to the loss. TRL still counts it among the B
    that the loss is divided by, so the more completions are cut off, the smaller the step of the
    others. Here the divisor is what is really there. Where the divisor is a number of tokens there
    are none to count, and the two are the same. (TRL's GMPO leaves in its loss, without gradient,
    the advantage of a completion that has no tokens: the geometric mean of nothing is 1.)
    """
    dropped = (0, 5)
    config = configured(loss_type, beta=beta)
    ours, theirs = both(trainer, monkeypatch, config, dropped=dropped)
    if loss_type == "gmpo":
        left_in = -group_advantages(REWARDS).flatten()[list(dropped)].sum() / 8
        theirs = (theirs[0] - left_in, theirs[1])
    assert_same(ours, theirs, times=1.0 if loss_type in BY_TOKENS else 8 / (8 - len(dropped)))


@pytest.mark.parametrize("masked", [False, True], ids=["", "truncated-masked"])
@pytest.mark.parametrize("scale", ["group", "batch", "none", "normalize_then_sum"])
def test_advantages_and_masks_are_those_trl_makes(
    trainer: Any, monkeypatch: pytest.MonkeyPatch, problems: list[Problem], scale: str, masked: bool
) -> None:
    """From prompts on, by TRL's own sampling and scoring: two rewards of which one group ties."""
    from grpo_core.algorithm.advantages import normalize_then_sum

    several = {"multi_objective_aggregation": "normalize_then_sum"}
    options = several if scale == "normalize_then_sum" else {"scale_rewards": scale}
    config = configured("dapo", mask_truncated_completions=masked, **options)
    tell(trainer, monkeypatch, config)
    trainer.model.generate.calls = 0
    parts = torch.tensor([[1.0, 0, 0, 1, 0, 0, 0, 0], [0.0, 1, 1, 1, 1, 1, 1, 1]])
    monkeypatch.setattr(trainer, "_calculate_rewards", lambda *_: parts.T.clone())
    rows = [
        {"prompt": p.prompt, "task": "countdown", **p.columns} for p in problems[:2] for _ in "0123"
    ]
    made = trainer._generate_and_score_completions(rows)

    weights = torch.tensor([1.0, 0.3])
    if scale == "normalize_then_sum":
        ours = normalize_then_sum(parts.view(2, 2, 4), weights)
    else:
        ours = group_advantages((weights @ parts).view(2, 4), scale)
    torch.testing.assert_close(made["advantages"], ours.flatten(), atol=1e-6, rtol=1e-5)
    assert ours[1].eq(0).all() and ours[0].ne(0).any()
    # the scripts write "never ends" at 3 and right answers, ended, elsewhere
    ends = made["completion_ids"].eq(trainer.processing_class.eos_token_id).any(dim=1)
    assert ends.tolist() == [i != 3 for i in range(8)]
    assert made["completion_mask"].any(dim=1).tolist() == [not masked or bool(end) for end in ends]
