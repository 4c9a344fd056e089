"""Worlds so small that every expectation and gradient is known exactly."""
