"""XML to a plain tree of elements: first strictly, then as browsers read HTML.

Both readers stop at the same limits, and neither ever expands what a DOCTYPE declares.
"""

import html.entities
import re
from dataclasses import dataclass, field

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

MAX_DEPTH = 32
MAX_ELEMENTS = 2_000

# Elements without children: an unclosed one ends where the next known element begins.
LEAVES = frozenset(
    "id requestdate year make model vin stock trim doors bodystyle transmission odometer condition interiorcolor "
    "exteriorcolor preference imagetag price pricecomments optionname manufacturercode weighting method amount "
    "balance name email phone street apartment city regioncode postalcode country description earliestdate "
    "latestdate vendorname url service".split()
)
CONTAINERS = frozenset(
    "adf prospect vehicle colorcombination option finance customer contact address timeframe vendor provider".split()
)
TEXT_ELEMENTS = frozenset({"comments", "comment"})
HTML_VOID = frozenset({"br", "hr", "img", "wbr"})
_HTML_BREAKS = frozenset({"br", "p", "div", "li", "tr", "hr"})


@dataclass
class Node:
    """An element. `tag` is the bare name in small letters, without prefix, blank, hyphen and underscore;
    `raw_tag` as written. `attributes` by bare name. `parts` keeps text and children in their order."""

    tag: str
    raw_tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    parts: "list[str | Node]" = field(default_factory=list)

    @property
    def children(self) -> "list[Node]":
        return [part for part in self.parts if isinstance(part, Node)]

    @property
    def own_text(self) -> str:
        return "".join(part for part in self.parts if isinstance(part, str)).strip()

    @property
    def text(self) -> str:
        """All text inside, with line breaks where HTML has them. Depth is bounded by `MAX_DEPTH`."""
        pieces = []
        for part in self.parts:
            if isinstance(part, str):
                pieces.append(part)
            elif part.tag in _HTML_BREAKS:
                pieces.append(f"{part.text}\n" if part.text else "\n")
            else:
                pieces.append(part.text)
        return "".join(pieces).strip()


@dataclass(frozen=True)
class Tree:
    """`roots` in document order; `notes` are issue codes."""

    roots: tuple[Node, ...]
    notes: tuple[str, ...]


def read_tree(text: str) -> Tree:
    """The elements of the ADF document in `text`, which may stand among other text. Never raises."""
    document, around = _cut_out(text)
    if not document:
        return Tree((), ("no_adf",))
    notes = ["text_around"] if around else []
    try:
        root = _read_strictly(document)
    except DefusedXmlException:
        notes.append("doctype")
    except (ParseError, _LimitReached, ValueError):
        pass
    else:
        return Tree((root,), tuple(notes))
    reader = _TolerantReader(document)
    reader.read()
    if "doctype" not in notes and not reader.notes & {"too_deep", "too_many_elements"}:
        notes.append("not_well_formed")
    return Tree(tuple(reader.roots), (*notes, *sorted(reader.notes - set(notes))))


def bare(name: str) -> str:
    """The name for comparison: "{urn:x}Email_Address" and "p:email-address" are both "emailaddress"."""
    return re.sub(r"[\s_.\-]", "", name.rpartition("}")[2].rpartition(":")[2]).lower()


# --- finding the document -------------------------------------------------------------------------------------

_BEGIN = re.compile(
    r"<\?\s?(?:xml|adf)\b|<!DOCTYPE\s(?!\s{0,20}html)|<(?:[A-Za-z]{1,20}:)?(?:adf|prospect)(?=[\s>/])", re.IGNORECASE
)
_ROOT = re.compile(r"<(?:[A-Za-z]{1,20}:)?(adf|prospect)(?=[\s>/])", re.IGNORECASE)
_END = re.compile(r"</(?:[A-Za-z]{1,20}:)?(?:adf|prospect)\s{0,20}>", re.IGNORECASE)


def _cut_out(text: str) -> tuple[str, bool]:
    root = _ROOT.search(text)
    if not root:
        return "", False
    begin = _BEGIN.search(text)
    start = min(begin.start() if begin else root.start(), root.start())
    ends = [match.end() for match in _END.finditer(text, root.start())]
    end = ends[-1] if ends else len(text)
    around = bool(text[:start].strip() or text[end:].strip())
    return text[start:end], around


# --- strict ---------------------------------------------------------------------------------------------------


class _LimitReached(Exception):
    """The document is deeper or larger than we read."""


class _Builder:
    """Target of the parser: builds `Node`s and stops at the limits."""

    def __init__(self) -> None:
        self.stack: list[Node] = []
        self.root: Node | None = None
        self.count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MAX_ELEMENTS or len(self.stack) >= MAX_DEPTH:
            raise _LimitReached
        node = _node(tag.rpartition("}")[2], attributes)
        if self.stack:
            self.stack[-1].parts.append(node)
        else:
            self.root = node
        self.stack.append(node)

    def end(self, _tag: str) -> None:
        self.stack.pop()

    def data(self, text: str) -> None:
        if self.stack:
            self.stack[-1].parts.append(text)

    def close(self) -> Node:
        if self.root is None:
            raise ParseError("no element")
        return self.root


def _read_strictly(document: str) -> Node:
    # The bytes are decoded already; what the declaration says of them no longer holds, and XML 1.1 is no reason
    # to give up.
    document = re.sub(r"\A\s*<\?xml\s[^<>]{0,200}\?>", "", document)
    parser = DefusedXMLParser(target=_Builder(), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    parser.feed(document)
    return parser.close()


def _node(raw_tag: str, attributes: dict[str, str]) -> Node:
    return Node(bare(raw_tag), raw_tag[:60], {bare(key): value.strip() for key, value in attributes.items()})


# --- tolerant -------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"<(?:(?P<comment>!--)|(?P<cdata>!\[CDATA\[)|(?P<doctype>!)|(?P<pi>\?)|(?P<close>/)|(?=[A-Za-z_]))")
# Possessive throughout, so that a wrong tag costs no more than its own length.
_START = re.compile(r"""([A-Za-z_][\w:.\-]*+)((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>""")
_CARELESS_START = re.compile(r"([A-Za-z_][\w:.\-]*+)([^<>]*+)>")
_CLOSE = re.compile(r"\s*+([A-Za-z_][\w:.\-]*+)[^<>]*+>")
_ATTRIBUTE = re.compile(r"""([A-Za-z_][\w:.\-]*+)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|["']?([^\s"'>]++))""")
_ENTITY = re.compile(r"&(#\d{1,8}|#[xX][0-9a-fA-F]{1,7}|[A-Za-z][A-Za-z0-9_.\-]{0,40});")
_DECLARED_ENTITY = re.compile(r"<!ENTITY\s+(?:%\s+)?([\w.\-]{1,60})", re.IGNORECASE)


class _TolerantReader:
    """One pass over the text; unclosed, wrongly closed and unquoted things are read as they were meant."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.roots: list[Node] = []
        self.stack: list[Node] = []
        self.notes: set[str] = set()
        self.entities: set[str] = set()
        self.count = 0
        # Elements below the depth limit are skipped; this many of them are open.
        self.too_deep = 0
        # Mark → position from which on the text does not have it.
        self.missing_from: dict[str, int] = {}

    def read(self) -> None:
        position = 0
        while position < len(self.text):
            token = _TOKEN.search(self.text, position)
            if not token:
                self._text(self.text[position:])
                break
            self._text(self.text[position : token.start()])
            position = self._markup(token)
            if self.count > MAX_ELEMENTS:
                self.notes.add("too_many_elements")
                return
        if any(node.tag not in HTML_VOID for node in self.stack):
            self.notes.add("truncated")

    def _markup(self, token: re.Match[str]) -> int:
        """Handle the markup that begins at `token`; the position after it."""
        at = token.end()
        if token["comment"]:
            # Without an end only the mark is skipped: what follows may be the lead.
            return self._end_of_mark("-->", at) or at
        if token["cdata"]:
            end = self._end_of_mark("]]>", at)
            self._text(self.text[at : end - 3 if end else len(self.text)], literal=True)
            return end or len(self.text)
        if token["doctype"] and not self.stack:
            return self._doctype(at)
        if token["pi"] or token["doctype"]:
            return self._end_of_mark(">", at) or len(self.text)
        if token["close"]:
            return self._close(at)
        return self._open(at)

    def _end_of_mark(self, mark: str, at: int) -> int:
        """The position after the next `mark`, 0 when there is none; asked but once for a mark that is missing."""
        if at >= self.missing_from.get(mark, len(self.text)):
            return 0
        end = self.text.find(mark, at)
        if end < 0:
            self.missing_from[mark] = at
            return 0
        return end + len(mark)

    def _doctype(self, at: int) -> int:
        self.notes.add("doctype")
        root = _ROOT.search(self.text, at)
        # Everything up to the document's own element belongs to the declaration.
        end = root.start() if root else len(self.text)
        self.entities.update(_DECLARED_ENTITY.findall(self.text[at - 2 : end]))
        return end

    def _open(self, at: int) -> int:
        match = _START.match(self.text, at) or _CARELESS_START.match(self.text, at)
        if not match:
            # "<3" or a tag that the end cut off: text, or nothing.
            end = self.text.find("<", at)
            if end < 0:
                self.notes.add("truncated")
                return len(self.text)
            self._text(self.text[at - 1 : end])
            return end
        self.count += 1
        attributes: dict[str, str] = {}
        for name, double, single, plain in _ATTRIBUTE.findall(match[2].removesuffix("/")):
            attributes.setdefault(name, self._unescape(double or single or plain))
        closed = match[2].endswith("/")
        self._push(_node(match[1], attributes), closed=closed)
        return match.end()

    def _push(self, node: Node, *, closed: bool) -> None:
        known = node.tag in LEAVES or node.tag in CONTAINERS or node.tag in TEXT_ELEMENTS
        while self.stack and known and self.stack[-1].tag in LEAVES and not self.too_deep:
            self.stack.pop()
        closed = closed or node.tag in HTML_VOID
        if self.too_deep or len(self.stack) >= MAX_DEPTH:
            self.notes.add("too_deep")
            self.too_deep += not closed
            return
        (self.stack[-1].parts if self.stack else self.roots).append(node)
        if not closed:
            self.stack.append(node)

    def _close(self, at: int) -> int:
        match = _CLOSE.match(self.text, at)
        if not match:
            return at
        if self.too_deep:
            self.too_deep -= 1
            return match.end()
        tag = bare(match[1])
        for depth in range(len(self.stack) - 1, -1, -1):
            if self.stack[depth].tag == tag:
                del self.stack[depth:]
                break
        return match.end()

    def _text(self, text: str, *, literal: bool = False) -> None:
        if text and self.stack and not self.too_deep:
            self.stack[-1].parts.append(text if literal else self._unescape(text))

    def _unescape(self, text: str) -> str:
        return _ENTITY.sub(self._entity, text) if "&" in text else text

    def _entity(self, match: re.Match[str]) -> str:
        name = match[1]
        if name[0] == "#":
            code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
            allowed = (
                code in (9, 10, 13) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0xFFFF < code < 0x110000
            )
            return chr(code) if allowed else ""
        if name in self.entities:
            self.notes.add("entity_removed")
            return ""
        return html.entities.html5.get(f"{name};", match[0])
