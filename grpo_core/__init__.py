"""GRPO Lab: Group Relative Policy Optimization, small enough to read and fast enough to watch.

The flow has one direction, and nothing on the right is imported by anything on its left:

    task -> prompt -> group of completions -> reward parts -> advantages -> objective -> update
         -> Step record -> run folder -> figures, notebooks, dashboard
"""

__version__ = "0.1.0"
