"""The metrics of a run so far, a column each.

Eight bytes a number, where a dictionary a step takes a hundred: a run of ten thousand steps is then
3 MB for as long as somebody watches it, not 40, and a table of it for the diagnosis is made in a
millisecond, not in a hundred.
"""

import math
from array import array
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    import pandas as pd

Row = tuple[int, Mapping[str, float]]


class History:
    """Rows of metrics that only ever grow at the end; a sequence of (step, {name: value}).

    One thread adds while others read: a row counts once all of it is there. What was not recorded
    is NaN inside, as in a table, and missing from a row.

    Attributes:
        steps: the steps, rising.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.steps = array("q")
        self._columns: dict[str, array[float]] = {}
        self.add(rows)

    def add(self, rows: Iterable[Row]) -> None:
        """Take in rows of later steps."""
        for step, metrics in rows:
            count = len(self.steps)
            for name in metrics.keys() - self._columns.keys():
                self._columns[name] = array("d", [math.nan]) * count
            for name, column in list(self._columns.items()):
                column.append(float(metrics.get(name, math.nan)))
            self.steps.append(step)

    def __len__(self) -> int:
        return len(self.steps)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return [self._row(i) for i in range(*place.indices(len(self)))]
        return self._row(range(len(self))[place])

    def _row(self, index: int) -> Row:
        values = ((name, column[index]) for name, column in list(self._columns.items()))
        return self.steps[index], {name: value for name, value in values if value == value}

    def frame(self, count: int) -> "pd.DataFrame":
        """The first `count` rows as `Run.frame` gives them."""
        import numpy as np
        import pandas as pd

        index = pd.Index(np.array(self.steps[:count]), name="step", dtype="int64")
        columns = {name: np.array(c[:count]) for name, c in list(self._columns.items())}
        return pd.DataFrame(columns, index=index)
