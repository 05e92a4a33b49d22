"""What the scanner has to find, in plain Python over strings and lists: slow, short, and written from the standard."""

import re
from dataclasses import dataclass, field
from html.entities import html5
from itertools import takewhile


def names(text: str) -> set[str]:
    return set(text.split())


BLOCK = names(
    """address article aside blockquote body button caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main
    menu nav noscript ol optgroup option p plaintext pre search section select summary table tbody td tfoot
    th thead tr ul audio video canvas svg template iframe textarea xmp br head"""
)
VOID = names("area base br col embed hr img input link meta param source track wbr")
RAW = names("script style textarea title xmp iframe noembed noframes")
SILENT = names("audio video canvas svg template select datalist rt rp")
ENDS_P = BLOCK - names(
    """body br button caption frameset head html iframe legend noscript optgroup option select tbody td textarea
    tfoot th thead tr audio video canvas svg template xmp summary"""
)
ONCE = {"html", "head", "body"}
HEADINGS = {f"h{level}" for level in range(1, 7)}
FENCES = ["table", "td", "th", "caption", "template", "button"]
# A start tag → those it ends, and what shields them.
ENDS = {
    **dict.fromkeys(["li"], (["li"], ["ul", "ol", "menu", "dir", "table", "td", "th", "caption"])),
    **dict.fromkeys(["dd", "dt"], (["dd", "dt"], ["dl", "table", "td", "th", "caption"])),
    **dict.fromkeys(["td", "th"], (["td", "th"], ["table", "tr"])),
    "tr": (["tr"], ["table"]),
    **dict.fromkeys(["thead", "tbody", "tfoot"], (["thead", "tbody", "tfoot"], ["table"])),
    "option": (["option"], ["select", "optgroup"]),
    "optgroup": (["optgroup"], ["select"]),
    **dict.fromkeys(["rt", "rp"], (["rt", "rp"], ["p", "li", "td", "th", "div"])),
    **dict.fromkeys(HEADINGS, (sorted(HEADINGS), [*names("section article div td th li aside header table")])),
}
ATTRIBUTE = re.compile(r"""[\s/]*([^\s/>][^\s/>=]*)(?:\s*=\s*("[^"]*"|'[^']*'|"[^"]*$|'[^']*$|[^\s>]*))?""")
REFERENCE = re.compile(r"&(?:#[xX]([0-9a-fA-F]+);?|#(\d+);?|([a-zA-Z0-9]+;?))")
SPACES = " \t\n\r\f"


@dataclass
class Reference:
    """blocks: (text, tags of the open elements) of a page."""

    page: str
    at: int = 0
    open: list[str] = field(default_factory=list)
    text: str = ""
    blocks: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def run(self) -> list[tuple[str, tuple[str, ...]]]:
        while self.at < len(self.page):
            if not self.markup():
                end = self.page.find("<", self.at + 1)
                end = len(self.page) if end < 0 else end
                self.write(self.page[self.at : end])
                self.at = end
        self.flush()
        return self.blocks

    def markup(self) -> bool:
        rest = self.page[self.at : self.at + 4]
        if re.match(r"<[a-zA-Z]", rest):
            self.start_tag()
        elif re.match(r"</[a-zA-Z]", rest):
            self.end_tag()
        elif rest.startswith("<!--"):
            match = re.compile(r"<!--(?:>|->|.*?--!?>|.*)", re.S).match(self.page, self.at)
            assert match
            self.at = match.end()
        elif re.match(r"<[!?]|</.", rest, re.S):
            end = self.page.find(">", self.at + 2)
            self.at = len(self.page) if end < 0 else end + 1
        else:
            return False
        return True

    def tag(self, at: int) -> tuple[str, dict[str, str], bool]:
        """(name, attributes, whether it ends in />); moves behind the tag."""
        match = re.compile(r"[^\s/>]+").match(self.page, at)
        assert match
        self.at = match.end()
        attributes: dict[str, str] = {}
        while self.at < len(self.page):
            gap = re.compile(r"[\s/]*").match(self.page, self.at)
            assert gap
            self.at = gap.end()
            if self.page[self.at : self.at + 1] == ">":
                self.at += 1
                return match[0].lower(), attributes, self.page[self.at - 2] == "/"
            if self.at == len(self.page):
                break
            found = ATTRIBUTE.match(self.page, self.at)
            assert found
            attributes.setdefault(found[1].lower(), (found[2] or "").strip("\"'"))
            self.at = found.end()
        return match[0].lower(), attributes, False

    def start_tag(self) -> None:
        name = re.compile(r"[^\s/>]+").match(self.page, self.at + 1)[0].lower()
        if name in BLOCK:
            if not (name == "br" and "pre" in self.open):
                self.flush()
                self.imply_ends(name)
        elif name in SILENT:
            self.imply_ends(name)
        name, _, closed = self.tag(self.at + 1)
        if name in RAW:
            self.skip_raw(name)
        elif name in BLOCK | SILENT and name not in VOID | ONCE:
            if not (name in SILENT and closed):
                self.open.append(name)
        elif name == "br" and "pre" in self.open:
            self.text += "" if self.silent() else "\n"

    def skip_raw(self, name: str) -> None:
        match = re.compile(rf"</{name}[\s/>]", re.I).search(self.page, self.at)
        if match:
            end = self.page.find(">", match.start())
            self.at = len(self.page) if end < 0 else end + 1
        elif name in ("script", "style"):
            self.at = len(self.page)

    def end_tag(self) -> None:
        name = re.compile(r"[^\s/>]+").match(self.page, self.at + 2)[0].lower()
        if name in BLOCK:
            self.flush()
        self.tag(self.at + 2)
        if name in BLOCK | SILENT and name not in ONCE:
            names = HEADINGS if name in HEADINGS else {name}
            fence = self.last(["table"] if name in FENCES or name in ENDS else FENCES)
            place = self.last(sorted(names))
            if place >= 0 and place >= fence:
                del self.open[place:]

    def imply_ends(self, name: str) -> None:
        if name in ENDS_P and self.last(["p"]) > self.last(FENCES):
            del self.open[self.last(["p"]) :]
        ended, shields = ENDS.get(name, ([], []))
        shield = self.last(shields)
        for other in ended:
            if self.last([other]) > shield:
                del self.open[self.last([other]) :]

    def last(self, names: list[str]) -> int:
        return max((place for place, name in enumerate(self.open) if name in names), default=-1)

    def silent(self) -> bool:
        return bool(SILENT & set(self.open))

    def write(self, text: str) -> None:
        if not self.silent():
            self.text += REFERENCE.sub(decode, text)

    def flush(self) -> None:
        verbatim = "pre" in self.open or "listing" in self.open
        text = re.sub(r"[\xa0\u3000]", " ", self.text)
        text = re.sub(r"[^\S\n\t ]", "", text) if verbatim else " ".join(text.split())
        if text.strip():
            self.blocks.append((text, tuple(takewhile(lambda name: name not in SILENT, self.open))))
        self.text = ""


def decode(match: re.Match[str]) -> str:
    hexadecimal, number, name = match.groups()
    if name is None:
        code = int(hexadecimal, 16) if hexadecimal else int(number)
        return chr(code)
    if name in html5:
        return html5[name]
    for size in range(len(name), 1, -1):
        if name[:size] in html5:
            return html5[name[:size]] + name[size:]
    return match[0]
