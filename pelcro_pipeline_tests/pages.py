"""Pages, read back: their tables as rows of text; and a browser to look at them in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self._caption, self._cell, self._rows, self._hidden = [], [], [], False
        self._in = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        match tag:
            case "table":
                self._rows, self._caption = [], []
            case "tr":
                self._rows.append([])
            case "th" | "td" | "caption":
                self._in, self._cell = tag, []
                self._hidden = ("aria-hidden", "true") in attributes
            case "br":
                self._cell.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "caption":
            self._caption = "".join(self._cell).strip().split("\n")[0]
        elif tag in ("th", "td") and not self._hidden:
            self._rows[-1].append("".join(self._cell).strip())
        elif tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        self._cell.append(data)


def tables(page: str) -> dict[str, list[list[str]]]:
    """The tables of a page by their captions, each its rows, the headings first."""
    parser = _Tables()
    parser.feed(page)
    return parser.tables


@contextmanager
def opened(path: Path, width: int) -> Iterator[object]:
    """A page in a browser of that width."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": width, "height": 900}, bypass_csp=True)
        page.goto(path.as_uri())
        yield page
        browser.close()


def violations(page: object) -> list[str]:
    """What axe finds against a page for who cannot see it or uses no mouse."""
    from axe_playwright_python.sync_playwright import Axe

    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in Axe().run(page).response["violations"]]
