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

from grpo_core.records import Completion, Group
from grpo_core.store.database import completion_columns


def pack(array: NDArray[Any]) -> bytes:
    """A (T,) array of 4-byte numbers as a blob: all first bytes, all second bytes, ... in zlib."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return zlib.compress(little.view(np.uint8).reshape(-1, 4).T.tobytes(), 1)


def unpack(blob: bytes, dtype: str = "<f4") -> NDArray[Any]:
    """The (T,) array that `pack` was given. `token_ids` has dtype "<i4", all others "<f4"."""
    planes = np.frombuffer(zlib.decompress(blob), np.uint8).reshape(4, -1)
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


def _completion(row: tuple[Any, ...]) -> Completion:
    """The inverse of `completion_row`."""
    text, _, truncated, reward, advantage, rewards, tokens, ids, old, new, *optional = row
    ref, entropy, push, token_advantages, values, after = (
        None if blob is None else unpack(blob) for blob in optional
    )
    old_logprobs = unpack(old)
    return Completion(
        text=text,
        tokens=json.loads(zlib.decompress(tokens)),
        token_ids=unpack(ids, "<i4"),
        rewards=json.loads(rewards),
        reward=float("nan") if reward is None else reward,
        advantage=float("nan") if advantage is None else advantage,
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


def read_outlines(db: sqlite3.Connection, after: int) -> Iterator[tuple[int, list[GroupOutline]]]:
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
            whole = list(members)
            _, _, prompt, *_ = whole[0]
            groups.append(
                GroupOutline(
                    prompt,
                    [row[3] for row in whole],
                    [float("nan") if row[4] is None else row[4] for row in whole],
                    [json.loads(row[6]) for row in whole],
                    all(row[5] == 0 for row in whole),
                    json.loads(whole[0][7]),
                )
            )
        yield step, groups


def read_reward_names(db: sqlite3.Connection) -> list[str]:
    """Every reward that a completion was given, in the order in which they came."""
    rows = db.execute("SELECT DISTINCT rewards FROM completions")
    return list(dict.fromkeys(name for (rewards,) in rows for name in json.loads(rewards)))


def read_groups(db: sqlite3.Connection, step: int, only: int | None = None) -> list[Group]:
    """The groups of a step in order, or the one with index `only`."""
    where = "WHERE step = ?" + ("" if only is None else " AND group_index = ?")
    key = (step,) if only is None else (step, only)
    have = completion_columns(db)  # fewer where an older version wrote
    names = COLUMNS.split(", ")
    columns = ", ".join(name if name.strip('"') in have else "NULL" for name in names)
    query = f"SELECT group_index, {columns} FROM completions {where} "
    completions: dict[int, list[Completion]] = {}
    for index, *row in db.execute(query + "ORDER BY group_index, completion_index", key):
        completions.setdefault(index, []).append(_completion(tuple(row)))
    query = f"SELECT group_index, prompt, columns FROM groups {where} ORDER BY group_index"
    return [
        Group(prompt, json.loads(columns), completions.get(index, []))
        for index, prompt, columns in db.execute(query, key)
    ]
