"""GRPO Lab: Group Relative Policy Optimization, small enough to read and fast enough to watch.

The flow has one direction, and nothing on the right is imported by anything on its left:

    task -> prompt -> group of completions -> reward parts -> advantages -> objective -> update
         -> Step record -> run folder -> figures, notebooks, dashboard
"""

import os
import sys

__version__ = "0.1.0"

# `python -m grpo_core.cli` has put the working directory first on the module search path. A folder
# of someone else's may hold a json.py, so it is taken off before anything more is imported, unless
# the kit itself is in there. `grpo-lab` has no such moment. See also child.py.
_is_program = sys.argv[:1] == ["-m"] and any(
    word.removeprefix("-m").split(".")[0] == __name__ for word in sys.orig_argv
)
_home = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
if _is_program and not sys.flags.safe_path and os.path.realpath(sys.path[0]) != _home:
    del sys.path[0]
