"""A model too small to learn anything, with the tiny model's tokenizer: for tests of the machinery.

Random weights, 30 kB, no file of data/ needed. What it says is rubbish, the same every time.
"""

from pathlib import Path

MINI = {
    "max_steps": 3,
    "generation_batch_size": 8,
    "num_generations": 4,
    "max_completion_length": 48,
    "eval_steps": 2,
    "eval_size": 8,
}
"""Options of a run that takes a second."""


def make_model(folder: Path) -> Path:
    """Save the model and its tokenizer in `folder`, which is returned."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from grpo_core.models.tokenizer import build_tokenizer

    tokenizer = build_tokenizer()
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
