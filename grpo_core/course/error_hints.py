"""What an exception that a learner's function raised usually means."""


def explain(error: Exception) -> str:
    """What the learner's function raised, and what that usually means."""
    said = str(error).splitlines()[0] if str(error) else "no message"  # torch can fill a page
    text = f"your function raised {type(error).__name__}: {said}"
    meaning = next((means for words, means in _MEANINGS.items() if words in str(error)), "")
    return f"{text}\n{meaning}" if meaning else text


_SHAPES = (
    "The shapes do not fit. To combine one number a row with a whole row, keep its dimension: (N,) "
    "becomes (N, 1) by `keepdim=True` or `.unsqueeze(1)`."
)
# words of a message of torch or Python -> what it usually means
_MEANINGS = {
    "must match the size": _SHAPES,
    "broadcast": _SHAPES,
    "shape of the mask": (
        "Square brackets take a mask of the very shape of what they pick from: a column (N, 1) "
        "picks nothing out of (N, G). `torch.where` and `masked_fill` stretch it."
    ),
    "Boolean value of Tensor": (
        "A whole tensor was asked for one yes or no: by an `if`, or by comparing what "
        "`max(dim=1)` gives, which is values *and* places. For a choice at every place there are "
        "`torch.where` and `masked_fill`."
    ),
    "invalid combination of arguments": (
        "torch cannot use these arguments together. A bound that is a number goes into "
        "`.clamp(min=..., max=...)`."
    ),
    "division by zero": (
        "Something that you divide by is 0 for one of the inputs. What should come out there?"
    ),
}
