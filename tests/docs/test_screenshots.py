"""The screenshots: each is there, small, and made by a command that works."""

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from load_script import load_script
from needs import require

ROOT = Path(__file__).resolve().parents[2]
screenshots = load_script("screenshots")


def size(file: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    head = file.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


@pytest.mark.parametrize("shot", screenshots.SHOTS, ids=lambda shot: shot.name)
def test_each_is_there_and_small(shot) -> None:
    file = ROOT / "docs" / "images" / f"{shot.name}.png"
    assert file.is_file(), f"run: make screenshots ARGS='--only {shot.name}'"
    assert size(file) == (shot.width, shot.height)
    assert file.stat().st_size < screenshots.MOST


def test_their_names_differ() -> None:
    names = [shot.name for shot in screenshots.SHOTS]
    assert len(set(names)) == len(names)


def test_a_rare_colour_keeps_its_colour(tmp_path: Path) -> None:
    shades = [(x, x, 255 - x) for x in range(256) for _ in range(200)]
    purple = (170, 68, 153)
    picture = screenshots.Image.new("RGB", (256, 201), (255, 255, 255))
    picture.putdata([*shades, *[purple] * 12])
    screenshots.save(picture, tmp_path / "a.png")
    kept = screenshots.Image.open(tmp_path / "a.png").convert("RGB").getpixel((3, 200))
    assert max(abs(a - b) for a, b in zip(kept, purple, strict=True)) < 12


@pytest.mark.slow
@pytest.mark.browser
def test_the_command_takes_one(tmp_path: Path) -> None:
    require(shutil.which("chromium") or shutil.which("chromium-browser"), "Debian's chromium")
    command = [sys.executable, "scripts/screenshots.py", "--only", "phone", "--out", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert size(tmp_path / "phone.png") == (390, 844)
    assert "phone.png: 390 x 844" in done.stdout
