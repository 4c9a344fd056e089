"""Run TRL's trainer as a script under `accelerate launch`. For lesson 13."""

import json
import subprocess
from pathlib import Path
from typing import Any

from grpo_core.core import child
from grpo_core.core.errors import LabError
from grpo_core.course.optional_import import require_package
from grpo_core.course.sources import NOTEBOOKS

SCRIPT = NOTEBOOKS / "train_with_trl.py"
_VARIABLES = {  # one thread per process, and no network
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def launch(folder: str | Path, *options: str, processes: int = 1) -> list[dict[str, Any]]:
    """Run the script on the CPU, offline, and return what TRL logged.

    Args:
        folder: the folder for the trained model and the log.
        *options: options of the script, such as "--max_steps", "3".
        processes: the number of processes that train together.

    Returns:
        One dict per logged step: reward, rewards/<name>/mean, completions/mean_length and so on.

    Raises:
        LabError: TRL or the script is missing, or the run failed; the message ends with its last
            line.
    """
    require_package("trl", "'grpo-lab[trl]'")
    if not SCRIPT.is_file():
        raise LabError(
            f"{SCRIPT} is missing: it comes with the notebooks, in a clone of the repository."
        )
    words = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", str(processes)]
    command = child.command(*words, SCRIPT, "--output_dir", folder, *options)
    done = subprocess.run(
        command, env=child.environment(_VARIABLES), capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise LabError(f"TRL's run failed: {last}")
    log = json.loads(Path(folder, "log_history.json").read_text(encoding="utf-8"))
    return [entry for entry in log if "reward" in entry]
