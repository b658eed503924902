"""Names of clips, classes, groups and speakers in Markdown, HTML, LaTeX and csv.

A name is any text that a corpus has. In each format it must show as it is and do nothing else.
"""

import html as standard
import re

# Only what would be taken for markup, so that numbers such as ``0.31* [0.2, 0.4]`` stay readable:
# an underscore between letters and a star before a space start nothing.
MARKDOWN = re.compile(
    r"[\\`~$#|]|\*(?!\s|$|°)|(?<![^\W_])_|_(?![^\W_])|\[(?![-+\d])|\](?=[(\[:])|!(?=\[)"
)
MARKUP = re.compile(r"<(?=[A-Za-z/!?])|&(?=[A-Za-z#])|^\s*>")  # elements, entities, quotations
LATEX = str.maketrans(
    {character: rf"\{character}" for character in "_%&#${}"}
    | {"^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "\\": r"\textbackslash{}"}
)
FORMULA = re.compile(r"[=+\-@\t\r']")


def one_line(text: str) -> str:
    """Text without control characters and line breaks, each of which becomes a space.

    So do the two characters that XML can't hold besides.
    """
    others = "\x7f\u0085\u2028\u2029\ufffe\uffff"
    return "".join(" " if c in others or ord(c) < 32 else c for c in text)


def markdown(text: str) -> str:
    """Text within a line or a cell of a table of Markdown."""
    plain = MARKUP.sub(lambda found: standard.escape(found[0]), one_line(text))
    return MARKDOWN.sub(r"\\\g<0>", plain)


def html(text: str) -> str:
    """Text within an element or a quoted attribute of HTML."""
    return standard.escape(text)


def latex(text: str) -> str:
    """Text within a cell of a LaTeX table."""
    plain = one_line(text).translate(LATEX)
    # After the end of a row, a star or a bracket would be its option.
    return f"{{{plain[0]}}}{plain[1:]}" if plain[:1] in ("*", "[") else plain


def csv(text: str) -> str:
    """Text of a csv that people open: a spreadsheet runs a leading ``=``, ``+``, ``-``, ``@``.

    The apostrophe in front of it tells the program that this is text.
    """
    return f"'{text}" if FORMULA.match(text) else text


def csv_content(text: str) -> str:
    """The text that :func:`csv` was given."""
    return text.removeprefix("'")
