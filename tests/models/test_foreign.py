"""A model of a stranger: no code of it is run, no pickle opened, and no question asked."""

import ast
import json
import os
from pathlib import Path

import pytest
import torch
from mini_model import make_model

from grpo_core.core.errors import LabError
from grpo_core.models.policy import load_policy

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_model(tmp_path / "model")


def change(file: Path, **values: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_of_a_model_is_not_run_nor_asked_about(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """transformers asks at a terminal, and takes a `y`."""
    marker = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    own = {
        "config.json": {
            "model_type": "evil",
            "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"},
        },
        "tokenizer_config.json": {
            "tokenizer_class": "Evil",
            "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]},
        },
    }
    change(folder / file, **own[file])
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda text="": asked.append(text) or "y")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with pytest.raises(LabError, match="only be loaded with Python code that it brings"):
        load_policy(str(folder))
    assert not marker.exists() and asked == []


def test_a_known_architecture_is_loaded_without_the_code_beside_it(folder: Path) -> None:
    """As many models on the hub have it: their code is from before transformers knew them."""
    (folder / "evil.py").write_text("raise SystemExit\n")
    change(folder / "config.json", auto_map={"AutoModelForCausalLM": "evil.Model"})
    assert load_policy(str(folder)).model.config.model_type == "llama"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_a_pickle_is_not_opened(folder: Path, name: str) -> None:
    weights = load_policy(str(folder)).model.state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(dict(weights), folder / name)
    with pytest.raises(LabError, match=rf"weights as a pickle \({name}\)"):
        load_policy(str(folder))


def test_a_pickle_beside_safetensors_is_not_opened(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"no pickle")
    assert load_policy(str(folder)).eos_ids


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "extra"])
def test_a_pipe_in_the_folder(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(LabError, match="is a named pipe, not a regular file"):
        load_policy(str(folder))


def test_a_description_that_is_far_too_large(folder: Path) -> None:
    with (folder / "config.json").open("r+b") as file:
        file.truncate(200_000_000)
    with pytest.raises(LabError, match="is larger than 100,000,000 bytes"):
        load_policy(str(folder))


# --- every place that loads one ----------------------------------------------------------------


def careless(tree: ast.AST) -> list[str]:
    """Say which loads of transformers and datasets leave open whether code may be run."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        said = {word.arg: ast.unparse(word.value) for word in node.keywords}
        owner, _, method = name.rpartition(".")
        auto = owner.split(".")[-1].startswith("Auto")
        loads = method == "from_pretrained" or (method == "from_config" and auto)
        if loads or name.split(".")[-1] in ("load_dataset", "pipeline"):
            if said.get("trust_remote_code") != "False":
                found.append(f"line {node.lineno}: {name} without trust_remote_code=False")
            weights = "Model" in owner and method == "from_pretrained"
            if weights and said.get("use_safetensors") != "True":
                found.append(f"line {node.lineno}: {name} without use_safetensors=True")
        if name.split(".")[-2:] == ["torch", "load"] and said.get("weights_only") != "True":
            found.append(f"line {node.lineno}: torch.load without weights_only=True")
    return found


@pytest.mark.parametrize(
    "code",
    [
        "AutoTokenizer.from_pretrained(x)",
        "transformers.AutoConfig.from_pretrained(x, trust_remote_code=True)",
        "AutoModelForCausalLM.from_pretrained(x, trust_remote_code=False)",
        "AutoModelForCausalLM.from_config(x)",
        "datasets.load_dataset('json')",
        "torch.load(path)",
    ],
)
def test_the_walk_finds(code: str) -> None:
    assert careless(ast.parse(code))


def test_every_load_says_that_no_code_is_run() -> None:
    folders = ("grpo_core", "notebooks", "benchmarks", "scripts", "data")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    loads = sum(path.read_text(encoding="utf-8").count("from_pretrained(") for path in files)
    assert loads >= 5  # so that this looked at something
    found = [
        f"{path.relative_to(ROOT)}, {what}"
        for path in files
        for what in careless(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
