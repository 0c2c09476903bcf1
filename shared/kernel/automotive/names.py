"""Names of people in Chinese and Latin letters: their parts, their masked form, and how they sort.

Chinese names are surname first, without a space; compound surnames (欧阳, 司马 …) are known. Surnames
that are read otherwise than the same character elsewhere (单 Shàn, 曾 Zēng …) have a table of their own.
"""

import os
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# Names need no phrase dictionary, and it would cost every process 45 MB.
os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")

from pypinyin import Style, lazy_pinyin

_DATA = Path(__file__).parent / "data"
COMPOUND_SURNAMES = frozenset((_DATA / "compound_surnames.txt").read_text(encoding="utf-8").split())
HONORIFICS = {
    "先生": "male",
    "女士": "female",
    "小姐": "female",
    "太太": "female",
    "夫人": "female",
    "师傅": None,
    "師傅": None,
    "老师": None,
    "老師": None,
}
LATIN_HONORIFICS = {"mr": "male", "mrs": "female", "ms": "female", "miss": "female", "dr": None, "prof": None}
LATIN_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md", "esq"})
LATIN_PARTICLES = frozenset({"van", "von", "der", "den", "de", "da", "di", "la", "le", "du", "dos", "al", "bin", "ibn"})
_SURNAME_READINGS = dict(
    line.split(",") for line in (_DATA / "surname_readings.csv").read_text(encoding="utf-8").splitlines()[1:]
)
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f〇々]")
_DOTS = re.compile(r"[·•・‧．]")


@dataclass(frozen=True)
class PersonName:
    """Parts of a full name. `sex` ("male"/"female") only where the honorific says it."""

    surname: str
    given: str
    honorific: str = ""
    sex: str | None = None

    @property
    def full(self) -> str:
        return join_name(self.surname, self.given)


def is_chinese(text: str) -> bool:
    """True when `text` has a Han character."""
    return bool(_HAN.search(text))


def split_name(full: str) -> PersonName:
    """Part a full name. A name of one word is a surname. Never raises; empty text gives empty parts.

    Names with a middle dot (迪丽热巴·迪力木拉提, 约翰·史密斯) end with the family's part.
    """
    full = _clean(full)
    return _split_chinese(full) if is_chinese(full) else _split_latin(full)


def join_name(surname: str, given: str) -> str:
    """The full name as it is written: Chinese surname first without a space, Latin given name first."""
    surname, given = surname.strip(), given.strip()
    if not surname or not given:
        return surname or given
    if is_chinese(surname + given):
        # Four and more characters of a given name are a transliteration, which is written with a dot.
        return f"{given}·{surname}" if len(surname) > 2 and surname not in COMPOUND_SURNAMES else surname + given
    return f"{given} {surname}"


def mask_name(full: str) -> str:
    """What may be shown before a lead is accepted: "王**" (always two stars), "J*** D**"."""
    full = _clean(full)
    if not full:
        return ""
    if is_chinese(full):
        name = _split_chinese(full)
        return f"{name.surname if name.surname in COMPOUND_SURNAMES else full[0]}**"
    return " ".join(word[0] + "*" * (len(word) - 1) for word in full.split(" "))


@lru_cache(maxsize=8192)
def pinyin(full: str) -> str:
    """Reading without tones, in small letters, surname and given name apart: "wang xiaoming"; "" for ""."""
    full = _clean(full)
    if not is_chinese(full):
        return full.casefold()
    name = _split_chinese(full)
    if _DOTS.search(full):
        return " ".join(_read(part) for part in _DOTS.split(full) if part)
    return " ".join(part for part in (_read_surname(name.surname), _read(name.given)) if part)


@lru_cache(maxsize=8192)
def initials(full: str) -> str:
    """First letters for quick search: 王小明 → "wxm", John Doe → "jd"."""
    full = _clean(full)
    if not is_chinese(full):
        return "".join(word[0] for word in full.casefold().split())
    name = _split_chinese(full)
    # A compound surname's reading is one word: its second letter comes from the character itself.
    first = _read_surname(name.surname)[:1] + "".join(_syllables(name.surname[1:], initials_only=True))
    return (first + "".join(_syllables(name.given, initials_only=True))).casefold()


def sort_key(full: str) -> str:
    """Surname first; Chinese names by their reading among Latin ones, equal readings by their characters."""
    full = _clean(full)
    name = split_name(full)
    reading = pinyin(full) if is_chinese(full) else f"{name.surname} {name.given}".casefold()
    return f"{reading} {full}".strip()


def _clean(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip()


def _split_chinese(full: str) -> PersonName:
    honorific = next((h for h in HONORIFICS if full.endswith(h) and len(full) > len(h)), "")
    sex = HONORIFICS.get(honorific)
    name = full[: len(full) - len(honorific)].strip() if honorific else full
    if _DOTS.search(name):
        *before, last = (part.strip() for part in _DOTS.split(name))
        return PersonName(last, "·".join(before), honorific, sex)
    if " " in name:
        surname, given = name.split(" ", 1)
        return PersonName(surname, given.replace(" ", ""), honorific, sex)
    for length in (4, 2):
        if name[:length] in COMPOUND_SURNAMES:
            return PersonName(name[:length], name[length:], honorific, sex)
    return PersonName(name[:1], name[1:], honorific, sex)


def _split_latin(full: str) -> PersonName:
    honorific, sex = "", None
    surname_first = full.split(",", 1) if full.count(",") == 1 else None
    if surname_first and surname_first[1].strip(" .").casefold() not in LATIN_SUFFIXES:
        return PersonName(surname_first[0].strip(), surname_first[1].strip())
    words = full.replace(",", " ").split()
    if len(words) > 1 and words[0].strip(".").casefold() in LATIN_HONORIFICS:
        honorific = words.pop(0)
        sex = LATIN_HONORIFICS[honorific.strip(".").casefold()]
    if len(words) > 2 and words[-1].strip(".").casefold() in LATIN_SUFFIXES:
        words.pop()
    start = max(len(words) - 1, 0)
    while start > 1 and words[start - 1].casefold() in LATIN_PARTICLES:
        start -= 1
    return PersonName(" ".join(words[start:]), " ".join(words[:start]), honorific, sex)


def pinyin_syllables(text: str) -> list[str]:
    """One reading without tone for each Han character of `text`, in small letters."""
    return _syllables(text)


def _read_surname(surname: str) -> str:
    return _SURNAME_READINGS.get(surname) or _read(surname)


def _read(text: str) -> str:
    return "".join(_syllables(text)).casefold()


def _syllables(text: str, *, initials_only: bool = False) -> list[str]:
    syllables = lazy_pinyin(text, style=Style.NORMAL, v_to_u=False, errors="default")
    readings = [
        syllable.replace("v", "yu").replace("ü", "yu") if is_chinese(text) else syllable for syllable in syllables
    ]
    return [reading[:1] for reading in readings] if initials_only else readings
