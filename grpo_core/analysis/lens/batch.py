"""What an update averaged over, as far as a step's record tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grpo_core.core.config import GRPOConfig
from grpo_core.core.records import Completion, Group


@dataclass(frozen=True)
class Batch:
    """The size of one optimizer step, as `algorithm.aggregation.BatchSize`.

    Attributes:
        sequences: completions that count.
        tokens: tokens that count.
        exact: whether it is counted, or taken from what the step's metrics say on average.
    """

    sequences: float
    tokens: float
    exact: bool

    @classmethod
    def of(
        cls, groups: Sequence[Group], metrics: Mapping[str, float], config: GRPOConfig
    ) -> "Batch":
        """The size of a step of these groups.

        A run that was made small has fewer groups than were trained on: then the number of tokens
        is the metric's. With several mini-batches a step, which rows shared one is not on record,
        and the size is an average one's.
        """
        rows = [c for group in groups for c in group.completions if counts(c, config)]
        sequences, tokens = len(rows), sum(map(len, rows))
        recorded = sum(len(group.completions) for group in groups)
        exact = recorded == config.generation_batch_size
        if not exact and "completions/num_tokens" in metrics:
            share = sequences / max(recorded, 1)  # of the completions that count
            sequences = round(config.generation_batch_size * share)
            tokens = round(metrics["completions/num_tokens"] * share)
        updates = config.steps_per_generation
        return cls(sequences / updates, tokens / updates, exact and updates == 1)


def counts(completion: Completion, config: GRPOConfig) -> bool:
    """Whether a completion is trained on: truncated ones may be masked as a whole."""
    masked = completion.truncated and config.mask_truncated_completions
    return len(completion) > 0 and not masked
