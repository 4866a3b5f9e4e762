"""Every built page: complete, whole offline, and in order for readers who do not see it."""

import functools
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import build
import pytest
from bs4 import BeautifulSoup
from form import PERSONAL

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
CHAPTERS = build.pages(ROOT)
PAGES = [*CHAPTERS, "genindex", "search"]
LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "embed": "src",
    "object": "data",
    "link": "href",
}

every_page = pytest.mark.parametrize("page", PAGES)


@functools.cache
def soup(page):
    file = SITE / f"{page}.html"
    assert file.is_file(), f"{file.relative_to(ROOT)} is missing; run `python book.py build`"
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(file):
    return {
        tag["id"]
        for tag in BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser").find_all(id=True)
    }


def loaded(page):
    """The addresses of everything the page itself loads."""
    return [
        tag[name]
        for kind, name in LOADS.items()
        for tag in soup(page).find_all(kind)
        if tag.get(name)
    ]


@every_page
def test_loads_nothing_from_elsewhere(page):
    outside = [
        address
        for address in loaded(page)
        if urlsplit(address).scheme not in ("", "data") or address[:2] == "//"
    ]
    assert outside == []
    for tag in soup(page).find_all(["style", "script"]):
        assert not re.search(r"(url\(|import\s*\(?)\s*['\"]?https?:", tag.get_text())


def test_style_sheets_load_nothing_from_elsewhere():
    sheets = list((SITE / "_static").rglob("*.css"))
    assert len(sheets) > 3
    for sheet in sheets:
        assert not re.search(
            r"url\(\s*['\"]?(https?:)?//|@import\s+['\"]https?:", sheet.read_text(encoding="utf-8")
        ), sheet


@every_page
def test_what_it_loads_is_there(page):
    here = (SITE / page).parent
    for address in loaded(page):
        path = urlsplit(address)
        if path.scheme != "data" and path.path:
            assert (here / unquote(path.path)).exists(), address


@every_page
def test_links_inside_the_book_lead_somewhere(page):
    here = SITE / f"{page}.html"
    for link in soup(page).find_all("a", href=True):
        target = urlsplit(link["href"])
        if target.scheme or target.netloc:
            continue
        file = (here.parent / unquote(target.path)).resolve() if target.path else here
        assert file.exists(), link["href"]
        if target.fragment and file.suffix == ".html":
            assert unquote(target.fragment) in anchors(file), link["href"]


@every_page
def test_pictures_have_alt_text(page):
    without = [
        str(image)[:80] for image in soup(page).find_all("img") if not image.get("alt", "").strip()
    ]
    assert without == []


@every_page
def test_has_one_title_and_says_its_language(page):
    html = soup(page)
    # The theme repeats the title for paper only.
    assert (
        len([title for title in html.find_all("h1") if not title.find_parent(class_="onlyprint")])
        == 1
    )
    assert html.find("title").get_text().strip()
    assert html.find("html")["lang"] == "en"


@every_page
def test_names_the_licences(page):
    footer = " ".join(footer.get_text() for footer in soup(page).find_all("footer"))
    assert "CC BY 4.0" in footer
    assert "MIT" in footer


@every_page
def test_shows_nothing_of_the_machine_it_was_built_on(page):
    text = soup(page).get_text()
    assert not PERSONAL.search(text)
    assert "Traceback (most recent call last)" not in text


@pytest.mark.parametrize("page", CHAPTERS)
def test_mathematics_is_marked_for_mathjax(page):
    """What reaches the page as a bare dollar sign was never read as mathematics."""
    article = BeautifulSoup(str(soup(page).find("article")), "html.parser")
    formulas = article.select(".math")
    if formulas:
        assert [
            script
            for script in soup(page).find_all("script", src=True)
            if build.MATHJAX in script["src"]
        ]
    for tag in article.select(".math, code, pre, script"):
        tag.decompose()
    assert "$" not in article.get_text()
    assert r"\(" not in article.get_text()


def test_some_page_has_mathematics_and_some_page_has_pictures():
    """Else the tests above would be green on a book without either."""
    assert sum(len(soup(page).select(".math")) for page in CHAPTERS) > 50
    assert sum(len(soup(page).find_all("img")) for page in CHAPTERS) > 5
