"""Pages as HTML and Markdown: what is given comes out as words, never as markup."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from edge_agent.report.as_html import html
from edge_agent.report.as_markdown import markdown
from edge_agent.report.content import (
    Card,
    Cards,
    Code,
    Items,
    Link,
    Page,
    Section,
    SideBySide,
    Table,
    Text,
)

NASTY = """<script>alert("x")</script> & | `a` *b* _c_ [d](e) 1. - # \\ ~~f~~ $g$"""
VOID = {"meta", "img", "br"}
TABLE = {"table", "thead", "tbody", "tr", "th", "td"}


class Reader(HTMLParser):
    """Tags and words of a page; complains of tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def page(words: str) -> Page:
    table = Table.of("a|value", [(words, words), ((words, Code("b|c")), "1")], caption=words)
    return Page(
        words,
        (Cards((Card(words, words, words),)), Text(words), Items((words, words))),
        (Section(words, (table, SideBySide((table, table)), Text((words, Code(words))))),),
    )


def plain(words: str) -> str:
    return " ".join(words.split())


def from_markdown(text: str) -> Reader:
    return read(MarkdownIt("commonmark").enable("table").render(text))


def test_html_shows_markup_as_words() -> None:
    found = read(html(page(NASTY), lambda _: ""))
    assert "script" not in found.tags
    assert found.words.count(NASTY) >= 10


def test_html_loads_nothing_from_outside() -> None:
    text = html(page("words"), lambda _: "")
    assert "default-src 'none'" in text
    assert "http://" not in text
    assert "https://" not in text
    assert "<script" not in text


def test_markdown_shows_markup_as_words() -> None:
    found = from_markdown(markdown(page(NASTY), lambda _: ""))
    assert set(found.tags) <= {"h1", "h2", "p", "ul", "li", "code"} | TABLE
    assert found.words.count(NASTY) >= 10


# control characters and the like have no place in a page; YAML refuses them, too
WORDS = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufffe\uffff"),
    max_size=40,
).filter(lambda words: words.strip() != "")


@given(WORDS)
def test_any_words_survive_markdown(words: str) -> None:
    text = markdown(Page("t", (Text(words), Items((words,))), ()), lambda _: "")
    found = from_markdown(text)
    assert plain("".join(found.words)) == plain(f"t {words} {words}")
    assert set(found.tags) <= {"h1", "p", "ul", "li"}


@given(WORDS)
def test_any_words_survive_a_table_of_markdown(words: str) -> None:
    table = Table.of("a|value", [(words, "1")])
    found = from_markdown(markdown(Page("t", (table,), ()), lambda _: ""))
    assert found.tags.count("td") == 2
    assert plain(words) in plain("".join(found.words))


@given(WORDS)
def test_any_words_survive_html(words: str) -> None:
    found = read(html(Page(words, (Text(words),), ()), lambda _: ""))
    assert [part for part in found.words if part == words or plain(part) == plain(words)]


def test_names_and_links() -> None:
    words = ("see ", Code("a_b|c"), " in ", Link("the page", "docs/x.md"))
    text = Page("t", (Text(words), Table.of("value", [(words,)])), ())
    assert "see `a_b|c` in [the page](docs/x.md)\n" in markdown(text, lambda _: "")
    assert "| see `a_b\\|c` in [the page](docs/x.md) |" in markdown(text, lambda _: "")
    assert '<code>a_b|c</code> in <a href="docs/x.md">the page</a>' in html(text, lambda _: "")
