"""The mathematics of GRPO: pure functions on tensors, and nothing else.

    rewards -> advantages -----------------------+
    logits -> log-probs -> importance ratio -----+-> surrogate --+
                     +---> KL to the reference ------------------+-> loss a token -> one number

Every critic-free method of the family is one choice on each of five switches (`Variant`), and
every switch is a dictionary from a name to a function: a new choice is one function and one line.

| switch           | dictionary                    | choices                                    |
|------------------|-------------------------------|--------------------------------------------|
| advantage        | `advantages.ADVANTAGES`       | group, batch, none, loo; by token process  |
|                  |                               | and, with a critic, gae                    |
| importance level | `surrogates.LEVELS`           | token, sequence, sequence_token,           |
|                  |                               | sequence_sum                               |
| surrogate        | `surrogates.SURROGATES`       | clip, cispo, sapo, vespo, gmpo, none       |
| KL               | `kl.KL_ESTIMATORS`            | k1, k2, k3, in the loss or the reward      |
| aggregation      | `aggregation.AGGREGATIONS`    | sequence_mean, token_mean,                 |
|                  |                               | local_token_mean, constant,                |
|                  |                               | length_weighted                            |

A row of `presets.PRESETS` sets all of them to what a paper did.

Letters in shapes: B completions (rows), T token positions, V vocabulary, N groups, G completions
a group, so B = N * G. Log-probabilities, entropies and KL are in nats.
"""
