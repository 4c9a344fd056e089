"""What makes the notebooks teach: checks that name a mistake, and the builder of both editions.

from grpo_core.lessons import checks as check
check.advantages(my_advantages)
"""
