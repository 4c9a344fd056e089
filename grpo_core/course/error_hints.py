"""Explain what an exception raised by a learner's function usually means."""


def explain(error: Exception) -> str:
    """Return which exception the learner's function raised, and what it usually means."""
    said = str(error).splitlines()[0] if str(error) else "no message"  # torch can fill a page
    text = f"your function raised {type(error).__name__}: {said}"
    meaning = next((means for words, means in _MEANINGS.items() if words in str(error)), "")
    return f"{text}\n{meaning}" if meaning else text


_SHAPES = (
    "The shapes do not match. To combine one number per row with a whole row, keep its dimension: "
    "`keepdim=True` or `.unsqueeze(1)` turns (N,) into (N, 1)."
)
# part of an error message of torch or Python -> what it usually means
_MEANINGS = {
    "must match the size": _SHAPES,
    "broadcast": _SHAPES,
    "shape of the mask": (
        "A mask in square brackets must have the shape of the tensor it selects from: a column "
        "(N, 1) cannot select from (N, G). `torch.where` and `masked_fill` broadcast it."
    ),
    "Boolean value of Tensor": (
        "A whole tensor was used where Python needs one True or False: in an `if`, or by comparing "
        "the result of `max(dim=1)`, which holds values *and* indices. To choose element by "
        "element, use `torch.where` or `masked_fill`."
    ),
    "invalid combination of arguments": (
        "torch cannot combine these arguments. For a bound that is a plain number, use "
        "`.clamp(min=..., max=...)`."
    ),
    "division by zero": (
        "You divide by something that is 0 for one of the inputs. What should the result be there?"
    ),
}
