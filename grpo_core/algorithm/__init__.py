"""The mathematics of GRPO: pure functions on tensors, and nothing else.

    rewards -> advantages -----------------------+
    logits -> log-probs -> importance ratio -----+-> surrogate --+
                     +---> KL to the reference ------------------+-> loss per token -> one number

Every critic-free method of the family is one choice on each of five switches (`variant.Variant`),
and every switch is a dictionary from a name to a record: the function in torch, the same in closed
form for the lens, and its formula as data for the page.

| switch           | dictionary                    | choices                                    |
|------------------|-------------------------------|--------------------------------------------|
| advantage        | `advantages.ADVANTAGES`       | group, batch, none, loo; by token process  |
|                  |                               | and, with a critic, gae                    |
| importance level | `levels.LEVELS`               | token, sequence, sequence_token,           |
|                  |                               | sequence_sum                               |
| surrogate        | `methods.METHODS`, found in   | clip, cispo, sapo, vespo, gmpo, none       |
|                  | the folder `methods/`         |                                            |
| KL               | `kl.KL_ESTIMATORS`            | k1, k2, k3, in the loss or the reward      |
| aggregation      | `aggregation.AGGREGATIONS`    | sequence_mean, token_mean,                 |
|                  |                               | local_token_mean, constant,                |
|                  |                               | length_weighted                            |

A row of `presets.PRESETS` sets all of them to what a paper did.

The records need no torch: it is loaded by `objective` and `logprobs`, and by the functions that are
called with tensors. So the dashboard, which has none, reads formulas and closed forms from here.

Letters in shapes: B completions (rows), T token positions, V vocabulary, N groups, G completions
per group, so B = N * G. Log-probabilities, entropies and KL are in nats.
"""
