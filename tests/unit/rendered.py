"""Markdown as a browser would show it: its elements, its text, the cells of its tables."""

from html.parser import HTMLParser

from markdown_it import MarkdownIt

# Each would be markup in some format.
HOSTILE = [
    "<script>alert(1)</script>",
    "a|b",
    "a\\",
    "**bold**",
    "`code`",
    "[x](javascript:alert(1))",
    "![x](y)",
    "&lt;",
    "a\r\n\n# b",
    "__init__",
    "k_means",
    "0.31* (0.1) [0.2, 0.4]",
    "~~x~~",
    "<!-- x -->",
]


class Seen(HTMLParser):
    """Elements and texts of a page, and the text of each cell of its tables."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.cells: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.cells:
            self.cells[-1] += data if data.strip("\n") else ""

    @property
    def text(self) -> str:
        """The whole text, with one space for each run of spaces."""
        return " ".join("".join(self.texts).split())


def rendered(text: str) -> Seen:
    """Markdown as CommonMark with tables, in which HTML works."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return Seen(parser.render(text))
