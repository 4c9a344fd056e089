"""The static site: every page there, every link leads somewhere, nothing from elsewhere."""

import importlib.util
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest
from needs import require

ROOT = Path(__file__).parents[2]


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build_site = load("scripts/build_site.py")


@pytest.fixture
def site(tmp_path: Path) -> object:
    return build_site.Site(tmp_path)


# --- the parts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "link", "turned"),
    [
        ("README.md", "[a](docs/glossary.md)", "[a](docs/glossary.md)"),
        ("README.md", "[a](docs/glossary.md#what)", "[a](docs/glossary.md#what)"),
        ("docs/lessons.md", "[a](../README.md)", "[a](../index.md)"),
        (
            "README.md",
            "[00](notebooks/00_one_grpo_step.ipynb)",
            "[00](notebooks/solutions/00_one_grpo_step.ipynb)",
        ),
        (
            "docs/lessons.md",
            "[`kl`](../grpo_core/algorithm/kl.py)",
            "[`kl`](../code/grpo_core/algorithm/kl.md)",
        ),
        ("README.md", "see [the log](LICENSE) now", "see the log now"),
        ("README.md", "[a](https://example.org)", "[a](https://example.org)"),
        ("README.md", "![a](docs/images/dashboard.png)", "![a](docs/images/dashboard.png)"),
        ("README.md", "```\n[a](LICENSE)\n```", "```\n[a](LICENSE)\n```"),
    ],
)
def test_a_link_leads_to_a_page_or_is_none(site, name: str, link: str, turned: str) -> None:
    assert site.turned(link, name) == turned


def test_with_an_address_a_link_leads_to_the_repository(site) -> None:
    site.address = "https://github.com/someone/grpo-lab.git"
    base = "https://github.com/someone/grpo-lab"
    assert site.turned("[a](../LICENSE)", "docs/x.md") == f"[a]({base}/blob/main/LICENSE)"
    assert site.turned("[a](tests)", "README.md") == f"[a]({base}/tree/main/tests)"


def test_a_picture_becomes_one_for_light_and_one_for_dark(site) -> None:
    text = (
        '<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="d.png">\n'
        '  <img src="l.png" alt="what it shows">\n</picture>'
    )
    assert site.turned(text, "README.md") == (
        '<img class="only-light" src="l.png" alt="what it shows">\n'
        '<img class="only-dark" src="d.png" alt="what it shows">'
    )


def test_a_flow_chart_becomes_rows_of_boxes() -> None:
    chart = '  a["one<br><small>a.py</small>"] --> b\n  b --> c["x < y"]\n  d --> a\n  d --> c\n'
    rows = re.findall(r"<ol>(.*?)</ol>", build_site.flow(chart))
    assert rows == [
        "<li>one<small>a.py</small></li><li>b</li><li>x &lt; y</li>",
        '<li>d</li><li>one<small>a.py</small></li><li class="beside">x &lt; y</li>',
    ]
    with pytest.raises(ValueError, match="not understood"):
        build_site.flow("a -.-> b\n")


@pytest.mark.parametrize(
    ("tex", "known"),
    [
        (r"\big(q - \Big[x\big]", r"\bigl(q - \Bigl[x\bigr]"),
        (r"a_1 \dots a_G \dotsb", r"a_1 \ldots a_G \dotsb"),
        (r"\binom{n}{k} \Big/ 2 \bigcup", r"\binom{n}{k} / 2 \bigcup"),
        (r"\big\{x\big\}", r"\bigl\{x\bigr\}"),
    ],
)
def test_formulas_in_words_that_docutils_knows(tex: str, known: str) -> None:
    require(importlib.util.find_spec("docutils"), "docutils: make install brings it")
    assert load("docs/site/mathml.py").known(tex) == known


# --- the whole --------------------------------------------------------------------------------

FETCHED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "srcset"}


class Page(HTMLParser):
    """What a page links to, what it fetches, and the places in it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.places: set[str] = set()
        self.words = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.places.add(values.get("id", ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in FETCHED and FETCHED[tag] in values:
            self.fetched.append(values[FETCHED[tag]])
        self.fetched += re.findall(r"url\(\s*['\"]?([^'\")]+)", values.get("style", ""))

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("sphinx", "myst_nb", "furo"):
        require(importlib.util.find_spec(package), f"{package}: make install brings it")
    out = tmp_path_factory.mktemp("site") / "site"
    build_site.build(out)  # a warning fails it
    return out


@pytest.fixture(scope="module")
def pages(built: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in built.rglob("*.html")}


@pytest.mark.slow
def test_every_page_is_there_and_in_the_navigation(built: Path, pages: dict[Path, Page]) -> None:
    start = pages[built / "index.html"]
    for name in build_site.pages():
        page = re.sub(r"\.(md|ipynb)$", ".html", name)
        page = "index.html" if name == "README.md" else page
        assert (built / page).is_file(), name
        assert page in start.links or page == "index.html", name


@pytest.mark.slow
def test_every_link_leads_somewhere(built: Path, pages: dict[Path, Page]) -> None:
    for file, page in pages.items():
        for link in page.links + page.fetched:
            if re.match(r"[a-z]+:", link):
                continue
            path, _, place = link.partition("#")
            target = (file.parent / unquote(path.partition("?")[0])).resolve() if path else file
            assert target.is_file(), f"{file.name} -> {link}"
            if place and target in pages:
                assert unquote(place) in pages[target].places, f"{file.name} -> {link}"


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(built: Path, pages: dict[Path, Page]) -> None:
    for file, page in pages.items():
        for address in page.fetched:
            assert not re.match(r"(https?:)?//", address), f"{file.name} fetches {address}"
    for sheet in built.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        for address in re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", text):
            assert not re.match(r"(https?:)?//", "".join(address)), f"{sheet.name}: {address}"
    for script in built.rglob("*.js"):  # what loads MathJax, a font or an analyst would name it
        assert "cdn" not in script.read_text(encoding="utf-8", errors="replace").lower(), script


@pytest.mark.slow
def test_formulas_are_drawn_by_the_browser(built: Path) -> None:
    text = (built / "notebooks/solutions/01_why_no_critic.html").read_text(encoding="utf-8")
    assert text.count("<math") > 20 and "<mfrac>" in text
    assert "$$" not in text and not re.search(r"<script[^>]*mathjax", text, re.I)


@pytest.mark.slow
@pytest.mark.browser
def test_it_opens_from_a_folder_and_finds_words(built: Path, chromium: Callable) -> None:
    page = chromium()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index.html", "notebooks/solutions/06_kl.html", "docs/architecture.html"):
        for width in (1300, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto((built / name).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    page.goto((built / "search.html").as_uri() + "?q=advantage")
    page.locator("#search-results li a").nth(5).wait_for()  # they are listed one after the other
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]


@pytest.fixture
def chromium() -> Iterator[Callable]:
    """A function that opens a page in headless Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    require(found, "Debian's chromium")
    require(importlib.util.find_spec("playwright"), "playwright: make install brings it")
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        arguments = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser.new_page
        browser.close()
