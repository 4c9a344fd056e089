"""`python -m grpo_core.cli`: the same as `grpo-lab`."""

from grpo_core.cli import main

main()
