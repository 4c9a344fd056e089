"""The training loop: sample groups, reward them, compute advantages, update the policy."""
