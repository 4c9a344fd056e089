"""Records as rows of run.db, and back; per-token arrays as blobs."""

import itertools
import json
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grpo_core.core.records import Completion, Group
from grpo_core.runs.database import completion_columns
from grpo_core.runs.limits import Budget, as_numbers, inflate, parse_json


def pack(array: NDArray[Any]) -> bytes:
    """A (T,) array of 4-byte numbers as a blob: all first bytes, all second bytes, ... in zlib."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return zlib.compress(little.view(np.uint8).reshape(-1, 4).T.tobytes(), 1)


def unpack(blob: bytes, dtype: str = "<f4") -> NDArray[Any]:
    """The (T,) array that `pack` was given. `token_ids` has dtype "<i4", all others "<f4".

    Raises:
        ValueError: it is damaged, or unpacks to more than a completion of ours can have.
    """
    planes = np.frombuffer(inflate(blob), np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).reshape(-1).view(dtype)


def clean(text: str) -> str:
    """`text` with lone surrogates replaced by U+FFFD.

    They cannot be encoded, so one of them would break the database, a WebSocket or a saved page.
    What the model really sampled is in `token_ids`.
    """
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _plain(value: Any) -> Any:
    """What JSON cannot write but numpy likes to return."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be recorded")


def to_json(value: Any) -> str:
    """JSON in which numpy's values are numbers and lone surrogates are replaced."""
    return clean(json.dumps(value, ensure_ascii=False, default=_plain))


def _optional(array: NDArray[np.float32] | None) -> bytes | None:
    return None if array is None else pack(array.astype(np.float32, copy=False))


COLUMNS = (
    "text, length, truncated, reward, advantage, rewards, tokens, token_ids, "
    'old_logprobs, logprobs, ref_logprobs, entropy, push, token_advantages, "values", '
    "after_logprobs"
)


def completion_row(c: Completion) -> tuple[Any, ...]:
    """The columns of `completions` after its key, in `COLUMNS`' order."""
    old, new = _optional(c.old_logprobs), _optional(c.logprobs)
    return (
        clean(c.text),
        len(c),
        int(c.truncated),
        float(c.reward),
        float(c.advantage),
        to_json(c.rewards),
        zlib.compress(to_json(c.tokens).encode(), 1),
        pack(c.token_ids.astype(np.int32, copy=False)),
        old,
        None if new == old else new,
        _optional(c.ref_logprobs),
        _optional(c.entropy),
        _optional(c.push),
        _optional(c.token_advantages),
        _optional(c.values),
        _optional(c.after_logprobs),
    )


def _completion(row: tuple[Any, ...], budget: Budget) -> Completion:
    """The inverse of `completion_row`. Raises ValueError where no writer of ours wrote the row."""
    text, _, truncated, reward, advantage, rewards, tokens, ids, old, new, *optional = row
    ref, entropy, push, token_advantages, values, after = (
        None if blob is None else unpack(blob) for blob in optional
    )
    old_logprobs = unpack(old)
    found = Completion(
        text=_text(text),
        tokens=_tokens(tokens),
        token_ids=unpack(ids, "<i4"),
        rewards=as_numbers(parse_json(rewards)),
        reward=_number(reward),
        advantage=_number(advantage),
        truncated=bool(truncated),
        old_logprobs=old_logprobs,
        logprobs=old_logprobs.copy() if new is None else unpack(new),
        ref_logprobs=ref,
        entropy=entropy,
        push=push,
        token_advantages=token_advantages,
        values=values,
        after_logprobs=after,
    )
    count = len(found.tokens)
    arrays = [found.token_ids, old_logprobs, found.logprobs, ref, entropy, push]
    arrays += [token_advantages, values, after]
    if any(array is not None and len(array) != count for array in arrays):
        raise ValueError("a completion's arrays are of different lengths")
    budget.spend(4 * len(text) + (64 + 4 * len(arrays)) * count + 100 * len(found.rewards))
    return found


def _tokens(blob: Any) -> list[str]:
    tokens = parse_json(inflate(blob))
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError("a list of tokens is expected")
    return tokens


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is missing")
    return value


def _number(value: Any) -> float:
    """A number of a column in which NULL stands for NaN."""
    if value is None:
        return float("nan")
    if not isinstance(value, int | float):
        raise ValueError("a number is missing")
    return float(value)


def _columns(text: Any) -> dict[str, Any]:
    columns = parse_json(text)
    if not isinstance(columns, dict):
        raise ValueError("a JSON object of columns is expected")
    return columns


def read_metrics(
    db: sqlite3.Connection, after: int, budget: Budget, most: int = -1
) -> list[tuple[int, dict[str, float]]]:
    """(step, metrics) of the first `most` steps above `after`, in order; of all where it is -1."""
    query = "SELECT step, metrics FROM steps WHERE step > ? ORDER BY step LIMIT ?"
    found = []
    for step, text in db.execute(query, (after, most)):
        metrics = as_numbers(parse_json(text))
        budget.spend(len(text) + 150 * len(metrics))
        found.append((step, metrics))
    return found


@dataclass(frozen=True)
class GroupOutline:
    """A group without its tokens: what fits into one look at a whole run.

    Attributes:
        prompt, columns: as in `Group`.
        texts, rewards, parts: one entry a completion, as in `Completion`.
        dead: whether every advantage is 0; where tokens have their own, their mean is asked.
    """

    prompt: str
    texts: list[str]
    rewards: list[float]
    parts: list[dict[str, float]]
    dead: bool
    columns: dict[str, Any] = field(default_factory=dict)


def read_outlines(
    db: sqlite3.Connection, after: int, budget: Budget
) -> Iterator[tuple[int, list[GroupOutline]]]:
    """The groups of every step above `after`, in order, without their blobs."""
    query = (
        "SELECT step, group_index, prompt, text, reward, advantage, rewards, columns "
        "FROM completions JOIN groups USING (step, group_index) WHERE step > ? "
        "ORDER BY step, group_index, completion_index"
    )
    rows = db.execute(query, (after,))
    for step, of_step in itertools.groupby(rows, key=lambda row: row[0]):
        groups = []
        for _, members in itertools.groupby(of_step, key=lambda row: row[1]):
            whole = []
            for row in members:
                whole.append(row)
                budget.spend(500 + 4 * len(_text(row[2])) + 4 * len(_text(row[3])))
            groups.append(
                GroupOutline(
                    whole[0][2],
                    [row[3] for row in whole],
                    [_number(row[4]) for row in whole],
                    [as_numbers(parse_json(row[6])) for row in whole],
                    all(row[5] == 0 for row in whole),
                    _columns(whole[0][7]),
                )
            )
        yield step, groups


def read_reward_names(db: sqlite3.Connection, budget: Budget) -> list[str]:
    """Every reward that a completion was given, in the order in which they came."""
    names: dict[str, None] = {}
    for (rewards,) in db.execute("SELECT DISTINCT rewards FROM completions"):
        budget.spend(len(_text(rewards)))
        names |= dict.fromkeys(as_numbers(parse_json(rewards)))
    return list(names)


def read_groups(
    db: sqlite3.Connection, step: int, budget: Budget, only: int | None = None
) -> list[Group]:
    """The groups of a step in order, or the one with index `only`."""
    where = "WHERE step = ?" + ("" if only is None else " AND group_index = ?")
    key = (step,) if only is None else (step, only)
    have = completion_columns(db)  # fewer where an older version wrote
    names = COLUMNS.split(", ")
    columns = ", ".join(name if name.strip('"') in have else "NULL" for name in names)
    query = f"SELECT group_index, {columns} FROM completions {where} "
    completions: dict[int, list[Completion]] = {}
    for index, *row in db.execute(query + "ORDER BY group_index, completion_index", key):
        completions.setdefault(index, []).append(_completion(tuple(row), budget))
    query = f"SELECT group_index, prompt, columns FROM groups {where} ORDER BY group_index"
    groups = []
    for index, prompt, columns in db.execute(query, key):
        budget.spend(1000 + 4 * len(_text(prompt)) + 20 * len(_text(columns)))
        groups.append(Group(prompt, _columns(columns), completions.get(index, [])))
    return groups
