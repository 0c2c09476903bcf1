"""From the bytes of a request to the text of an ADF document.

Undoes what happens to leads on their way: e-mail envelopes, quoted-printable and base64, HTML escaping, wrong
or missing declarations of the character encoding.
"""

import base64
import binascii
import codecs
import email
import email.policy
import html
import quopri
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message

# The e-mail parser recurses and tries every open boundary on every line: honest mail has few parts.
MAX_MAIL_PARTS = 20

_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']?([A-Za-z0-9._\-]{2,30})""", re.IGNORECASE)
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._\-]{2,30})""", re.IGNORECASE)
_MAIL_HEADER = re.compile(
    rb"\A\s{0,4}(?:From |(?:From|To|Subject|Date|Received|Return-Path|Delivered-To|Message-ID|MIME-Version|"
    rb"Content-Type|Content-Transfer-Encoding|Reply-To|DKIM-Signature|X-[A-Za-z\-]{1,40}):)",
    re.IGNORECASE,
)
_ADF = re.compile(r"<\s?(?:[A-Za-z]{1,20}:)?(?:adf|prospect)[\s>/]|<\?\s?adf\b", re.IGNORECASE)
_ESCAPED_ADF = re.compile(r"&(?:amp;)?(?:lt|#60|#x3c);\s?\??\s?(?:adf|prospect)\b", re.IGNORECASE)
_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp936": "gb18030",
    "x-gbk": "gb18030",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "cp950": "big5hkscs",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
}
# What a declaration may name. Python knows more codecs; some are no character encodings, some are slow.
_EIGHT_BIT = re.compile(
    r"utf-8|gb18030|big5hkscs|cp125\d|cp437|cp850|cp852|iso8859-\d+|koi8-[ru]|euc_(?:kr|jp)|shift_jis|cp932|cp949"
)
_CHINESE_CODECS = ("gb18030", "big5hkscs")
# So many characters tell the encoding of a text.
_SAMPLE = 2_000
_AMONG_LETTERS = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f](?=[A-Za-z<\s])|(?<=[>\s])[^\x00-\x7f](?=[a-z])")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True)
class Decoded:
    """`text` without control characters; `notes` are issue codes in the order they arose."""

    text: str
    notes: tuple[str, ...]


def decode(data: bytes, content_type: str | None) -> Decoded:
    """Text of `data`. Never raises; what cannot be decoded becomes U+FFFD."""
    notes: list[str] = []
    data, charset = _out_of_mail(data, content_type, notes)
    text = _as_text(data, charset, notes)
    text = _out_of_transfer_encoding(text, notes)
    text = _out_of_html(text, notes)
    cleaned = _CONTROL.sub("", text)
    if cleaned != text:
        notes.append("control_characters")
    return Decoded(cleaned, tuple(dict.fromkeys(notes)))


def has_adf(text: str) -> bool:
    """Whether `text` has the beginning of an ADF document."""
    return bool(_ADF.search(text))


# --- e-mail ---------------------------------------------------------------------------------------------------


def _out_of_mail(data: bytes, content_type: str | None, notes: list[str]) -> tuple[bytes, str | None]:
    kind = (content_type or "").split(";")[0].strip().lower()
    charset = _charset_of(content_type)
    is_mail = kind == "message/rfc822" or kind.startswith("multipart/") or bool(_MAIL_HEADER.match(data))
    if not is_mail:
        return data, charset
    if data.lower().count(b"multipart/") + data.count(b"message/rfc822") > MAX_MAIL_PARTS:
        notes.append("mail_too_complex")
        return data, charset
    if kind.startswith("multipart/") and content_type and content_type.isascii() and content_type.isprintable():
        data = b"Content-Type: " + content_type.encode("ascii") + b"\n\n" + data
    try:
        parts = _mail_parts(email.message_from_bytes(data.lstrip(), policy=email.policy.compat32))
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, IndexError):
        # Hostile headers make the standard library's parser fail in many ways; the text is still searched.
        notes.append("mail_too_complex")
        return data, charset
    if not parts:
        return data, charset
    notes.append("mail")
    return next((part for part in parts if _looks_like_adf(part[0])), parts[0])


def _mail_parts(message: Message) -> list[tuple[bytes, str | None]]:
    """Payload and charset of the parts that may hold text, those of XML first."""
    found = []
    for part in message.walk():
        kind = part.get_content_type()
        if part.is_multipart() or not (kind.startswith(("text/", "application/"))):
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes) and payload.strip():
            found.append((not kind.endswith("xml"), payload, _charset_of(str(part.get("Content-Type", "")))))
    return [(payload, charset) for _order, payload, charset in sorted(found, key=lambda part: part[0])]


def _looks_like_adf(payload: bytes) -> bool:
    text = payload.replace(b"\x00", b"").decode("latin-1")
    return has_adf(text) or bool(_ESCAPED_ADF.search(text))


def _charset_of(content_type: str | None) -> str | None:
    match = _CHARSET.search(content_type or "")
    return match[1] if match else None


# --- character encoding ---------------------------------------------------------------------------------------


def _as_text(data: bytes, charset: str | None, notes: list[str]) -> str:
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return _replacing(data[len(mark) :], codec, notes)
    head = data[:64].lstrip()
    if head[1:2] == b"\x00" and head[3:4] == b"\x00" and head[:1] != b"\x00":
        return _replacing(data, "utf-16-le", notes)
    if head[:1] == b"\x00" and head[2:3] == b"\x00" and head[1:2] != b"\x00":
        return _replacing(data, "utf-16-be", notes)
    return _eight_bit(data, charset, notes)


def _eight_bit(data: bytes, charset: str | None, notes: list[str]) -> str:
    if data.isascii():
        return data.decode("ascii")
    match = _DECLARED.search(data[:2048])
    declared = [name for name in (_codec(match[1].decode("ascii")) if match else None, _codec(charset)) if name]
    utf8 = _strictly(data, "utf-8")
    # Two Chinese bytes can pass for one UTF-8 character below U+0800, never for one above.
    if utf8 is not None and (any(c >= "\u0800" for c in utf8) or not set(declared) & set(_CHINESE_CODECS)):
        _note_guess("utf-8", declared, notes)
        return utf8
    codec = _best_codec(data, declared)
    if codec:
        _note_guess(codec, declared, notes)
        return data.decode(codec)
    return _replacing(data, "utf-8", notes)


def _best_codec(data: bytes, declared: list[str]) -> str | None:
    texts = {codec: text for codec in _CHINESE_CODECS if (text := _strictly(data, codec)) is not None}
    common = {codec: _common_share(text, codec) for codec, text in texts.items()}
    best = max(common, key=lambda codec: common[codec], default=None)
    for codec in declared:
        text = _strictly(data, codec)
        if text is None or codec == "utf-8":
            continue
        # A Chinese declaration is believed unless its sister fits much better, a Western one unless the bytes
        # make plain Chinese.
        rival = common[best] if best and best != codec else 0.0
        if rival < (common[codec] + 0.3 if codec in common else 0.6):
            return codec
    if best and common[best] >= 0.5:
        return best
    if _mostly_utf8(data):
        return None
    return "cp1252" if _strictly(data, "cp1252") is not None else None


def _common_share(text: str, codec: str) -> float:
    """Share of the non-ASCII characters that are among the frequent ones of the encoding's own order.

    GB 2312 keeps its 3,755 frequent characters in rows B0-D7, Big5 its 5,401 in A4-C6.
    """
    other = [c for c in text if c > "\x7f"][:_SAMPLE]
    if not other:
        return 0.0
    first, last, plain = (0xB0, 0xD7, "gb2312") if codec == "gb18030" else (0xA4, 0xC6, "big5")
    # A lone character between Latin letters is an accented letter read wrongly ("Fran蔞is").
    hits = -1.5 * len(_AMONG_LETTERS.findall(text[:_SAMPLE]))
    for c in other:
        if c in _EVERYDAY:
            hits += 1.5
            continue
        try:
            lead = c.encode(plain)[0]
        except UnicodeEncodeError:
            continue
        hits += 1.0 if first <= lead <= last else 0.5
    return hits / len(other)


# Everyday characters of names, addresses and car talk, simplified and traditional.
_EVERYDAY = frozenset(
    "的一是不了在人有我他这這中大来來上个個国國到说說们們为為子和你地出道也时時年得就要下以生会會自着去之过過家学學对對可"
    "里裡后後小么麼心多天而能好都没沒日于於起还還发發成事只作当當想看文无無开開手十用主行方又如前所本见見经經头頭面公同三"
    "已老从從动動两兩长長王李张張刘劉陈陳杨楊赵趙黄黃周吴吳徐孙孫胡朱高林何郭马馬罗羅先生女士小姐电電话話手机機号號地址"
    "省市区區县縣路街楼樓车車型款购買购置换換试試驾駕客户戶预預约約联联系繫备備注註明姓名预算购买"
)


def _codec(name: str | None) -> str | None:
    if not name:
        return None
    name = _SUPERSETS.get(name.lower(), name.lower())
    try:
        name = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return name if _EIGHT_BIT.fullmatch(name) else None


def _strictly(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, ValueError):
        return None


def _mostly_utf8(data: bytes) -> bool:
    """True when broken characters are few among the good ones: a cut or damaged UTF-8 text."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return broken * 4 <= sum(c > "\x7f" for c in text)


def _replacing(data: bytes, codec: str, notes: list[str]) -> str:
    text = data.decode(codec, "replace")
    if "\ufffd" in text:
        notes.append("encoding_replaced")
    return text


def _note_guess(codec: str, declared: list[str], notes: list[str]) -> None:
    if (declared and codec not in declared) or (not declared and codec not in ("utf-8", "cp1252")):
        notes.append("encoding_guessed")


# --- wrappings of the text ------------------------------------------------------------------------------------


def _out_of_transfer_encoding(text: str, notes: list[str]) -> str:
    if re.search(r"<[A-Za-z][^<>]{0,200}=3D[\"'A-Za-z0-9]", text) and has_adf(text):
        return _redecoded(text, lambda raw: quopri.decodestring(raw), notes)
    if len(text) > 40 and not has_adf(text) and re.fullmatch(r"[A-Za-z0-9+/=\s]+", text):
        unpacked = _redecoded(text, lambda raw: base64.b64decode(raw, validate=False), notes)
        return unpacked if has_adf(unpacked) else text
    return text


def _redecoded(text: str, undo: Callable[[bytes], bytes], notes: list[str]) -> str:
    try:
        data = undo(text.encode("utf-8"))
    except (binascii.Error, ValueError):
        return text
    notes.append("mail")
    return _as_text(data, None, notes)


def _out_of_html(text: str, notes: list[str]) -> str:
    # Twice: a mail program may escape what a form has escaped already.
    for _round in range(2):
        if has_adf(text) or not _ESCAPED_ADF.search(text):
            return text
        if "escaped" not in notes:
            notes.append("escaped")
        text = re.sub(r"<br\s{0,2}/?>|</(?:p|div|li|tr)>", "\n", text, flags=re.IGNORECASE)
        text = html.unescape(re.sub(r"</?[A-Za-z][^<>]{0,400}>", "", text)).replace("\xa0", " ")
    return text
