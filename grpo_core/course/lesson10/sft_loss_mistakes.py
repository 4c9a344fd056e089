"""The mistakes that the exercise `sft_loss` of lesson 10 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson10.sft_loss_exercise import PAD, my_sft_loss, sft_loss


def _nll(logits: Tensor, ids: Tensor, shift: int = 1) -> Tensor:
    """(N, T) minus log-probs of each token; position 0 is not predicted and holds 0."""
    result = torch.zeros(ids.shape)
    size = ids.shape[1]
    for t in range(size):
        if 0 <= t - shift < size:
            scores = torch.log_softmax(logits[:, t - shift], dim=1)
            result[:, t] = -scores.gather(1, ids[:, t : t + 1])[:, 0]
    return result


def _sft(
    mask: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] | None = None,
    total: Callable[[Tensor, Tensor], Tensor] = lambda x, m: (x * m).sum() / m.sum(),
    shift: int = 1,
) -> Callable[..., Tensor]:
    """The loss, right but for what is passed in. `mask` gets position, ids, prompts, lengths."""
    choose = mask or (lambda t, ids, p, n: (t >= p) & (t < n))

    def loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
        position = torch.arange(ids.shape[1]).expand(ids.shape)
        chosen = choose(position, ids, prompts.unsqueeze(1), lengths.unsqueeze(1)) & (position > 0)
        return total(_nll(logits, ids, shift), chosen.float())

    return loss


def _scored(scores: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """The loss with something else than log-probabilities: `scores` gets the logits (N, T, V)."""

    def loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
        chosen = scores(logits[:, :-1]).gather(2, ids[:, 1:].unsqueeze(2)).squeeze(2)
        position = torch.arange(1, ids.shape[1])
        learned = (position >= prompts.unsqueeze(1)) & (position < lengths.unsqueeze(1))
        return -chosen[learned].mean()

    return loss


def _row_means(x: Tensor, mask: Tensor) -> Tensor:
    return ((x * mask).sum(dim=1) / mask.sum(dim=1)).mean()


def _labelled(ids: Tensor, prompts: Tensor, lengths: Tensor, nothing: int) -> tuple[Tensor, Tensor]:
    """Labels (N, T - 1) with something else where nothing is learned, and where that is."""
    position = torch.arange(1, ids.shape[1])
    learned = (position >= prompts.unsqueeze(1)) & (position < lengths.unsqueeze(1))
    return torch.where(learned, ids[:, 1:], nothing), learned


def _labels_of_zero(
    average: Callable[[Tensor, Tensor], Tensor],
) -> Callable[..., Tensor]:
    """The cross entropy with a label of 0 for what is not learned; `average` gets the mask."""

    def loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
        labels, learned = _labelled(ids, prompts, lengths, 0)
        each = torch.nn.functional.cross_entropy(logits[:, :-1].mT, labels, reduction="none")
        return average(each, learned)

    return loss


def _scores_of_zero(
    average: Callable[[Tensor, Tensor], Tensor],
) -> Callable[..., Tensor]:
    """The loss with scores of 0 where nothing is learned; `average` gets the mask."""

    def loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
        _, learned = _labelled(ids, prompts, lengths, 0)
        scores = logits[:, :-1] * learned.unsqueeze(2)
        each = torch.nn.functional.cross_entropy(scores.mT, ids[:, 1:], reduction="none")
        return average(each, learned)

    return loss


def _over(count: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The sum over what is learned, over something counted from prompts and lengths."""

    def loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
        summed = _sft(total=lambda x, m: (x * m).sum())(logits, ids, prompts, lengths)
        return summed / count(prompts, lengths)

    return loss


def _own_token(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
    """Logits and ids both cut at their end: each position is asked for what it has just read."""
    _, learned = _labelled(ids, prompts, lengths, 0)
    chosen = torch.log_softmax(logits[:, :-1], dim=2).gather(2, ids[:, :-1, None])[..., 0]
    return -chosen[learned].mean()


@sft_loss.mistake(
    "Your model learns to write the prompts too. They are always given: only the tokens after "
    "them count."
)
def prompt_learned() -> WrongAnswers:
    yield _sft(lambda t, ids, p, n: t < n)


@sft_loss.mistake(
    "You used the logits at each token's own position. Logits at position t predict token t + 1."
)
def no_shift() -> WrongAnswers:
    yield _sft(shift=0)
    yield _own_token


@sft_loss.mistake(
    "You used the logits of the position after each token. A token is predicted at the position "
    "before it."
)
def shifted_the_other_way() -> WrongAnswers:
    yield _sft(shift=-1)


@sft_loss.mistake(
    "The first token of each completion is missing. It is predicted too, at the prompt's last "
    "position; for the shortest completion here it is the only token."
)
def first_token_left_out() -> WrongAnswers:
    yield _sft(lambda t, ids, p, n: (t > p) & (t < n))


@sft_loss.mistake(
    "The last token of each prompt is among those learned. Your mask begins one position too "
    "early: use the position of the token, not of the logits that predict it."
)
def last_prompt_token_learned() -> WrongAnswers:
    yield _sft(lambda t, ids, p, n: (t >= p - 1) & (t < n))


@sft_loss.mistake("Your loss counts padding: positions after the end of a row are not its tokens.")
def padding_learned() -> WrongAnswers:
    yield _sft(lambda t, ids, p, n: t >= p)


@sft_loss.mistake(
    "Masked positions are 0 in your sum, but you still count them when you divide: take the mean "
    "over the tokens that are learned, of which there are fewer than positions."
)
def divided_by_all() -> WrongAnswers:
    yield _sft(total=lambda x, m: (x * m).mean())
    yield _sft(total=lambda x, m: (x * m)[:, 1:].mean())


@sft_loss.mistake(
    "You divided by the lengths of whole rows, or of the prompts. Take the mean over the tokens "
    "that are learned, those of the completions."
)
def divided_by_lengths() -> WrongAnswers:
    yield _over(lambda prompts, lengths: lengths.sum())
    yield _over(lambda prompts, lengths: (lengths - 1).sum())
    yield _over(lambda prompts, lengths: prompts.sum())


@sft_loss.mistake(
    "You gave positions that should not be learned the label 0. That is a token of the "
    "vocabulary, and the model learns to write it. `cross_entropy` ignores the label -100, or the "
    "one given as `ignore_index`; or select what counts afterwards."
)
def labels_of_zero() -> WrongAnswers:
    yield _labels_of_zero(lambda x, m: x.mean())
    yield _labels_of_zero(lambda x, m: x.sum() / m.sum())


@sft_loss.mistake(
    "You set the *logits* to 0 where nothing should be learned. Logits of 0 make every token "
    "equally likely, and the loss of that is not 0. Mask the loss of each token instead of the "
    "logits."
)
def scores_of_zero() -> WrongAnswers:
    yield _scores_of_zero(lambda x, m: x.mean())
    yield _scores_of_zero(lambda x, m: x.sum() / m.sum())


@sft_loss.mistake(
    "You took the most likely token at every position, whatever the trace says. The loss must use "
    "the token of the trace."
)
def likeliest() -> WrongAnswers:
    yield (
        lambda logits, ids, p, n: (
            -torch.log_softmax(logits[:, :-1], dim=2).amax(dim=2)[_labelled(ids, p, n, 0)[1]].mean()
        )
    )


@sft_loss.mistake(
    "You averaged probabilities and took the logarithm of the mean, or an exponential of the "
    "loss. The logarithm of each token comes first; their mean is the loss."
)
def logarithm_of_the_mean() -> WrongAnswers:
    yield lambda *x: -(-_scored(lambda z: torch.softmax(z, dim=2))(*x)).log()
    yield lambda *x: my_sft_loss(*x).exp()


@sft_loss.mistake(
    "The value is right, but it has no gradient: an optimizer needs the tensor, not the result of "
    "`.item()`, `.detach()` or `torch.no_grad()`."
)
def no_gradient() -> WrongAnswers:
    yield lambda *x: my_sft_loss(*x).detach()


@sft_loss.mistake("Your loss counts everything, including prompts and padding.")
def nothing_masked() -> WrongAnswers:
    yield _sft(lambda t, ids, p, n: t >= 0)


@sft_loss.mistake(
    "Your mask is one position too late at both ends: it says which *tokens* count, so where you "
    "drop the first of the ids, drop the first of the mask, and not its last."
)
def mask_not_shifted() -> WrongAnswers:
    yield _sft(lambda t, ids, p, n: (t > p) & (t <= n))


@sft_loss.mistake(
    "You include one token too many in each row, the first of the padding. Positions are counted "
    "from 0, so a row of 8 tokens ends at position 7."
)
def one_behind_the_end() -> WrongAnswers:
    yield _sft(lambda t, ids, p, n: (t >= p) & (t <= n))


@sft_loss.mistake(
    "You used `lengths` as the lengths of the completions. They are those of whole rows, prompts "
    "included."
)
def lengths_of_completions() -> WrongAnswers:
    yield _sft(lambda t, ids, p, n: (t >= p) & (t < p + n))


@sft_loss.mistake(
    "You used probabilities, or the logits themselves. The formula uses the logarithm of the "
    "probability."
)
def no_logarithm() -> WrongAnswers:
    yield _scored(lambda x: torch.softmax(x, dim=2))
    yield _scored(lambda x: x)


@sft_loss.mistake(
    "Your probabilities add up to 1 over the positions, or over the rows. They must do so over "
    "the vocabulary, the last dimension."
)
def wrong_axis() -> WrongAnswers:
    yield _scored(lambda x: torch.log_softmax(x, dim=1))
    yield _scored(lambda x: torch.log_softmax(x, dim=0))


@sft_loss.mistake(
    "EOS is not learned, so the model will not know how to stop. Here the padding has the same id "
    "as EOS: masking by id removes both. Use the lengths."
)
def end_left_out() -> WrongAnswers:
    yield _sft(lambda t, ids, p, n: (t >= p) & (ids != PAD))
    yield _sft(lambda t, ids, p, n: (t >= p) & (t < n - 1))


@sft_loss.mistake(
    "You took each trace's mean, and then the mean of those. Then a token of a short trace counts "
    "more than one of a long trace: here, four times. Sum all, divide once."
)
def mean_of_means() -> WrongAnswers:
    yield _sft(total=_row_means)


@sft_loss.mistake("You summed and did not divide: the loss of a large batch would be large.")
def summed() -> WrongAnswers:
    yield _sft(total=lambda x, m: (x * m).sum())
    yield _sft(total=lambda x, m: (x * m).sum() / len(x))


@sft_loss.mistake(
    "Your loss is negative: you return the log-probability. A loss is minimised, and this one "
    "would be minimised by forgetting the traces."
)
def sign() -> WrongAnswers:
    yield _sft(total=lambda x, m: -(x * m).sum() / m.sum())
