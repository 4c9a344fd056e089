"""GRPO Lab: Group Relative Policy Optimization, small enough to read and fast enough to watch.

The flow has one direction, and nothing on the right is imported by anything on its left:

    task -> prompt -> group of completions -> reward parts -> advantages -> objective -> update
         -> Step record -> run folder -> figures, notebooks, dashboard

What most programs need can be imported from here. Each name is loaded when it is first asked for,
so `import grpo_core` takes milliseconds and loads no torch:

    GRPOConfig, Trainer, load_policy       train a policy: `for step in Trainer(GRPOConfig()): ...`
    evaluate                               measure a policy on held-out problems
    grpo_objective, group_advantages, k3   the algorithm, as pure functions on tensors
    get_task, get_reward, RewardSum        problems, and what completions are worth
    Run, list_runs                         read what a run recorded
    Step, Group, Completion                the records
    LabError                               what the user can put right, in one sentence
"""

import os
import sys

# `python -m grpo_core.cli` has put the working directory first on the module search path. A folder
# of someone else's may hold a json.py, so it is taken off before anything more is imported, unless
# the kit itself is in there. `grpo-lab` has no such moment. See also core/child.py.
_is_program = sys.argv[:1] == ["-m"] and any(
    word.removeprefix("-m").split(".")[0] == __name__ for word in sys.orig_argv
)
_home = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
if _is_program and not sys.flags.safe_path and os.path.realpath(sys.path[0]) != _home:
    del sys.path[0]

import importlib  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

if TYPE_CHECKING:  # for editors and type checkers; _HOMES says the same to Python
    from grpo_core.algorithm.advantages import group_advantages as group_advantages
    from grpo_core.algorithm.kl import k3 as k3
    from grpo_core.algorithm.objective import grpo_objective as grpo_objective
    from grpo_core.core.config import GRPOConfig as GRPOConfig
    from grpo_core.core.errors import LabError as LabError
    from grpo_core.core.records import Completion as Completion
    from grpo_core.core.records import Group as Group
    from grpo_core.core.records import Step as Step
    from grpo_core.models.policy import load_policy as load_policy
    from grpo_core.rewards import RewardSum as RewardSum
    from grpo_core.rewards import get_reward as get_reward
    from grpo_core.runs import Run as Run
    from grpo_core.runs import list_runs as list_runs
    from grpo_core.tasks import get_task as get_task
    from grpo_core.training.evaluation import evaluate as evaluate
    from grpo_core.training.trainer import Trainer as Trainer

__version__ = "0.1.0"

_HOMES = {
    "Completion": "core.records",
    "GRPOConfig": "core.config",
    "Group": "core.records",
    "LabError": "core.errors",
    "RewardSum": "rewards",
    "Run": "runs",
    "Step": "core.records",
    "Trainer": "training.trainer",
    "evaluate": "training.evaluation",
    "get_reward": "rewards",
    "get_task": "tasks",
    "group_advantages": "algorithm.advantages",
    "grpo_objective": "algorithm.objective",
    "k3": "algorithm.kl",
    "list_runs": "runs",
    "load_policy": "models.policy",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name from its home when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'grpo_core' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(f"grpo_core.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
