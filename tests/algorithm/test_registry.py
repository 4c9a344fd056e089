"""One method, one file: what is found, what is refused, and a toy that is dropped in."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from grpo_core.algorithm.choices import source_name
from grpo_core.algorithm.kl import k3
from grpo_core.algorithm.method import Number
from grpo_core.algorithm.methods import (
    LOSS_TYPES,
    METHODS,
    NUMBERS,
    loss_types_of,
    numbers_of,
    switches_of,
)
from grpo_core.algorithm.presets import DESCRIBED, PRESETS, described
from grpo_core.core.errors import LabError

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "grpo_core" / "algorithm" / "methods"

TOY = '''\
"""A toy: the ratio to a power of its own."""

from grpo_core.algorithm.formula import Symbol, letter, op, sym
from grpo_core.algorithm.method import Method, Number, Paper, Preset
from grpo_core.core.options import POSITIVE


def toy(ratio, advantages, *, toy_weight=3.0):
    """Weigh what the ratio would be worth."""
    return toy_weight * ratio * advantages


def closed_form(tokens, numbers):
    """See Method.closed_form."""
    value = numbers["toy_weight"] * tokens.ratio * tokens.advantages
    return value, tokens.through_ratio(numbers["toy_weight"] * tokens.advantages)


METHOD = Method(
    name="toy",
    label="a toy",
    paper=Paper("arXiv 0000.00000"),
    loss_types={"toy": "token_mean"},
    surrogate=toy,
    closed_form=closed_form,
    formula=(sym("w"), op("·"), sym("rho"), op("·"), sym("A")),
    in_words=lambda numbers: f"toy, weight {numbers['toy_weight']:g}",
    numbers=(Number("toy_weight", 3.0, "What the ratio is weighed by.", POSITIVE),),
    symbols={
        "w": Symbol(
            letter("w"), "toy weight", lambda terms, numbers: numbers["toy_weight"], "A weight."
        )
    },
    presets={"toy": Preset("Toy", "0000.00000", {"loss_type": "toy"})},
)
'''

ASKED = """\
import json, sys
sys.path.insert(0, "data")
import numpy as np
import family_tables
from grpo_core.algorithm.presets import PRESETS
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.analysis.lens import Trial, compare, labels, reconsider
from grpo_core.analysis.lens.symbols import lines, source_of, symbols, written
from grpo_core.core.records import Completion, Group
assert "torch" not in sys.modules

def one(reward):
    return Completion(
        text="x y", tokens=["x", "y"], token_ids=np.zeros(2, np.int32),
        rewards={"accuracy_reward": reward}, reward=reward, advantage=0.0, truncated=False,
        old_logprobs=np.array([-1.0, -2.0], np.float32),
        logprobs=np.array([-0.9, -2.2], np.float32),
    )

group = Group("p", {}, [one(1.0), one(0.0)])
options = PRESETS["grpo"] | {
    "beta": 0.0, "num_generations": 2, "generation_batch_size": 2, "max_completion_length": 8,
    "reward_funcs": ["accuracy_reward"], "reward_weights": [1.0],
}
told = {"files": __import__("grpo_core").__file__}
found = reconsider([group], 0, options | {"toy_weight": 2.0}, {}, Trial("toy"))
told["symbols"] = {name: s.value for name, s in symbols(found, 0, 1).items()}
told["meaning"] = symbols(found, 0, 1)["w"].meaning
told["lens"] = [list(terms.push) for terms in found.terms]
told["compared"] = "toy" in compare([group], 0, (0, 0), options, {}, {"accuracy_reward": 1.0})
told["formula"] = [line.formula for line in lines(found.config) if line.symbol == "S"][0]
told["written"] = written(found.config)["w"]
told["label"] = labels()["toy"]
told["source"] = source_of("algorithm.methods.toy:toy")
told["tables"] = family_tables.presets() + family_tables.methods()
try:
    GRPOConfig(toy_weight=0.0)
except LabError as error:
    told["refused"] = str(error)

import torch
from grpo_core.algorithm.objective import token_push
from grpo_core.algorithm.variant import Variant
rows = group.completions
new, old = (torch.tensor(np.array([getattr(c, n) for c in rows])).double()
            for n in ("logprobs", "old_logprobs"))
advantages = torch.tensor([float(a) for a in found.credit.advantages]).double()
variant = Variant.from_config(found.config)
push = token_push(new, old, None, advantages, torch.ones(2, 2, dtype=torch.bool), variant)
told["push"] = push.tolist()
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a copy of the kit says that has one file more."""
    copy = tmp_path_factory.mktemp("kit")
    skipped = shutil.ignore_patterns("__pycache__", "assets")
    shutil.copytree(ROOT / "grpo_core", copy / "grpo_core", ignore=skipped)
    (copy / "data").mkdir()
    shutil.copy(ROOT / "data" / "family_tables.py", copy / "data")
    (copy / "grpo_core" / "algorithm" / "methods" / "toy.py").write_text(TOY, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},  # first, also in safe-path mode
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["files"]).is_relative_to(copy)  # not this checkout
    return told


def test_a_method_that_is_dropped_in_is_trained_by(toy: dict) -> None:
    """The lens, which has the closed form, and the objective, which differentiates, agree."""
    flat = [value for row in toy["push"] for value in row]
    assert flat == pytest.approx([value for row in toy["lens"] for value in row])
    assert all(value != 0 for value in flat)
    assert toy["refused"] == "toy_weight must be above 0, not 0.0."


def test_a_method_that_is_dropped_in_is_in_the_lens_and_on_the_page(toy: dict) -> None:
    assert toy["symbols"]["w"] == 2.0 and toy["meaning"] == "A weight."
    assert toy["symbols"]["S"] == pytest.approx(
        2 * toy["symbols"]["rho"] * toy["symbols"]["A"], rel=1e-9
    )
    assert toy["formula"] == [["sym", "w"], ["op", "·"], ["sym", "rho"], ["op", "·"], ["sym", "A"]]
    assert toy["written"] == ["letter", "w"] and toy["label"] == "Toy" and toy["compared"]
    path, line, text = toy["source"]
    assert path == "grpo_core/algorithm/methods/toy.py" and text.startswith("def toy(") and line > 1


def test_a_method_that_is_dropped_in_is_in_the_tables(toy: dict) -> None:
    rows = toy["tables"].splitlines()
    settings = "| `toy` | group | token | toy, weight 3 | token_mean | none | | 0000.00000 |"
    assert settings in rows
    method = "| `toy`: a toy | `w · ρ · A` | `toy_weight` 3, above 0 | `toy` (token_mean) |"
    assert f"{method} arXiv 0000.00000 |" in rows


def test_every_module_of_the_folder_is_a_method() -> None:
    files = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}
    homes = {method.surrogate.__module__.rpartition(".")[2] for method in METHODS.values()}
    assert homes == files and len(METHODS) == len(files)


def test_the_names_of_methods_stand_in_their_modules_alone() -> None:
    """Nothing else in the mathematics or the lens asks which method it is."""
    rooms = [ROOT / "grpo_core" / room for room in ("algorithm", "lens")]
    others = [p for room in rooms for p in room.rglob("*.py") if p.parent != FOLDER]
    own = [name for name in METHODS if name not in ("clip", "none")]  # words of other things too
    for path in others:
        text = path.read_text(encoding="utf-8")
        named = [name for name in own if f'== "{name}"' in text or f'"{name}":' in text]
        assert not named, f"{path} names {named}"


def test_what_two_methods_claim_is_refused() -> None:
    clip = METHODS["clip"]
    twin = replace(clip, name="twin")
    with pytest.raises(LabError, match="'clip' and 'twin' both claim the loss_type 'grpo'"):
        loss_types_of([clip, twin])
    other = replace(twin, numbers=(Number("epsilon", 0.3, "Another."),))
    with pytest.raises(LabError, match="'twin' declares the number 'epsilon' otherwise"):
        numbers_of([clip, other])
    with pytest.raises(LabError, match="preset 'grpo' of the method 'twin' is there already"):
        described([replace(twin, presets={"grpo": DESCRIBED["grpo"]})])
    assert numbers_of([clip, twin]) == numbers_of([clip])


def test_a_loss_type_is_a_method_and_an_aggregation() -> None:
    for name, (surrogate, aggregation) in LOSS_TYPES.items():
        method, found = switches_of(name)
        assert (method, found) == (METHODS[surrogate], aggregation)
    with pytest.raises(LabError, match="There is no loss_type 'nonsense' yet"):
        switches_of("nonsense")


def test_presets_are_told_in_order_and_ppo_comes_last() -> None:
    assert list(PRESETS) == list(DESCRIBED)
    assert next(iter(PRESETS)) == "grpo" and list(PRESETS)[-1] == "ppo"
    toy = replace(METHODS["none"], name="toy", presets={"toy": DESCRIBED["reinforce"]})
    assert list(described([*METHODS.values(), toy]))[-2:] == ["toy", "ppo"]
    assert all(preset.label and preset.paper for preset in DESCRIBED.values())


def test_a_function_knows_where_it_stands() -> None:
    assert source_name(k3) == "algorithm.kl:k3"
    assert set(NUMBERS) >= {"epsilon", "epsilon_high", "delta"}
