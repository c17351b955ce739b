"""Pages of text and tags: what is said in them, and the same pages with other words."""

from __future__ import annotations

import html
from collections.abc import Mapping
from html.parser import HTMLParser

#: Their content is no text, and has no character references.
_RAW = ("script", "style")


class _Reader(HTMLParser):
    """The pieces of a page in their order, each with whether it is text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[tuple[str, bool]] = []
        self._raw = False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self._raw = tag in _RAW
        self.pieces.append((self.get_starttag_text(), False))

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.pieces.append((self.get_starttag_text(), False))

    def handle_endtag(self, tag: str) -> None:
        self._raw = False
        self.pieces.append((f"</{tag}>", False))

    def handle_data(self, data: str) -> None:
        self.pieces.append((data, not self._raw))

    def handle_decl(self, decl: str) -> None:
        self.pieces.append((f"<!{decl}>", False))


def _pieces(page: str) -> list[tuple[str, bool]]:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.pieces


def texts(page: str) -> list[str]:
    """The text nodes of a page, each once."""
    return list(dict.fromkeys(piece.strip() for piece, is_text in _pieces(page) if is_text and piece.strip()))


def everything(page: str) -> list[str]:
    """All that a page holds: its texts, its tags with their attributes, styles and scripts."""
    return list(dict.fromkeys(html.unescape(piece).strip() for piece, _ in _pieces(page) if piece.strip()))


def replaced(page: str, replacements: Mapping[str, str]) -> str:
    """The page with other text nodes; comments, which nobody sees, are left out."""
    return "".join(
        html.escape(piece.replace(piece.strip(), replacements.get(piece.strip(), piece.strip())), quote=False)
        if is_text and piece.strip()
        else piece
        for piece, is_text in _pieces(page)
    )
