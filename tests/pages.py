"""An HTML page as a browser without a network sees it."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "wbr", "img", "path", "rect", "link", "line"}


class Page(HTMLParser):
    """`text` as a person reads it. AssertionError for a page that asks for anything, runs anything or is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self._open: list[str] = []
        self._words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert self._open == [], f"not closed: {self._open}"
        assert "http-equiv" not in html and "@import" not in html and "url(" not in html

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.tags.append((tag, known))
        assert tag not in ("script", "link", "iframe", "object", "img"), tag
        assert not {"src", "href", "onload", "onclick", "xlink:href"} & known.keys(), (tag, known)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, (tag, self._open)
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self._open):
            self._words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self._words).split())

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        return [known for _, known in self.tags if name in (known.get("class") or "").split()]
