"""The questions of the quiz of lesson 13."""

from grpo_core.course.quiz import Option, Question, Quiz

quiz = Quiz(
    "13",
    Question(
        "rate",
        "The tiny model learns at 3e-4, SmolLM2 at 1e-5 here, TRL's default is 1e-6. What would "
        "SmolLM2 do at 3e-4?",
        [
            Option(
                "Learn thirty times faster.",
                "For a step or two, perhaps. What does a large step do to what it already knows?",
            ),
            Option(
                "Most likely diverge: a pretrained model has much to lose.",
                "Even at 2e-5 its entropy collapsed within 14 steps. Learning rates decrease with "
                "model size.",
                right=True,
            ),
            Option(
                "The same: AdamW adapts the rate to the model.",
                "AdamW normalises each weight's step by the size of its gradient, and then "
                "multiplies by the learning rate.",
            ),
        ],
    ),
    Question(
        "obey",
        "SmolLM2's accuracy rises from 0.03 to 0.57 within 40 steps (seed 0). What has it learned?",
        [
            Option(
                "Arithmetic.",
                "Before, about four in ten of its well-formed replies were right. And the others?",
            ),
            Option(
                "Mostly to reply in the tags, where its answers count, and some arithmetic.",
                "Format went from 0.08 to 1. Of the well-formed replies about four in ten, later "
                "six in ten, are right.",
                right=True,
            ),
            Option(
                "To guess: with numbers up to 20 that works often.",
                "Sums up to 40: a guess is right in one of dozens of cases.",
            ),
        ],
    ),
    Question(
        "batch",
        "Four processes, per_device_train_batch_size 8, gradient_accumulation_steps 4, "
        "num_generations 16. How many prompts does a step have?",
        [
            Option(
                "8.",
                "8 × 4 × 4 = 128 completions, in groups of 16.",
                right=True,
            ),
            Option(
                "32.",
                "That would be 512 completions. How many are there in all?",
            ),
            Option(
                "2.",
                "Every process has micro-batches of its own. How many processes are there?",
            ),
            Option(
                "128.",
                "Those are completions. They come in groups.",
            ),
        ],
    ),
    Question(
        "lora",
        "What does LoRA save, all else being equal?",
        [
            Option(
                "Time: fewer weights have to be multiplied.",
                "The frozen weights are still used in the forward and backward passes, and the "
                "adapters are added.",
            ),
            Option(
                "Gradients and optimizer state of the weights that are frozen, and the reference.",
                "The reference is the same model with its adapters switched off.",
                right=True,
            ),
            Option(
                "The memory of the weights.",
                "They are still needed for the forward pass.",
            ),
        ],
    ),
    Question(
        "column",
        "Your reward needs the right answer of each problem. How does TRL get it to your function?",
        [
            Option(
                "You look it up by the prompt's text.",
                "Prompts may be conversations, and the same prompt may occur twice.",
            ),
            Option(
                "It cannot: rewards see only the completion.",
                "What else is in the data set besides the prompt?",
            ),
            Option(
                "As a column of the data set: it is passed by name, with one entry per completion.",
                "Every column except the prompt is passed on.",
                right=True,
            ),
        ],
    ),
)
