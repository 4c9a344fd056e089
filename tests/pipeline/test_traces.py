"""Traces: what is written comes back, TRL can read it, and broken files say which line."""

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import require

from grpo_core.core.errors import LabError
from grpo_core.pipeline.traces import FILE, Trace, read_traces, traces_file, write_traces

TEXTS = st.text(min_size=1, max_size=40).filter(lambda text: text.strip())
TRACES = st.lists(st.builds(Trace, TEXTS, TEXTS.map(str.strip), st.text(max_size=5)), min_size=1)


@given(TRACES)
def test_what_is_written_comes_back(traces: list[Trace]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        write_traces(path, traces)
        assert read_traces(path) == traces == read_traces(folder)
        assert path.read_text(encoding="utf-8").count("\n") == len(traces)


def test_a_completion_begins_with_a_blank_since_trl_joins_the_two(tmp_path: Path) -> None:
    write_traces(tmp_path / FILE, [Trace("Use 1 , 2 to make 3 .", "<think> x", "countdown")])
    row = json.loads((tmp_path / FILE).read_text())
    assert row["prompt"] + row["completion"] == "Use 1 , 2 to make 3 . <think> x"


def test_anybodys_file_of_prompts_and_completions_will_do(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('\n{"prompt": "p", "completion": " c ", "score": 3}\n\n')
    assert read_traces(path) == [Trace("p", "c", "")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b'{"prompt": "p", "completion": "c"}\n{"prompt": "p", "compl', "Line 2 of .* is not JSON"),
        (b'{"prompt": "p"}\n', "Line 1 of .* is not a trace"),
        (b'["p", "c"]\n', "Line 1 of .* is not a trace"),
        (b'{"prompt": "p", "completion": ["c"]}\n', "is not a trace"),
        (b'{"prompt": " ", "completion": "c"}\n', "is not a trace"),
        (b"[" * 100_000, "is not JSON"),
        (b"\xff\xfe\x00", "cannot be read as text"),
    ],
)
def test_a_broken_file_gives_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_bytes(content)
    with pytest.raises(LabError, match=says) as caught:
        read_traces(path)
    assert "\n" not in str(caught.value)


def test_no_file_and_a_folder_without_one(tmp_path: Path) -> None:
    for missing in (tmp_path / "nowhere.jsonl", tmp_path):
        with pytest.raises(LabError, match="no traces"):
            traces_file(missing)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / FILE
    write_traces(path, [Trace("p", "c", "t")])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(LabError, match="No space left"):
        write_traces(path, [Trace("p", "other", "t")])
    assert read_traces(path) == [Trace("p", "c", "t")]


def test_trl_learns_the_same_tokens(tmp_path: Path) -> None:
    require(importlib.util.find_spec("trl"), "TRL: pip install 'grpo-lab[trl]'")
    from datasets import Dataset
    from mini_model import make_model
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from grpo_core.models.policy import load_policy
    from grpo_core.pipeline.sft import tokens_of

    traces = [
        Trace("Use 3 , 5 , 10 to make 12 .", "<think> 10 - 3 = 7 no </think>", "countdown"),
        Trace("Check 12 : 10 - 3 = 7", "<answer> no </answer>", "scenarios"),
    ]
    write_traces(tmp_path / FILE, traces)
    rows = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    model = make_model(tmp_path / "mini")
    trainer = SFTTrainer(
        AutoModelForCausalLM.from_pretrained(model),
        args=SFTConfig(output_dir=str(tmp_path / "out"), report_to="none", use_cpu=True),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(model),
    )
    policy = load_policy(str(model))
    ours = tokens_of(policy, traces)
    for i, row in enumerate(trainer.train_dataset):
        learned = [label for label in row["labels"] if label != -100]
        assert learned == ours.completion(i)
        read = row["input_ids"][: -len(learned)]
        assert read == ours.prompt_ids[i][ours.prompt_mask[i]].tolist()
