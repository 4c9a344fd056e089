"""DeepSeek-R1's pipeline in miniature: what comes before, between and after the RL.

    traces      prompt and completion, one a line: what SFT reads and rejection sampling writes
    sft         supervised fine-tuning on traces
    reject      rejection sampling: many completions a problem, the right and readable ones kept
    select      which those are
    rl          an RL stage, which is an ordinary run
    distill     a teacher's traces into a smaller model
    r1          the four stages, then the distillation, one after another
    words       a base model that knows two languages
    writers     traces that are written by rule: the cold start, and the general ones
    measure     what a model does on held-out problems of both kinds
    compute     what a training cost, in floating-point operations
    report      what pipelines came to, as tables
    config      what each stage is asked to do
    folder      the folder of a stage: done once, taken up again, never mixed with another's
    progress    what a progress bar is told

Every function takes a folder, a frozen config and somebody to tell of its progress; it writes
everything into the folder and returns a record of what it did. Called again with the same
arguments it goes on where it was stopped, or returns the record when it was done. The RL stages are
ordinary runs (`store`, `worker`). Importing the package loads no torch.
"""
