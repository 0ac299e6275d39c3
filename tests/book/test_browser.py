"""The built book in a real browser: offline from files and from a server, at phone and desk width, light and dark.

The pages under ``_build/html`` are those that ``make book`` built; nothing is built here.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import pytest

ROOT = Path(__file__).parents[2]
HTML = Path(os.environ.get("CTRNB_HTML", ROOT / "_build" / "html"))
FOUND = (path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html") if "_static" not in path.parts)
PAGES = sorted(name for name in FOUND if name != "index.html")  # which sends its reader on to the cover
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDE = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(-3).map(e => e.outerHTML.slice(0, 120))"""
AXE = {"preload": False, "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
CONTRAST = {"preload": False, "runOnly": {"type": "rule", "values": ["color-contrast"]}}

pytestmark = [
    pytest.mark.skipif(not PAGES, reason="no built book under _build/html: run make book first"),
    pytest.mark.skipif(not BROWSER, reason="no Chromium here: on Debian, apt-get install chromium"),
]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of the book on this machine alone."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(HTML))) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}/"
        served.shutdown()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium that stays open for this file."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[test]'")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Tab:
    """A page of the browser with what went wrong on it: errors of the console, failed and foreign requests."""

    def __init__(self, page: Any, home: str) -> None:
        self.page, self.home = page, home
        self.wrong: list[str] = []
        page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("requestfailed", lambda request: self.wrong.append(f"failed: {request.url}"))
        page.on(
            "response",
            lambda answer: self.wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
        )
        page.on("request", lambda request: None if self.own(request.url) else self.wrong.append(f"asked {request.url}"))

    def own(self, url: str) -> bool:
        """Return whether an address is the book's own."""
        return url.startswith((self.home, "data:", "blob:", "about:"))

    def open(self, name: str) -> Any:
        """Load a page, mathematics typeset."""
        self.wrong.clear()
        self.page.goto(self.home + name)
        self.page.evaluate("() => window.MathJax && MathJax.startup && MathJax.startup.promise.then(() => true)")
        return self.page


@pytest.fixture(scope="module")
def tab(chromium: Any) -> Iterator[Callable[..., Tab]]:
    """Opens tabs of a width and a colour scheme."""
    contexts: dict[tuple, Tab] = {}

    def opened(home: str, width: int = 1280, scheme: str = "light") -> Tab:
        key = (home, width, scheme)
        if key not in contexts:
            context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
            contexts[key] = Tab(context.new_page(), home)
        return contexts[key]

    yield opened


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_from_a_file_without_errors_or_other_hosts_and_with_its_mathematics(name: str, tab) -> None:
    opened = tab(HTML.resolve().as_uri() + "/")
    page = opened.open(name)
    assert opened.wrong == []
    written = page.locator(".math").count()
    assert written == page.locator(".math:has(mjx-container)").count(), "some mathematics is not typeset"
    assert page.locator("mjx-merror").count() == 0
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
    broken = page.eval_on_selector_all("img", "all => all.filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
    assert broken == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone_and_is_accessible_in_light_and_in_dark(name: str, tab, server: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    reference = name.startswith("book/api/")  # long, and all of one make: light alone, and one of them in dark
    for scheme in ("light",) if reference and not name.endswith("evaluation.html") else ("light", "dark"):
        opened = tab(server, 390, scheme)
        page = opened.open(name)
        assert opened.wrong == []
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, page.evaluate(WIDE)
        found = Axe().run(page, options=AXE if scheme == "light" else CONTRAST).response["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        assert [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in serious] == []


def test_every_internal_link_and_anchor_resolves(tab, server: str) -> None:
    links: dict[str, set[str]] = {}
    anchors: dict[str, set[str]] = {}
    opened = tab(server)
    for name in PAGES:
        page = opened.open(name)
        hrefs = page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))")
        links[name] = {urljoin(server + name, href) for href in hrefs}
        anchors[server + name] = set(page.eval_on_selector_all("[id]", "all => all.map(e => e.id)"))
    dead = []
    for name, targets in links.items():
        for target in targets:
            place, anchor = urldefrag(target)
            if not place.startswith(server):
                continue
            path = HTML / unquote(place.removeprefix(server))
            known = anchors.get(place)
            if not (path.is_file() or (path / "index.html").is_file()) or (
                anchor
                and known is not None
                and unquote(anchor) not in known
                and not anchor.startswith(("print", "top"))
            ):
                dead.append(f"{name}: {target}")
    assert dead == []


@pytest.mark.parametrize("from_file", [False, True])
def test_search_finds_lipschitz(tab, server: str, from_file: bool) -> None:
    opened = tab(HTML.resolve().as_uri() + "/" if from_file else server)
    page = opened.open("search.html?q=Lipschitz")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    found = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.getAttribute('href'))")
    assert any("lipschitz.html" in href for href in found)
    assert opened.wrong == []


def test_hidden_code_opens_in_place(tab, server: str) -> None:
    page = tab(server).open("book/tiers.html")
    hidden = page.locator("details.hide").first
    before = hidden.locator("pre").first.is_visible()
    hidden.locator("summary").first.click()
    assert not before and hidden.locator("pre").first.is_visible()


def test_the_first_page_leads_to_the_cover(tab, server: str) -> None:
    page = tab(server, 1024).page
    page.goto(server)
    page.wait_for_url("**/book/intro.html", timeout=10_000)


def test_the_cover_answers_within_one_screen(tab, server: str) -> None:
    page = tab(server, 1280).open("book/intro.html")
    page.set_viewport_size({"width": 1440, "height": 900})
    box = page.locator(".cover").bounding_box()
    page.set_viewport_size({"width": 1280, "height": 844})
    assert box["y"] + box["height"] <= 900
    assert (
        page.locator(".cover img").count() == 1
        and page.locator(".cover p strong:text-matches('^[123][.]')").count() == 3
    )


def test_every_chapter_offers_its_notebook_and_data_and_says_how_it_ran(tab, server: str) -> None:
    from ctrnb.report.chapters import read_chapters

    for chapter in read_chapters(ROOT):
        if not chapter.executable:
            continue
        page = tab(server).open(f"book/{chapter.name}.html")
        offered = page.eval_on_selector_all("a.download", "all => all.map(a => a.getAttribute('href'))")
        assert {Path(href).suffix for href in offered} >= {".ipynb", ".zip"}
        foot = page.locator("#rerun-this-chapter").inner_text()
        assert "Executed in" in foot and all(name in foot for name in chapter.parameters)


def test_a_checker_of_links_and_errors_sees_what_is_wrong(tab, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text("<script>nowhere()</script><img src='absent.png'>")
    opened = tab(tmp_path.resolve().as_uri() + "/")
    opened.open("bad.html")
    assert any("nowhere" in text for text in opened.wrong) and any("absent.png" in text for text in opened.wrong)
