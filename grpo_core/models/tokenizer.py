"""The tiny model's tokenizer: one token a word, whole numbers included.

An ordinary PreTrainedTokenizerFast, so that transformers and TRL use it as any other.
"""

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS, UNK = "<pad>", "<bos>", "<eos>", "<unk>"
LARGEST_NUMBER = 99

WORDS: tuple[str, ...] = (
    PAD,
    BOS,
    EOS,
    UNK,
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    *"+-*/=(),.:",
    "Use",
    "to",
    "make",
    "Check",
    "Search",
    "yes",
    "no",
    *map(str, range(LARGEST_NUMBER + 1)),
)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer over `WORDS`; words are separated by white space, on both ways."""
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token=UNK))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    # every text starts a document, as TRL expects of a tokenizer that is given a prompt
    tokenizer.post_processor = TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, WORDS.index(BOS))]
    )
    # without a decoder the pieces are joined by single spaces, which is the inverse of the split
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNK,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
