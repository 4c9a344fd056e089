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

from grpo_core.errors import LabError
from grpo_core.records import Group
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

    @property
    def hits(self) -> int:
        """Flags that stand and are hits."""
        return sum(self.flags.values())

    @property
    def score(self) -> int:
        """Hits less misses, never below 0."""
        return max(0, self.hits - len(self.wrong))

    def told(self) -> dict[str, Any]:
        """What the student may know."""
        counts = {"flags": len(self.flags), "hits": self.hits, "misses": len(self.wrong)}
        return counts | {"score": self.score}


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

    def told(self, names: dict[str, str]) -> dict[str, Any]:
        """What everybody of the class may know. `names`: member -> name."""
        hunters = {key: h for key, h in self.hunters.items() if key in names}
        ranked = sorted(hunters, key=lambda key: (-hunters[key].score, names[key].casefold()))
        best = [key for key in ranked if hunters[key].score > 0][:BEST]
        return {
            "id": self.id,
            "run": self.run,
            "reward": self.reward,
            "rule": RULE,
            "flags": sum(len(h.flags) for h in hunters.values()),
            "hits": sum(h.hits for h in hunters.values()),
            "misses": sum(len(h.wrong) for h in hunters.values()),
            "board": [{"name": names[key], "score": hunters[key].score} for key in best],
        }

    def places(self) -> list[list[int]]:
        """For the teacher: [step, group, completion, flags, 1 for a hit], most flagged first."""
        truth: dict[Place, bool] = {}
        counts: Counter[Place] = Counter()
        for hunter in self.hunters.values():
            truth |= hunter.flags
            counts.update(hunter.flags.keys())
        ranked = sorted(counts, key=lambda place: (-counts[place], place))[:MAX_TOLD]
        return [[*place, counts[place], int(truth[place])] for place in ranked]
