"""Which runs there are, what each is doing, and the two ways to change that: start, control.

A run is known to the page by its key: its folder's name, or "recorded:" and the name for a run
that is shipped with the kit. A key is only ever compared with the names of folders that exist, so
no key can lead anywhere else.
"""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from grpo_core.analysis.lens import method
from grpo_core.app.dashboard.payloads import clip
from grpo_core.core import registry
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.experiments import get_experiment
from grpo_core.rewards import REWARDS
from grpo_core.runs import LIVE, Description, Run, adopt, check_model, create_run, list_runs
from grpo_core.tasks import TASKS, get_task

RECORDED = "recorded:"
START_SECONDS = 60.0
"""A worker that has not written its state for so long after the run was made never will."""
FAILED = "This run has failed. The machine it ran on shows the reason."
LOCAL = re.compile(r"[/\\.~]|[A-Za-z]:")  # begins the path of a folder, and no name of the hub
MAX_OPTION = 1000  # characters
WANTS = ("run", "pause", "step", "stop")
SHOWN_OPTIONS = (
    "task",
    "model",
    "seed",
    "max_steps",
    "num_generations",
    "generation_batch_size",
    "learning_rate",
    "beta",
    "epsilon",
    "loss_type",
    "scale_rewards",
    "temperature",
    "num_iterations",
    "eval_steps",
    "reward_funcs",
    "reward_weights",
)

FORK_OPTIONS = ("beta", "learning_rate", "max_steps", "num_generations", "seed")

StartWorker = Callable[[Path], Any]


def _start_worker(path: Path) -> Any:
    """The real worker, imported when first needed."""
    from grpo_core.runs import worker

    return worker.start(path)


class RunBook:
    """The runs of one folder, and the shipped ones beside them."""

    def __init__(
        self,
        root: Path,
        shipped: Path | None = None,
        start_worker: StartWorker | None = None,
        plugins: Sequence[str] = (),
    ) -> None:
        """Know the runs of `root` and `shipped`.

        Args:
            plugins: files that the server was started with; every run that it starts loads them.
        """
        self.root = root
        self.shipped = shipped
        self.plugins = list(plugins)
        self._start_worker = start_worker or _start_worker
        self._lock = threading.Lock()

    def runs(self) -> dict[str, Run]:
        """Key -> run: the user's own, newest first, then the recorded ones."""
        found = {run.name: run for run in list_runs(self.root)}
        if self.shipped is not None:
            found |= {RECORDED + run.name: run for run in list_runs(self.shipped)}
        return found

    def get(self, key: str) -> Run:
        """The run with this key.

        Raises:
            LabError: there is none.
        """
        run = self.runs().get(key)
        if run is None:
            raise LabError(f"Unknown run '{clip(key, 80)}'.")
        return run

    def start(self, options: dict[str, Any]) -> str:
        """Make a run with these options, start its worker, return its key.

        Besides GRPOConfig's options, "experiment" names one whose options are the defaults.

        Raises:
            LabError: an option is refused, or a run of this folder is still live.
        """
        if "experiment" in options:
            options = get_experiment(str(options["experiment"])).options | options
        values = {name: value for name, value in options.items() if name != "experiment"}
        if values.get("plugins", self.plugins) != self.plugins:
            raise LabError(
                "Plugins run code of their own, so they can only be named when the dashboard "
                "starts: add --plugin."
            )
        config = GRPOConfig.from_dict(values | {"plugins": self.plugins})
        # Only the names, where that will do: the worker, a fresh process, loads what they stand for
        # as it is then, while a file that was mended since it was loaded here would stay as it was.
        registry.check(TASKS, config.task, "task")
        for name in config.reward_funcs:
            registry.check(REWARDS, name, "reward")
        check_model(Path(config.model))
        if config.task_options:
            get_task(config.task, **config.task_options)
        with self._lock:
            self._refuse_second_run()
            path = create_run(self.root, None, config)
            self._start_worker(path)
        return path.name

    def fork(self, key: str, step: int, preset: str, options: dict[str, Any]) -> str:
        """Train a new run from a model that another saved, with other options; returns its key.

        It starts from the saved weights only: optimizer state and warm-up start again, and the
        reference of the KL is the saved model.

        Raises:
            LabError: the run saved no model at that step, an option is refused, or a run is live.
        """
        run = self.get(key)
        models = dict(run.models())
        if step not in models:
            known = ", ".join(map(str, sorted(models))) or "none"
            raise LabError(f"This run has no saved model of step {step}; it has: {known}.")
        if unknown := options.keys() - set(FORK_OPTIONS):
            raise LabError(f"A fork cannot change {clip(min(unknown), 40)}.")
        values = method(run.options, preset).to_dict() | options | {"model": str(models[step])}
        if set(values["plugins"]) <= set(self.plugins):  # else `start` says what is missing
            values["plugins"] = self.plugins
        size = values["num_generations"]
        if type(size) is int and size > 0:  # as many prompts a step as before
            values["generation_batch_size"] = run.config.prompts_per_step * size
        return self.start(values)

    def control(self, key: str, want: str) -> dict[str, Any]:
        """Ask a run's worker to run, pause, make one step or stop; starts it again if it is gone.

        A stranger's run is copied first, and the copy is started.

        Returns:
            sequence, the number of the wish; of a copy also run, its key, and notice, a sentence.

        Raises:
            LabError: no such run or wish, or the run is over.
        """
        if want not in WANTS:
            raise LabError(f"Unknown request '{clip(want, 20)}'. Use one of: {', '.join(WANTS)}.")
        if key.startswith(RECORDED):
            raise LabError("This is a recorded run. Press Start to train your own.")
        run = self.get(key)
        status = describe(key, run)["status"]
        if status == "finished":
            raise LabError("This run is finished. Press Start to train another.")
        with self._lock:
            answer: dict[str, Any] = {}
            if status not in LIVE and want in ("run", "step"):
                self._refuse_second_run()
                adopted = adopt(run, self.root, self.plugins)
                if adopted.notice:
                    run = Run(adopted.path)
                    answer = {"run": run.name, "notice": adopted.notice}
                self._start_worker(run.path)
            return {"sequence": run.control(want), **answer}

    def _refuse_second_run(self) -> None:
        for run in list_runs(self.root):
            if run.is_own and describe(run.name, run)["status"] in LIVE:
                raise LabError(
                    f"The run {run.name} is still training, and a second one would slow both: "
                    "stop it first."
                )


def describe(key: str, run: Run) -> dict[str, Any]:
    """One line of the run list; nothing in it changes while nothing happens to the run."""
    found = run.describe()
    state, options = found.state, found.options
    status, problem = _status(run, found)
    return {
        "key": key,
        "name": run.name,
        "recorded": key.startswith(RECORDED),
        "status": status,
        "live": status in LIVE,
        "step": found.step,
        "started": state.get("started") or found.created,
        "ended": None if status in LIVE else state.get("heartbeat"),
        "problem": clip(problem, 500) if problem else None,
        "models": [step for step, _ in run.models()],
        "forked": _forked(run, options),
        "config": {name: _shown(options[name]) for name in SHOWN_OPTIONS if name in options},
    }


def _shown(value: Any) -> Any:
    """An option for the run list, where anything longer than one is cut off."""
    text = value if isinstance(value, str) else json.dumps(value)
    return value if len(text) <= MAX_OPTION else clip(text, MAX_OPTION)


def public(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of the run list for other machines: nothing in it says where files lie on this one.

    What failed may quote a path; why is left out.
    """
    options = {name: public_option(name, value) for name, value in entry["config"].items()}
    return {**entry, "problem": entry["problem"] and FAILED, "config": options}


def public_option(name: str, value: Any) -> Any:
    """An option as others may see it: of a model in a folder its name, and not where it lies."""
    folder = name == "model" and isinstance(value, str) and LOCAL.match(value)
    return re.split(r"[/\\]+", value.rstrip("/\\"))[-1] if folder else value


def _forked(run: Run, options: dict[str, Any]) -> dict[str, Any] | None:
    """The run beside this one whose saved model it began with, and the step of that."""
    model = Path(str(options.get("model", "")))
    found = re.fullmatch(r"step-(\d{1,9})", model.name)
    if not found or model.parent.name != "checkpoints":
        return None
    parent = model.parent.parent
    if parent.parent != run.path.parent:
        return None
    return {"run": parent.name, "step": int(found[1])}


def options_of(run: Run) -> dict[str, Any]:
    """The run's configuration as it stands; {} where it is damaged, which the run list says."""
    try:
        return run.options
    except LabError:
        return {}


def _status(run: Run, found: Description) -> tuple[str, str | None]:
    """Return the run's status, and its problem if it has one.

    A run whose worker has not reported yet is "starting": importing torch takes seconds.
    """
    status, problem = found.status, found.problem
    if status != "new" or problem:
        return "failed" if status == "new" else status, problem
    if time.time() - found.created < START_SECONDS:
        return "starting", None
    log = run.path / "worker.log"
    return "failed", f"The training process did not start. Read {log} for the reason."


def stamp(run: Run) -> tuple[Any, ...]:
    """Return a value that changes whenever a file of the run does; cheap to compute."""
    marks: list[Any] = []
    for name in ("run.db", "run.db-wal", "state.json"):
        try:
            status = os.lstat(run.path / name)
        except OSError:
            marks.append(None)
        else:
            marks.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(marks)
