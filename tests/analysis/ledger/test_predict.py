"""The arithmetic of the ledger."""

from hypothesis import given
from hypothesis import strategies as st

from grpo_core.analysis.ledger import LABELS
from grpo_core.analysis.ledger.predict import Weights, cache_bytes, critic_weights, predict

weights = st.builds(
    Weights, st.integers(1, 10**12), st.integers(1, 1_000), st.sampled_from([2, 4, 8])
)


@given(weights, st.integers(1, 10_000))
def test_a_trained_weight_costs_four_times_its_size(policy: Weights, hidden: int) -> None:
    parts = predict("grpo", policy, hidden)
    assert sum(parts.values()) == 4 * policy.bytes + 4 * policy.tensors
    assert parts["reference"] == parts["critic_parameters"] == 0


@given(weights, st.integers(1, 10_000))
def test_a_reference_costs_its_weights(policy: Weights, hidden: int) -> None:
    without, with_one = predict("grpo", policy, hidden), predict("grpo_reference", policy, hidden)
    assert sum(with_one.values()) - sum(without.values()) == policy.bytes


@given(weights, st.integers(1, 10_000))
def test_a_critic_of_its_own_trains_the_policy_twice_and_a_head(
    policy: Weights, hidden: int
) -> None:
    own = sum(predict("ppo", policy, hidden).values())
    head = sum(predict("ppo_value_head", policy, hidden).values())
    grpo = sum(predict("grpo_reference", policy, hidden).values())
    trained = sum(predict("grpo", policy, hidden).values())
    assert own - head == trained
    assert head - grpo == 4 * (hidden + 1) * policy.itemsize + 4 * 2


def test_an_untied_output_layer_is_no_part_of_the_critic() -> None:
    policy, lm_head = Weights(1_000, 10), Weights(300, 1)
    assert critic_weights("ppo", policy, 16, lm_head) == Weights(700 + 17, 9 + 2)


def test_every_method_is_predicted() -> None:
    for method in LABELS:
        assert min(predict(method, Weights(10, 1), 4).values()) >= 0


def test_the_cache_of_a_model_of_everyday_size() -> None:
    # SmolLM2-135M: 30 layers, 3 key-value heads of 64: 45 KiB a token in float32
    sizes = {"layers": 30, "kv_heads": 3, "head_dim": 64}
    assert cache_bytes(**sizes, rows=1, positions=1) == 45 * 1024
    assert cache_bytes(**sizes, rows=32, positions=100, itemsize=2) == 72_000 * 1024
