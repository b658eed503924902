"""The documentation as data: its fenced blocks, and the commands in them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from workflow.runner import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced block of a document, and the files `NAME.yaml` that the page shows before it."""

    document: str
    language: str
    text: str
    shown: Mapping[str, str]

    @property
    def commands(self) -> list[str]:
        """Commands of an `sh` block, without comments; a backslash joins lines."""
        lines = self.text.replace("\\\n", " ").splitlines()
        bare = [re.sub(r"(^|\s+)#.*", "", line) for line in lines]
        return [" ".join(line.split()) for line in bare if line.strip()]


def blocks() -> Iterator[Block]:
    for path in DOCUMENTS:
        document = str(path.relative_to(ROOT))
        shown: dict[str, str] = {}
        text = path.read_text(encoding="utf-8")
        for language, body in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
            yield Block(document, language, body, shown)
            name = re.match(r"# (\S+\.yaml)\n", body)
            if language == "yaml" and name:
                shown = shown | {name[1]: body}


BLOCKS = list(blocks())
