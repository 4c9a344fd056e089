"""What the tests against TRL share."""

import importlib.util
from types import ModuleType

import pytest
from needs import require
from trl_side import PROMPTS

from grpo_core.tasks import Problem
from grpo_core.tasks.countdown import Countdown


@pytest.fixture(scope="session")
def trl() -> ModuleType:
    require(importlib.util.find_spec("trl"), "TRL: pip install 'grpo-lab[trl]'")
    import trl

    return trl


@pytest.fixture(scope="session")
def problems() -> list[Problem]:
    return Countdown().problems("train")[: 2 * PROMPTS]
