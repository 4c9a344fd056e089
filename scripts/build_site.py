"""Build the static site: README, docs/ and the solved notebooks, as pages that need no server.

    make site        # into site/

The pages are laid out in a temporary folder as they lie in the repository, so that links between
them stay true, and Sphinx reads them there. Links to what is no page of the site are turned: the
learner's edition of a notebook into its solutions, a file of code into a page that shows it, and
anything else into an address in the repository, or into plain words where that has none.

Nothing is run: notebooks appear with the outputs they are committed with.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from html import escape
from itertools import chain, pairwise
from pathlib import Path
from urllib.parse import unquote

from grpo_core.core import child

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "docs" / "site"

# Where a page of docs/ stands in the navigation; one that is not named here stands under "More".
SECTIONS = {
    "Teach": ["docs/teaching.md", "docs/lessons.md"],
    "Algorithm": [
        "docs/algorithms.md",
        "docs/grpo-vs-ppo.md",
        "docs/family.md",
        "docs/pipeline.md",
        "docs/smollm2.md",
        "benchmarks/README.md",
    ],
    "Dashboard": ["docs/dashboard.md", "docs/sharing.md"],
    "Reference": ["docs/glossary.md", "docs/architecture.md", "docs/adding.md"],
}
LAST = ["CONTRIBUTING.md", "CHANGELOG.md"]

# Code that lessons and pages speak of, each shown on a page of its own.
CODE = [
    "grpo_core/algorithm/*.py",
    "grpo_core/rewards/*.py",
    "grpo_core/tasks/*.py",
    "grpo_core/core/config.py",
    "grpo_core/core/records.py",
    "grpo_core/training/credit.py",
    "grpo_core/training/sampling.py",
    "grpo_core/training/rollout.py",
    "grpo_core/training/update.py",
    "grpo_core/training/trainer.py",
    "grpo_core/pipeline/*.py",
]

_LINK = re.compile(r"(?P<before>!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()(?P<to>[^)\s]+)(?P<after>\))")
_FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
_PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img src="(?P<light>[^"]+)" alt="(?P<alt>[^"]*)">\s*</picture>'
)
_MERMAID = re.compile(r"^```mermaid\nflowchart LR\n(?P<lines>.*?)^```$", re.M | re.S)
_NODE = re.compile(r'^(?P<name>\w+)(?:\["(?P<label>.*)"\])?$')


def code_pages() -> dict[str, str]:
    """Path of a file of code -> path of the page that shows it; an empty `__init__` has none."""
    files = [path for pattern in CODE for path in sorted(ROOT.glob(pattern))]
    names = [path.relative_to(ROOT).as_posix() for path in files if path.stat().st_size > 200]
    return {name: f"code/{name.removesuffix('.py')}.md" for name in names}


def pages() -> list[str]:
    """Every Markdown file and notebook that becomes a page, as a path in the repository."""
    patterns = ["README.md", *LAST, "docs/*.md", "benchmarks/README.md", "notebooks/solutions/*"]
    patterns += ["data/models/*/README.md", "data/README.md", "data/results/README.md"]
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [path.relative_to(ROOT).as_posix() for path in found if path.suffix in (".md", ".ipynb")]


def repository() -> str | None:
    """The address of the repository, None while pyproject.toml names none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository")


class Site:
    """The pages in a temporary folder, ready for Sphinx."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = code_pages()
        self.pages = pages()
        self.address = repository()

    def lay_out(self) -> None:
        """Write every page, the start page, and what Sphinx needs beside them."""
        for name in self.pages:
            if name.endswith(".md"):
                text = (ROOT / name).read_text(encoding="utf-8")
                self._write("index.md" if name == "README.md" else name, self.turned(text, name))
            else:
                self._copy(name)
        for name, page in self.code.items():
            self._write(page, f"# `{name}`\n\n```python\n{(ROOT / name).read_text('utf-8')}```\n")
        self._write("code/index.md", self._code_index())
        with (self.folder / "index.md").open("a", encoding="utf-8") as index:
            index.write(self._navigation())
        shutil.copytree(SETTINGS, self.folder, dirs_exist_ok=True)
        for image in ROOT.glob("docs/images/*.png"):  # those that pages name in HTML
            target = self.folder / "extra" / image.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(image, target)
            self._copy(image.relative_to(ROOT).as_posix())

    def turned(self, text: str, name: str) -> str:
        """A page's Markdown with its links, its pictures and its diagram as the site has them."""
        text = _MERMAID.sub(lambda match: flow(match["lines"]), text)
        text = _PICTURE.sub(both_pictures, text)
        fences: list[str] = []

        def keep(match: re.Match[str]) -> str:
            fences.append(match[0])
            return f"\0{len(fences) - 1}\0"

        text = _FENCE.sub(keep, text)
        text = _LINK.sub(lambda match: self._link(match, name), text)
        return re.sub("\0(\\d+)\0", lambda match: fences[int(match[1])], text)

    def _link(self, match: re.Match[str], name: str) -> str:
        to, _, anchor = match["to"].partition("#")
        if re.match(r"[a-z]+:", to) or not to or match[0].startswith("!"):
            return match[0]
        target = (ROOT / name).parent.joinpath(unquote(to)).resolve()
        path = target.relative_to(ROOT).as_posix()
        here = "index.md" if name == "README.md" else name
        up = "../" * here.count("/")
        page = self._page_of(path)
        if page is not None:
            return f"{match['before']}{up}{page}{'#' * bool(anchor)}{anchor}{match['after']}"
        if self.address is not None:
            kind = "tree" if target.is_dir() else "blob"
            where = f"{self.address.removesuffix('.git')}/{kind}/main/{path}"
            return f"{match['before']}{where}{match['after']}"
        return match["before"][1:-2]  # its words

    def _page_of(self, path: str) -> str | None:
        """The page that shows a path of the repository, None where there is none."""
        if path == "README.md":
            return "index.md"
        if path in ("notebooks", "notebooks/solutions"):
            return next(name for name in self.pages if name.endswith(".ipynb"))
        if path.startswith("notebooks/") and path.endswith(".ipynb"):
            path = f"notebooks/solutions/{Path(path).name}"
        return path if path in self.pages else self.code.get(path)

    def _navigation(self) -> str:
        """The tables of contents, hidden on the start page: the theme shows them at the side."""
        lessons = [name for name in self.pages if name.endswith(".ipynb")]
        placed = {"README.md", *lessons, *LAST, *chain(*SECTIONS.values())}
        more = [name for name in self.pages if name not in placed]
        parts = [self._contents("Start", ["self"]), self._contents("Lessons", lessons)]
        for section, names in SECTIONS.items():
            names = [name for name in names if name in self.pages]
            if section == "Reference":
                names = [*names, "code/index.md"]
            parts.append(self._contents(section, names))
        parts.append(self._contents("More", [*more, *LAST]))
        return "\n" + "\n".join(parts)

    @staticmethod
    def _contents(caption: str, names: list[str]) -> str:
        if not names:
            return ""
        lines = "\n".join(re.sub(r"\.(md|ipynb)$", "", name) for name in names)
        return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"

    def _code_index(self) -> str:
        rows = "\n".join(
            f"| [`{name}`]({page.removeprefix('code/')}) | {first_line(ROOT / name)} |"
            for name, page in self.code.items()
        )
        names = [page.removeprefix("code/") for page in self.code.values()]
        head = "# The code, to be read\n\nThe files that the lessons speak of.\n\n| file | holds |"
        return f"{head}\n|---|---|\n{rows}\n\n{self._contents('Code', names)}"

    def _write(self, name: str, text: str) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def _copy(self, name: str) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)


def first_line(file: Path) -> str:
    """The first line of a module's docstring, as a table's cell."""
    match = re.match(r'"""(.*?)(?:"""|$)', file.read_text(encoding="utf-8"), re.M)
    return match[1].replace("|", r"\|") if match else ""


def both_pictures(match: re.Match[str]) -> str:
    """A picture for light and one for dark: the theme shows the one that fits its own switch."""
    return "\n".join(
        f'<img class="only-{mode}" src="{match[mode]}" alt="{match["alt"]}">'
        for mode in ("light", "dark")
    )


def flow(lines: str) -> str:
    """A mermaid flow chart as rows of boxes, which need no script.

    Arrows that follow one another stand in one row; so do those that leave one node for several.
    """
    labels: dict[str, str] = {}
    rows: list[list[tuple[str, bool]]] = []  # a node, and whether it stands beside the one before
    for line in filter(None, (line.strip() for line in lines.splitlines())):
        nodes = [_NODE.match(part.strip()) for part in line.split("-->")]
        if None in nodes:
            raise ValueError(f"This line of a flow chart is not understood: {line}")
        names = [node["name"] for node in nodes if node is not None]
        labels |= {node["name"]: node["label"] for node in nodes if node and node["label"]}
        for source, target in pairwise(names):
            if rows and rows[-1][-1][0] == source:
                rows[-1].append((target, False))
            elif rows and rows[-1][0][0] == source and all(beside for _, beside in rows[-1][2:]):
                rows[-1].append((target, True))
            else:
                rows.append([(source, False), (target, False)])
    return '<ul class="flow">' + "".join(_row(row, labels) for row in rows) + "</ul>"


def _row(row: list[tuple[str, bool]], labels: dict[str, str]) -> str:
    boxes = []
    for name, beside in row:
        title, _, rest = labels.get(name, name).partition("<br>")
        small = re.sub(r"<[^>]*>", "", rest)
        what = escape(title, quote=False) + (f"<small>{escape(small)}</small>" if small else "")
        boxes.append(f'<li class="beside">{what}</li>' if beside else f"<li>{what}</li>")
    return f"<li><ol>{''.join(boxes)}</ol></li>"


def build(out: Path) -> None:
    """Build the site into a folder, in place of what is there; a warning stops it.

    Raises:
        subprocess.CalledProcessError: Sphinx found something wrong, and has said what.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        Site(folder / "pages").lay_out()
        words = ["-m", "sphinx", "--builder", "html", "--quiet", "--fail-on-warning"]
        words += ["--keep-going", "--doctree-dir", str(folder / "doctrees")]
        command = child.command(*words, folder / "pages", folder / "site")
        subprocess.run(command, env=child.environment(), check=True)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(folder / "site", out, ignore=shutil.ignore_patterns(".buildinfo"))


def main() -> int:
    """Build the site, or say that it could not be."""
    parser = argparse.ArgumentParser(description="Build the static site; `make site` runs this.")
    parser.add_argument("--out", type=Path, default=ROOT / "site")
    out: Path = parser.parse_args().out
    try:
        build(out)
    except subprocess.CalledProcessError:
        print("The site was not built: Sphinx says why, above.", file=sys.stderr)
        return 1
    print(f"Open {out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
