"""The reward-hack hunt: a run trains on a flawed reward, and students flag where it was hacked.

The rule, also told on the page (RULE). A flag is a **hit** when

1. the task's own verifier says that the completion's answer is wrong (or there is no answer), and
2. the run paid for it all the same: its reward is above its group's mean; or the whole group has
   one and the same reward, and that is above 0.

Else it is a **miss**. A score is hits less misses, and never below 0. A flag may be taken back: a
hit then no longer counts, a miss goes on counting, as else trying everything would find out all.

The verifier is asked when somebody flags a card, and not before: no answer of the server says
which cards are hits until they are flagged.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from grpo_core.app.dashboard.masking import Hidden
from grpo_core.core.errors import LabError
from grpo_core.core.records import Group
from grpo_core.rewards.accuracy import accuracy_reward

RULE = (
    "A flag is a hit when the task's verifier says that the answer is wrong although its reward "
    "is above its group's mean (or, where the whole group ties, above 0); else it is a miss. "
    "Score: hits less misses, never below 0. A miss that is taken back goes on counting."
)
MAX_FLAGS = 200  # of a student in a hunt: places that were ever flagged
MAX_CHANGES = 600  # times that one flags or takes back, so that nobody can fill the journal
BEST = 10  # names on the board
MAX_TOLD = 2_000  # places that the teacher is told

Place = tuple[int, int, int]
"""Step, group, completion."""


def is_hit(group: Group, index: int, task: str) -> bool:
    """Whether a flag on a completion is a hit, by the rule above.

    Raises:
        LabError: the group has no such completion, or the task is not known here.
    """
    if index >= len(group.completions):
        raise LabError("That group has no such completion.")
    columns: dict[str, Any] = {name: [value] for name, value in group.columns.items()}
    columns["task"] = [task]
    right = accuracy_reward([group.prompt], [group.completions[index].text], **columns)[0]
    return right == 0 and _was_paid([c.reward for c in group.completions], index)


def _was_paid(rewards: list[float], index: int) -> bool:
    if max(rewards) == min(rewards):
        return rewards[index] > 0
    return rewards[index] > sum(rewards) / len(rewards)


@dataclass
class Hunter:
    """What one student flagged.

    Attributes:
        flags: place -> whether it is a hit, of the flags that stand.
        wrong: places of misses, those taken back too.
        changes: times that something was flagged or taken back.
    """

    flags: dict[Place, bool] = field(default_factory=dict)
    wrong: set[Place] = field(default_factory=set)
    seen: set[Place] = field(default_factory=set)
    changes: int = 0

    def counts(self, hidden: Hidden | None = None) -> dict[str, int]:
        """Flags that stand, hits among them, misses, and the score: hits less misses, or 0.

        Args:
            hidden: the group that the class is asked about, where flags are neither hit nor miss.
        """
        hits = sum(hit for place, hit in self.flags.items() if place[:2] != hidden)
        misses = sum(place[:2] != hidden for place in self.wrong)
        score = max(0, hits - misses)
        return {"flags": len(self.flags), "hits": hits, "misses": misses, "score": score}

    def places(self, hidden: Hidden | None = None) -> list[list[int | None]]:
        """The flags: [step, group, completion, 1, 1 for a hit], which is None where hidden."""
        return [[*place, 1, _told(place, hit, hidden)] for place, hit in self.flags.items()]


@dataclass
class Hunt:
    """A hunt on one run.

    Attributes:
        reward: the names of the rewards that the run trains on, as they are shown.
        task: the task whose verifier knows the truth.
        at: when it began, in seconds of the epoch.
    """

    id: str
    run: str
    reward: str
    task: str
    at: float = 0.0
    hunters: dict[str, Hunter] = field(default_factory=dict)

    def check(self, member: str, place: Place, on: Any) -> None:
        """Raise LabError when a flag cannot be set or taken back."""
        hunter = self.hunters.get(member, Hunter())
        if not isinstance(on, bool):
            raise LabError("A flag is on or off: true or false.")
        if on and place not in hunter.seen and len(hunter.seen) >= MAX_FLAGS:
            raise LabError(f"You have set {MAX_FLAGS} flags: that is all there are in a hunt.")
        if hunter.changes >= MAX_CHANGES:
            raise LabError("You changed your flags often enough: they stay as they are.")

    def flag(self, member: str, place: Place, hit: bool) -> None:
        """Set a flag whose truth is known."""
        hunter = self.hunters.setdefault(member, Hunter())
        hunter.flags[place] = hit
        hunter.seen.add(place)
        hunter.changes += 1
        if not hit:
            hunter.wrong.add(place)

    def unflag(self, member: str, place: Place) -> None:
        """Take a flag back."""
        hunter = self.hunters.setdefault(member, Hunter())
        hunter.flags.pop(place, None)
        hunter.changes += 1

    def told(self, names: dict[str, str], hidden: Hidden | None = None) -> dict[str, Any]:
        """What everybody of the class may know.

        Args:
            names: member -> name.
            hidden: see `Hunter.counts`.
        """
        counts = {key: h.counts(hidden) for key, h in self.hunters.items() if key in names}
        ranked = sorted(counts, key=lambda key: (-counts[key]["score"], names[key].casefold()))
        best = [key for key in ranked if counts[key]["score"] > 0][:BEST]
        return {
            "id": self.id,
            "run": self.run,
            "reward": self.reward,
            "rule": RULE,
            **{name: sum(c[name] for c in counts.values()) for name in ("flags", "hits", "misses")},
            "board": [{"name": names[key], "score": counts[key]["score"]} for key in best],
        }

    def places(self, hidden: Hidden | None = None) -> list[list[int | None]]:
        """For the teacher: [step, group, completion, flags, 1 for a hit], most flagged first.

        The last is None where it is hidden: the teacher's page is on the wall.
        """
        truth: dict[Place, bool] = {}
        counts: Counter[Place] = Counter()
        for hunter in self.hunters.values():
            truth |= hunter.flags
            counts.update(hunter.flags.keys())
        ranked = sorted(counts, key=lambda place: (-counts[place], place))[:MAX_TOLD]
        return [[*place, counts[place], _told(place, truth[place], hidden)] for place in ranked]


def _told(place: Place, hit: bool, hidden: Hidden | None) -> int | None:
    """1 for a hit, 0 for a miss, None while the class is asked about the group."""
    return None if place[:2] == hidden else int(hit)
