"""Overlong shaping: a warning before the limit, instead of a sudden end."""

from collections.abc import Callable, Sequence
from typing import Any


def soft_overlong_punishment(
    max_completion_length: int, soft_punish_cache: int
) -> Callable[..., list[float]]:
    """A reward function that is 0, and falls to -1 over the last `soft_punish_cache` tokens.

    A truncated completion cannot be right, and is punished for it all at once, however good its
    reasoning was. Here length costs a little before it costs everything: 0 while len <= Lmax -
    Lcache, then (Lmax - Lcache - len) / Lcache. DAPO (arXiv 2503.14476), equation 13; as TRL's
    get_soft_overlong_punishment.

    Args:
        max_completion_length: Lmax, in tokens.
        soft_punish_cache: Lcache, in tokens, above 0.
    """
    free = max_completion_length - soft_punish_cache

    def soft_overlong_punishment_reward(  # its name in the metrics, as in TRL
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        **columns: Any,
    ) -> list[float]:
        overlong = [max(len(ids) - free, 0) for ids in completion_ids]
        return [-min(over / soft_punish_cache, 1.0) for over in overlong]

    return soft_overlong_punishment_reward
