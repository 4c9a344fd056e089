"""The lens: a recorded group under another method, other weights, other words. numpy, no torch.

    recorded step -> credit.credit -> terms.token_terms -> trial.reconsider: records again
                                                +--------> presets.compare: a token, every preset

`algorithm/` is where the mathematics is, in torch and in closed form; this applies the closed forms
to a group that is on record, so that the dashboard's process, which has no torch, can answer at
once. Differential tests compare the two: every preset, every switch, values and gradients
(tests/analysis/lens/test_terms.py). What was sampled stays as it was: the lens asks what one update
would have made of it, not what another run would have written.
"""

from grpo_core.analysis.lens.batch import Batch
from grpo_core.analysis.lens.credit import Credit, credit
from grpo_core.analysis.lens.presets import OWN, compare, labels, method, methods
from grpo_core.analysis.lens.rescore import rescore
from grpo_core.analysis.lens.terms import Terms, held_back, token_terms
from grpo_core.analysis.lens.trial import Reconsidered, Trial, reconsider

__all__ = [
    "OWN",
    "Batch",
    "Credit",
    "Reconsidered",
    "Terms",
    "Trial",
    "compare",
    "credit",
    "held_back",
    "labels",
    "method",
    "methods",
    "reconsider",
    "rescore",
    "token_terms",
]
