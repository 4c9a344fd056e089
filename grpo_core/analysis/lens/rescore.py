"""An edited completion, scored by the run's own rewards: the real verifier, on hostile text."""

from typing import Any

from grpo_core.core.config import GRPOConfig
from grpo_core.core.records import Group
from grpo_core.rewards import RewardSum


def rescore(group: Group, index: int, text: str, config: GRPOConfig) -> dict[str, float]:
    """Reward function name -> what `text` earns in the place of a completion of the group.

    Overlong shaping, which counts tokens, stays what it was: there is no tokenizer here.

    Raises:
        LabError: a reward of the run is not known on this machine, or failed.
    """
    columns: dict[str, Any] = {name: [value] for name, value in group.columns.items()}
    columns |= {"task": [config.task], "completion_ids": [[]]}
    parts, _ = RewardSum(config.reward_funcs, config.reward_weights)(
        [group.prompt], [text], **columns
    )
    scored = {name: values[0] for name, values in parts.items()}
    return group.completions[index].rewards | scored
