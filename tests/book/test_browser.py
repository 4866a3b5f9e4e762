"""Every page in a real browser, from the disk: quiet, readable, as wide as a phone, for a keyboard.

Without Chromium these tests cannot run; the reason they give says how to install it. Continuous
integration does so.
"""

import shutil
from pathlib import Path

import build
import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
PAGES = [*build.pages(ROOT), "search"]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no Chromium found: `apt-get install chromium` or `brew install --cask chromium`",
)
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# The elements whose text has less than WCAG's contrast with the first opaque ground behind it.
PALE = """() => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
    const contrast = element => {
        let ground = element, colour;
        do {
            colour = numbers(getComputedStyle(ground).backgroundColor);
            ground = ground.parentElement;
        }
        while (ground && colour.length === 4 && colour[3] < 1);
        const own = light(numbers(getComputedStyle(element).color));
        const [low, high] = [own, light(colour)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const text = 'article :is(p, li, td, th, h1, h2, h3, summary, dt, a, .caption-text)';
    return [...document.querySelectorAll(text)]
        .filter(element => element.innerText && contrast(element) < 4.5)
        .map(element => element.innerText.slice(0, 60) + ' ' + contrast(element).toFixed(1));
}"""


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """visit(page, ...) opens a page and waits for its mathematics; its complaints are in .said."""
    opened = []

    def open_page(page, scheme="light", viewport=DESK, query=""):
        tab = browser.new_page(color_scheme=scheme, viewport=viewport)
        opened.append(tab)
        tab.said = []
        tab.on(
            "console",
            lambda message: (
                tab.said.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        tab.on("pageerror", lambda error: tab.said.append(str(error)))
        tab.on("requestfailed", lambda request: tab.said.append(f"not loaded: {request.url}"))
        tab.on(
            "request",
            lambda request: (
                None if request.url[:5] in ("file:", "data:") else tab.said.append(request.url)
            ),
        )
        tab.goto((SITE / f"{page}.html").as_uri() + query)
        tab.evaluate("() => window.MathJax?.startup?.promise")
        return tab

    yield open_page
    for tab in opened:
        tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_page_is_quiet_complete_and_readable(visit, page, scheme):
    tab = visit(page, scheme)
    assert tab.said == []
    assert tab.evaluate("document.documentElement.dataset.theme") == scheme
    unset = """[...document.querySelectorAll('.math')]
        .filter(e => !e.querySelector('mjx-container')).map(e => e.textContent)"""
    assert tab.evaluate(unset) == []
    assert tab.evaluate("document.querySelectorAll('[data-mml-node=merror]').length") == 0
    assert (
        tab.evaluate(
            "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        )
        == []
    )
    assert tab.evaluate(PALE) == []


@pytest.mark.parametrize("page", PAGES)
def test_page_fits_a_phone(visit, page):
    tab = visit(page, viewport=PHONE)
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    beyond = """[...document.querySelectorAll('article img, article pre, article table')]
        .filter(e => {
            const box = e.closest('.highlight, .pst-scrollable-table-container, .text_html') || e;
            return box.getBoundingClientRect().right > innerWidth;
        })
        .map(e => e.outerHTML.slice(0, 80))"""
    assert tab.evaluate(beyond) == []


def test_figures_open_at_full_size(visit):
    """On a phone the labels of a figure are small."""
    tab = visit("chapters/architecture/lstm", viewport=PHONE)
    opens = "[...document.querySelectorAll('article figure img')].map(i => i.closest('a')?.href)"
    sources = "[...document.querySelectorAll('article figure img')].map(i => i.src)"
    assert len(tab.evaluate(opens)) > 3
    assert tab.evaluate(opens) == tab.evaluate(sources)


def test_drawing_follows_the_theme_of_the_page_not_of_the_system(visit):
    tab = visit("chapters/architecture/lstm", scheme="light")
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    drawing = tab.query_selector("article img[src$='.svg']")
    look = drawing.evaluate("e => [getComputedStyle(e).colorScheme, getComputedStyle(e).filter]")
    assert look == ["dark", "none"]


# The boxes of an article that hide a part of what they hold at their right edge: code, tables,
# printed text, equations. A box with the class "scrolls" is meant to. Formulas in a line are left
# out: their boxes are a pixel or two smaller than what MathJax draws.
CUT_OFF = """() => [...document.querySelectorAll('article *')]
    .filter(e => e.checkVisibility() && e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1)
    .filter(e => getComputedStyle(e).overflowX !== 'visible')
    .filter(e => !e.closest('mjx-assistive-mml, span.math, .scrolls'))
    .map(e => `${e.scrollWidth - e.clientWidth} px: ${e.innerText.slice(0, 60)}`)"""


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_cut_off_on_a_laptop(visit, page):
    tab = visit(page)
    assert tab.evaluate("document.documentElement.scrollWidth") <= DESK["width"]
    assert tab.evaluate(CUT_OFF) == []


FOLDED = [
    page for page in PAGES if page.startswith("chapters/") and (ROOT / f"{page}.ipynb").exists()
]


@pytest.mark.parametrize("page", FOLDED)
def test_folds_open_by_keyboard(visit, page):
    tab = visit(page)
    folds = tab.query_selector_all("article details")
    # in a chapter three questions with three options each; a page of the reference has no quiz
    assert len(folds) >= (1 if page.startswith("chapters/reference/") else 9)
    for fold in (folds[0], folds[-1]):
        fold.query_selector("summary").focus()
        tab.keyboard.press("Enter")
        assert fold.evaluate("e => e.open")
        tab.keyboard.press("Enter")
        assert not fold.evaluate("e => e.open")


@pytest.mark.parametrize("page", FOLDED)
def test_paper_shows_what_is_folded(visit, page):
    tab = visit(page)
    hidden = """[...document.querySelectorAll('article details > :not(summary)')]
        .filter(e => !e.checkVisibility({contentVisibilityAuto: true})
            || !e.getBoundingClientRect().height)
        .length"""
    assert tab.evaluate(hidden) > 0
    tab.emulate_media(media="print")
    tab.wait_for_function(f"() => {hidden} === 0")


def test_search_works_from_the_disk(visit):
    tab = visit("search", query="?q=reset+gate")
    tab.wait_for_selector("#search-results li")
    assert "glossary" in tab.inner_text("#search-results").lower()
    assert tab.said == []
