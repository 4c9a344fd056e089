"""Every Python that the kit starts, from a folder whose modules must not be imported."""

import ast
import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import make_steps
import nbformat
import pytest
from mini_model import MINI, make_model
from needs import require
from waits import free_port, until

from grpo_core.analysis.ledger import Work, rounds
from grpo_core.app.dashboard import exports
from grpo_core.core import child
from grpo_core.core.config import GRPOConfig
from grpo_core.course import trl_launch
from grpo_core.course.confined import Limits
from grpo_core.course.grade import grade
from grpo_core.runs import LIVE, Run, RunWriter, create_run, worker

ROOT = Path(__file__).parents[2]
HOSTILE = (
    "json", "torch", "numpy", "random", "logging", "subprocess", "argparse", "sqlite3", "csv",
    "secrets", "accelerate", "transformers", "sitecustomize", "usercustomize", "hostile_backend",
)  # fmt: skip
MARK = "import os\nwith open({marker!r}, 'a') as file:\n    file.write(__name__ + ' ')\n"


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a folder of a stranger, with a PYTHONPATH that means it; no module of it may run."""
    folder, marker = tmp_path / "downloaded", tmp_path / "imported"
    folder.mkdir()
    for name in HOSTILE:
        (folder / f"{name}.py").write_text(MARK.format(marker=str(marker)))
    (folder / "matplotlibrc").write_text("backend: module://hostile_backend\n")
    monkeypatch.chdir(folder)
    # An empty entry, as `PYTHONPATH=$OTHER:` leaves it where OTHER is not set, and a relative one.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "."]))
    yield folder
    assert not marker.exists(), f"imported from the working directory: {marker.read_text()}"


def test_the_folder_is_hostile(hostile: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "grpo_core.cli", "--version"], capture_output=True)
    assert "sitecustomize" in (tmp_path / "imported").read_text()
    (tmp_path / "imported").unlink()


def test_a_worker(hostile: Path, tmp_path: Path) -> None:
    options = {**MINI, "max_steps": 1, "model": str(make_model(tmp_path / "model"))}
    run = Run(create_run(tmp_path / "runs", "demo", GRPOConfig(**options)))
    worker.start(run.path)
    until(lambda: run.status not in (*LIVE, "new", "lost"))
    assert run.status == "finished", (run.path / "worker.log").read_text()


def test_an_export(hostile: Path, tmp_path: Path) -> None:
    path = create_run(tmp_path / "runs", "demo", GRPOConfig())
    with RunWriter(path) as writer:
        writer.append(make_steps.step())
    made = asyncio.run(exports.make(Run(path), "csv"))
    assert made.name == "demo-csv.zip"


def test_a_measurement_of_the_ledger(hostile: Path, tmp_path: Path) -> None:
    model = str(make_model(tmp_path / "model"))
    work = Work(model, prompts=1, num_generations=2, completion_length=4, repeats=1)
    assert rounds._in_a_process("grpo", work, count=False)["seconds"]


def test_a_students_notebook(hostile: Path, tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell("import json, random, numpy, torch")]
    (tmp_path / "class").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "class" / "anna.ipynb")
    assert [row.problem for row in grade(tmp_path / "class", Limits(seconds=60))] == [""]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_training_under_accelerate(
    hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    pytest.importorskip("trl")
    script = tmp_path / "scripts" / "train.py"
    script.parent.mkdir()
    script.write_text(
        "import json, random, sys, numpy, torch, grpo_core.core.config\nfrom pathlib import Path\n"
        "log = Path(sys.argv[sys.argv.index('--output_dir') + 1], 'log_history.json')\n"
        "log.write_text(json.dumps([{'reward': 1.0, 'safe': sys.flags.safe_path}]))\n"
    )
    (script.parent / "random.py").write_text("raise SystemExit('the folder of the script')")
    monkeypatch.setattr(trl_launch, "SCRIPT", script)
    assert trl_launch.launch(tmp_path, processes=processes) == [{"reward": 1.0, "safe": True}]


def test_a_child_of_multiprocessing(hostile: Path, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "from grpo_core.core import child\n"
        "def work():\n    import json, random, numpy\n"
        "if __name__ == '__main__':\n"
        "    process = child.spawning().Process(target=work)\n"
        "    process.start()\n    process.join()\n    raise SystemExit(process.exitcode)\n"
    )
    # The program itself may be started in any way, only not with this PYTHONPATH.
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run([sys.executable, script], env=variables, check=True)


def test_what_a_child_starts_in_turn(hostile: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import json, random'])"
    subprocess.run(child.command("-c", code), env=child.environment(), check=True)


@pytest.mark.parametrize("command", [["-m", "grpo_core.cli"], [str(ROOT / "app.py")]])
def test_the_programs(hostile: Path, command: list[str]) -> None:
    """Not what Python imports before any code of the kit: see grpo_core/__init__.py."""
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for name in ("sitecustomize", "usercustomize"):
        (hostile / f"{name}.py").unlink()
    done = subprocess.run([sys.executable, *command, "--help"], env=variables, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_the_dashboard(hostile: Path, tmp_path: Path) -> None:
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    words = ["--no-browser", "--port", str(free_port()), "--runs", str(tmp_path / "runs")]
    said = tmp_path / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), *words], env=variables, stdout=out, stderr=out
        )
        try:
            until(lambda: b"Ready" in said.read_bytes() or process.poll() is not None)
            assert process.poll() is None, said.read_text()
        finally:
            process.kill()
            process.wait()


# --- the environment ---------------------------------------------------------------------------


def test_a_folder_of_ones_own_stays_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), "", "here", str(tmp_path)]))
    path = child.environment()["PYTHONPATH"].split(os.pathsep)
    assert [entry for entry in path if entry != str(child.HOME)] == [str(tmp_path)]


def test_a_clone_that_is_not_installed_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr("site.getsitepackages", lambda: [str(tmp_path)])
    monkeypatch.setattr("site.ENABLE_USER_SITE", False)
    assert child.environment()["PYTHONPATH"] == str(child.HOME)
    (tmp_path / "grpo_lab.pth").write_text(f"{child.HOME}\n")
    assert "PYTHONPATH" not in child.environment()


def test_variables_of_a_terminal_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONSTARTUP", "startup.py")
    monkeypatch.setenv("PYTHONINSPECT", "1")
    made = child.environment({"OMP_NUM_THREADS": "1"})
    assert "PYTHONSTARTUP" not in made and "PYTHONINSPECT" not in made
    assert (made["OMP_NUM_THREADS"], made["PYTHONSAFEPATH"]) == ("1", "1")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_folder_that_others_can_change_is_none_of_ones_own(tmp_path: Path) -> None:
    own, above = tmp_path / "own", tmp_path / "above"
    inside = above / "inside"
    own.mkdir()
    inside.mkdir(parents=True)
    assert child.is_private(str(own)) and child.is_private(str(inside))
    above.chmod(0o777)
    assert not child.is_private(str(above)) and not child.is_private(str(inside))
    above.chmod(0o1777)  # as /tmp is: what lies in there cannot be renamed by others
    assert not child.is_private(str(above)) and child.is_private(str(inside))
    (tmp_path / "link").symlink_to(above)
    assert not child.is_private(str(tmp_path / "link"))
    assert not child.is_private(str(tmp_path / "missing"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such owners")
def test_a_folder_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require(os.geteuid() == 0, "root, who can give a folder away")
    os.chown(tmp_path, 12_345, -1)
    assert not child.is_private(str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    monkeypatch.setattr(Path, "parents", property(lambda path: []))
    assert child.is_private(str(tmp_path))


# --- every start there is ----------------------------------------------------------------------

PROCESSES = {
    "run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput",
    "create_subprocess_exec", "create_subprocess_shell",
}  # fmt: skip
STARTS = {
    "subprocess": PROCESSES,
    "asyncio": PROCESSES - {"run"},
    "os": {"system", "popen", "startfile", "posix_spawn", "posix_spawnp", "fork", "forkpty"},
    "pty": {"spawn", "fork"},
    "runpy": {"run_path", "run_module"},
}
STARTS["os"] |= {f"{kind}{how}" for kind in ("spawn", "exec") for how in ("l", "le", "lp", "lpe")}
STARTS["os"] |= {f"{kind}{how}" for kind in ("spawn", "exec") for how in ("v", "ve", "vp", "vpe")}
BY_THEMSELVES = {"multiprocessing", "ProcessPoolExecutor", "NotebookClient", "KernelManager"}
"""Names that start a Python in ways of their own: what may use them is named below."""

ALLOWED = {
    ("grpo_core/core/child.py", "multiprocessing"),
    ("grpo_core/course/build.py", "NotebookClient"),  # with child.environment(), checked below
}


def sources() -> list[Path]:
    """Every file of the repository that may start a Python, but not the tests."""
    folders = ("grpo_core", "benchmarks", "scripts", "data", "notebooks")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 150
    # scripts/install.py is run before anything is installed: see the next test.
    return [ROOT / "app.py", *(path for path in files if path.name != "install.py")]


CONFINED = "grpo_core/course/confined/"
"""Starts a stranger's code, with an environment that has less than child's: see test_confined."""


def unsafe_starts(tree: ast.AST) -> list[str]:
    """Say where a Python, or any other process, is started without `child`."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="sys"), attr="executable" | "_base_executable"):
                found.append(f"line {node.lineno}: sys.{node.attr}")
            case ast.ImportFrom(module=module, names=names) if module in STARTS:
                found += [
                    f"line {node.lineno}: {module}.{alias.name} under a short name"
                    for alias in names
                    if alias.name in STARTS[module]
                ]
            case ast.Call(func=function, keywords=keywords) if _is_start(function):
                env = [ast.unparse(word.value) for word in keywords if word.arg == "env"]
                if not env or not env[0].startswith("child.environment("):
                    found.append(f"line {node.lineno}: {ast.unparse(function)} without child")
    return found


def _is_start(function: ast.expr) -> bool:
    match function:
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return name in STARTS.get(module, ())
        case ast.Attribute(value=ast.Attribute(attr=module), attr=name):
            return name in STARTS.get(module, ())
    return False


def names_of(tree: ast.AST) -> Iterator[str]:
    """Every module, name and attribute that a file imports or mentions."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.split(".")[0] for alias in names)
            case ast.ImportFrom(module=module, names=names):
                yield from [(module or "").split(".")[0], *(alias.name for alias in names)]


@pytest.mark.parametrize(
    "code",
    [
        "subprocess.run([sys.executable, '-m', 'grpo_core.cli'])",
        "subprocess.Popen(child.command('-m', 'x'))",
        "asyncio.create_subprocess_exec(*child.command('x'), env={**os.environ})",
        "from subprocess import Popen",
        "os.system('python -m grpo_core.cli')",
        "asyncio.subprocess.create_subprocess_shell('python')",
    ],
)
def test_the_walk_finds(code: str) -> None:
    assert unsafe_starts(ast.parse(code))


def test_every_start_goes_through_child() -> None:
    found, by_themselves, starts = [], set(), 0
    for path in sources():
        name, tree = path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
        used = BY_THEMSELVES & set(names_of(tree))
        by_themselves |= {(name, one) for one in used}
        if name != "grpo_core/core/child.py" and not name.startswith(CONFINED):
            found += [f"{name}, {what}" for what in unsafe_starts(tree)]
        starts += path.read_text(encoding="utf-8").count("env=child.environment(")
    assert found == []
    assert by_themselves == ALLOWED
    assert starts >= 15  # so that this looked at something
    build = (ROOT / "grpo_core" / "course" / "build.py").read_text(encoding="utf-8")
    assert build.count("client.execute(") == build.count("env=child.environment(") == 1


def test_the_installer_starts_python_in_safe_path_mode() -> None:
    """It cannot import the kit: it is what installs it."""
    tree = ast.parse((ROOT / "scripts" / "install.py").read_text(encoding="utf-8"))
    commands = [node for node in ast.walk(tree) if isinstance(node, ast.List) and node.elts]
    pythons = [c for c in commands if ast.unparse(c.elts[0]) in ("PYTHON", "sys.executable")]
    assert len(pythons) == 3
    assert all(ast.unparse(c.elts[1]) == "'-P'" for c in pythons)
