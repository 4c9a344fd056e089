"""What a training cost: six operations a weight and token for learning, two for reading."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.core.config import GRPOConfig
from grpo_core.pipeline.compute import of_run, of_sampling, of_stage_three, of_tuning

N = 1000


@given(st.integers(1, 10**9))
def test_learning_costs_three_times_reading(tokens: int) -> None:
    assert of_tuning(N, tokens) == 3 * of_sampling(N, tokens) == 6 * N * tokens


def test_a_run_adds_up_its_passes() -> None:
    tokens = [float("nan"), 10.0, 20.0, 30.0]  # step 0 only measures
    frame = pd.DataFrame({"completions/num_tokens": tokens})
    # sampled, read, pushed (2 + 2 + 4), and read by the reference (2)
    assert of_run(N, GRPOConfig(), frame).tolist() == [0, 10 * N * 10, 10 * N * 30, 10 * N * 60]
    assert of_run(N, GRPOConfig(beta=0.0), frame).iloc[-1] == 8 * N * 60
    frame["eval/accuracy"] = [0.1, float("nan"), float("nan"), 0.9]
    stages = {
        "3-traces": {"parameters": N, "tokens": 70},
        "3-sft": {"parameters": N, "forward_tokens": 40},
    }
    assert of_stage_three({"stages": stages}, frame) == {
        "distilled": {"student": 6 * N * 40, "teacher": 2 * N * 70},
        "rl": [[0.0, 0.1], [10 * N * 60.0, 0.9]],
    }
    assert of_run(N, GRPOConfig(num_iterations=3), frame).iloc[-1] == pytest.approx(22 * N * 60)
