"""The set-up: the Makefile's targets, the choice of a torch build, the pinned versions."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path

import pytest
from load_script import load_script
from needs import require

ROOT = Path(__file__).resolve().parent.parent
PIN = "2.13.0"

install = load_script("install")


def make(*arguments: str, cwd: Path = ROOT) -> str:
    require(shutil.which("make"), "make")
    # Without the variables through which an outer `make test` would speak to this one.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "TORCH")}
    done = subprocess.run(["make", *arguments], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that set-up looks at, in a folder of their own with nothing installed."""
    for name in (
        "Makefile",
        "pyproject.toml",
        "constraints.txt",
        "hashes.txt",
        "scripts/install.py",
    ):
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy)
    return tmp_path


# --- Makefile ---------------------------------------------------------------------------------


def test_help_has_a_line_for_every_target():
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M).group(1)
    listed = re.findall(r"^  make (\S+) +\S", make("help"), re.M)
    assert listed == declared.split()


@pytest.mark.parametrize("target", ["app", "test", "lint", "pretrain"])
def test_a_target_sets_everything_up_in_a_fresh_clone(clone, target):
    assert "scripts/install.py --torch auto" in make("-n", target, cwd=clone)


def test_set_up_is_done_once_and_again_when_a_pin_changes(clone):
    stamp = clone / ".venv" / ".installed-auto"
    stamp.parent.mkdir()
    stamp.touch()
    assert "install.py" not in make("-n", "test", cwd=clone)

    later = time.time() + 10
    os.utime(clone / "constraints.txt", (later, later))
    assert "install.py" in make("-n", "test", cwd=clone)


def test_asking_for_another_torch_sets_up_again(clone):
    stamp = clone / ".venv" / ".installed-auto"
    stamp.parent.mkdir()
    stamp.touch()
    assert "scripts/install.py --torch cpu" in make("-n", "install", "TORCH=cpu", cwd=clone)


def test_an_unknown_torch_is_refused():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "install.py", "--torch", "gpu"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "invalid choice: 'gpu'" in done.stderr


# --- Which torch ------------------------------------------------------------------------------


def choose(want="auto", installed=None, linux=True, folder=(), gpu=False, cpu_index=False):
    return install.choose_torch(
        want,
        PIN,
        installed=installed,
        linux=linux,
        in_folder=lambda requirement: requirement in folder,
        has_gpu=lambda: gpu,
        cpu_index_answers=lambda: cpu_index,
    )


CPU_INDEX = ["--torch-backend", "cpu"]
PLAIN, CPU, TEXTUALLY = f"torch=={PIN}", f"torch=={PIN}+cpu", f"torch==={PIN}"


@pytest.mark.parametrize(
    ("situation", "requirement", "options"),
    [
        # Left to itself: what is there, then the wheel folder, then the smallest that will do.
        ({"installed": f"{PIN}+cpu"}, f"torch==={PIN}+cpu", []),
        ({"installed": "2.12.0", "cpu_index": True}, PLAIN, CPU_INDEX),
        ({"folder": [PLAIN], "gpu": True}, PLAIN, []),
        ({"linux": False, "cpu_index": True}, PLAIN, []),
        ({"gpu": True, "cpu_index": True}, PLAIN, []),
        ({"cpu_index": True}, PLAIN, CPU_INDEX),
        ({"cpu_index": False}, PLAIN, []),
        # Told which: whatever is installed or found.
        ({"want": "pypi", "installed": f"{PIN}+cpu", "folder": [PLAIN, CPU]}, TEXTUALLY, []),
        ({"want": "cpu", "installed": PIN, "gpu": True}, CPU, CPU_INDEX),
        ({"want": "cpu", "folder": [PLAIN, CPU]}, CPU, []),
        ({"want": "cpu", "linux": False}, PLAIN, []),
    ],
)
def test_the_choice_of_torch(situation, requirement, options):
    chosen = choose(**situation)
    assert (chosen.requirement, chosen.options) == (requirement, options)


def test_a_large_download_is_announced_with_its_reason():
    assert "2.5 GB" in choose(cpu_index=False).why
    assert "TORCH=cpu" in choose(cpu_index=False).why


def test_a_probe_that_hangs_is_given_up():
    started = time.monotonic()
    assert not install.answers([sys.executable, "-c", "import time; time.sleep(60)"], seconds=0.3)
    assert time.monotonic() - started < 10


def test_pips_wheel_folders_and_index_are_passed_on_to_uv():
    settings = install.uv_settings(
        {"PIP_FIND_LINKS": "/wheels /more", "UV_FIND_LINKS": "/wheels", "PIP_INDEX_URL": "x"}
    )
    assert settings["UV_FIND_LINKS"] == "/wheels,/more"
    assert settings["UV_DEFAULT_INDEX"] == "x"
    assert "UV_FIND_LINKS" not in install.uv_settings({})


# --- Pins -------------------------------------------------------------------------------------


def test_pins_are_names_and_versions_only_one_a_package():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[a-z0-9.]+", line)] == []
    names = [line.split("==")[0] for line in lines]
    assert names == sorted(set(names))
    assert f"torch=={PIN}" in lines


def test_hashes_are_of_the_pinned_versions_and_nothing_else():
    """Of all but torch, whose CPU build is another file than PyPI's."""
    text = (ROOT / "hashes.txt").read_text()
    blocks = re.findall(r"^(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n", text, re.M)
    assert "".join(f"{name}{hashes}\n" for name, hashes in blocks) == text
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    assert [name for name, _ in blocks] == [pin for pin in pins if pin != f"torch=={PIN}"]
    assert install.with_hashes("uv") in text and install.with_hashes("uv").startswith("uv==")


def test_a_file_with_another_hash_is_not_installed(tmp_path, monkeypatch):
    """By the command that `install` makes; the wheel is made here, so no network is needed."""
    wheel = tmp_path / "toy-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy.py", "")
        archive.writestr(
            "toy-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1\n"
        )
        archive.writestr("toy-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("toy-1.dist-info/RECORD", "")
    commands = []
    monkeypatch.setattr(install, "make_venv", lambda: "uv")
    monkeypatch.setattr(install, "installed_torch", lambda: None)
    monkeypatch.setattr(install, "choose_torch", lambda *_, **__: install.Torch("toy", [], "a toy"))
    monkeypatch.setattr(install.subprocess, "run", lambda command, **_: commands.append(command))
    install.install("auto")
    assert commands[0].count("--constraint") == 2 and install.HASHES in commands[0]
    monkeypatch.undo()
    outcomes = []
    for digest in (hashlib.sha256(wheel.read_bytes()).hexdigest(), "0" * 64):
        hashes = tmp_path / "hashes.txt"
        hashes.write_text(f"toy==1 \\\n    --hash=sha256:{digest}\n")
        command = [sys.executable, "-P", "-m", "uv", "pip", "install", "toy", "--no-cache"]
        command += ["--target", tmp_path / digest, "--no-index", "--find-links", tmp_path]
        done = subprocess.run([*command, "--constraint", hashes], capture_output=True, text=True)
        outcomes.append((done.returncode, "Hash mismatch" in done.stderr))
    assert outcomes == [(0, False), (1, True)]


def test_everything_asked_for_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = project["build-system"]["requires"] + project["project"]["dependencies"]
    for extra in install.EXTRAS.split(","):
        asked += project["project"]["optional-dependencies"][extra]
    names = {re.match(r"[\w-]+", requirement).group() for requirement in asked}
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert names - pinned == set()


# --- What a machine may lack ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_a_missing_part_fails_in_ci_and_is_skipped_elsewhere(monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="a missing thing"):
        require(False, "a missing thing")
    require(True, "a thing that is there")
