"""China's provinces, cities and districts: found by code or by the names people write.

Codes are those of GB/T 2260: 2 digits for a province, 4 for a city, 6 for a district. Hong Kong, Macao and
Taiwan are province-level regions without cities here. The cities of the four municipalities carry the
municipality's own name ("市辖区" in the source).
"""

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from django.utils.translation import get_language

from kernel.automotive.names import pinyin_syllables

Level = Literal["province", "city", "district"]

DATA = Path(__file__).parent / "data"
_LEVEL_OF_CODE: dict[int, Level] = {2: "province", 4: "city", 6: "district"}
_PEOPLES = (
    "蒙古|回|藏|维吾尔|苗|彝|壮|布依|朝鲜|满|侗|瑶|白|土家|哈尼|哈萨克|傣|黎|傈僳|佤|畲|拉祜|水|东乡|纳西|景颇|柯尔克孜|土|达斡尔|"
    "仫佬|羌|布朗|撒拉|毛南|仡佬|锡伯|阿昌|普米|塔吉克|怒|鄂温克|德昂|保安|裕固|独龙|鄂伦春|各"
)
_AUTONOMOUS = re.compile(
    f"(?:(?:{_PEOPLES})族|蒙古|哈萨克|柯尔克孜|塔吉克|锡伯|维吾尔|达斡尔)*(?:族)?(?:联合)?自治[州县旗]$"
)
_SUFFIX = re.compile("(?:地区|林区|特区|新区|市|区|县|盟|旗)$")
_PLACEHOLDERS = frozenset({"市辖区", "县"})
_NO_CITY = re.compile("直辖县级行政区划$")
_SEPARATORS = re.compile(r"[\s,，、/|>\-·]+")


@dataclass(frozen=True)
class Region:
    """`short` is the name without 省/市/区 …; `english` is empty for districts."""

    code: str
    name: str
    short: str
    level: Level
    english: str = ""

    @property
    def province_code(self) -> str:
        return self.code[:2]

    @property
    def parent(self) -> "Region | None":
        return _by_code().get(self.code[:-2]) if len(self.code) > 2 else None


@dataclass(frozen=True)
class Place:
    """What could be read from a free address; `rest` is the text after the last region found."""

    province: Region | None = None
    city: Region | None = None
    district: Region | None = None
    rest: str = ""


def provinces() -> list[Region]:
    """All 34 province-level regions by code."""
    return [region for region in _by_code().values() if region.level == "province"]


def children(region: Region) -> list[Region]:
    """The next lower level in `region`, by code: cities of a province, districts of a city."""
    return [r for r in _by_code().values() if len(r.code) == len(region.code) + 2 and r.code.startswith(region.code)]


def find_region(text: str, *, level: Level | None = None, within: Region | None = None) -> Region | None:
    """The one region that `text` names: its code, its name with or without 省/市/区, in simplified or
    traditional characters, or the English name of a province or city, in any case.

    A name of several levels means the highest one (吉林: the province; 朝阳: the city in Liaoning). None when
    nothing fits or several regions of that level do (南山区); `level` and `within` narrow the choice.
    """
    key = _key(text)
    if not key:
        return None
    if key.isdigit():
        code = key.removesuffix("0000") if len(key) == 6 else key
        code = code.removesuffix("00") if len(code) == 6 else code
        found = [_by_code()[code]] if code in _by_code() else []
    else:
        found = _by_name().get(key, [])
    found = [
        region
        for region in found
        if (level is None or region.level == level) and (within is None or region.code.startswith(within.code))
    ]
    if not found:
        return None
    highest = [region for region in found if len(region.code) == min(len(r.code) for r in found)]
    full = [region for region in highest if region.name == key]
    choice = full or highest
    return choice[0] if len(choice) == 1 else None


def names_of(*codes: str) -> list[str]:
    """The names of regions in the active language, each once; what is no region stands as it is, "" is left out."""
    chinese = (get_language() or "en").startswith("zh")
    found = [(code, find_region(code)) for code in codes if code]
    return list(
        dict.fromkeys((one.name if chinese else one.english or one.name) if one else text for text, one in found)
    )


def locate(text: str) -> Place:
    """Read province, city and district from the beginning of an address ("广东省深圳市南山区科技园路1号").

    Levels may be missing; what is missing above the lowest found level is filled in from it.
    """
    rest = _SEPARATORS.sub(" ", _simplify(unicodedata.normalize("NFKC", text))).strip()
    found: dict[Level, Region] = {}
    for level in ("province", "city", "district"):
        within = found.get("city") or found.get("province")
        region, rest = _take(rest, level, within)
        if region:
            found[level] = region
            if level == "province":
                rest = _drop_repeated(rest, region)
    lowest = found.get("district") or found.get("city")
    while lowest and lowest.parent:
        lowest = lowest.parent
        if not _NO_CITY.search(lowest.name):
            found.setdefault(lowest.level, lowest)
    return Place(found.get("province"), found.get("city"), found.get("district"), rest)


def _take(text: str, level: Level, within: Region | None) -> tuple[Region | None, str]:
    for length in range(min(len(text), _longest_name()), 1, -1):
        # A house number is no region code.
        region = None if text[:length].strip().isdigit() else find_region(text[:length], level=level, within=within)
        if region:
            return region, text[length:].strip()
    return None, text


def _drop_repeated(text: str, province: Region) -> str:
    for name in (province.name, "市辖区"):
        text = text.removeprefix(name).strip() if province.name.endswith("市") else text
    return text


def _key(text: str) -> str:
    text = _simplify(unicodedata.normalize("NFKC", text)).strip().casefold()
    if text.isascii():
        text = re.sub(r"\b(?:province|city|shi|sheng|municipality|autonomous region)\b", "", text)
        return re.sub(r"[^a-z0-9]", "", text)
    return re.sub(r"\s+", "", text)


def _simplify(text: str) -> str:
    return text.translate(_traditional())


def _short(name: str) -> str:
    for pattern in (_AUTONOMOUS, _SUFFIX):
        short = pattern.sub("", name)
        # 双桥区 is called 双桥, but 城区 is never called 城.
        if short != name and len(short) >= 2 and "自治" not in short:
            return short
    return name


def _english_from_reading(short: str) -> str:
    """Pinyin in one word, with an apostrophe before a later syllable that begins with a vowel (Xi'an)."""
    syllables = pinyin_syllables(short)
    return "".join(s if n == 0 or s[0] not in "aoe" else f"'{s}" for n, s in enumerate(syllables)).capitalize()


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def _traditional() -> dict[int, str]:
    return {ord(row["traditional"]): row["simplified"] for row in _rows("traditional.csv")}


@cache
def _by_code() -> dict[str, Region]:
    names = {row["code"]: row for row in _rows("provinces_en.csv")}
    city_english = {row["short"]: row["english"] for row in _rows("cities_en.csv")}
    regions = []
    for row in _rows("provinces.csv") + _rows("provinces_extra.csv"):
        extra = names[row["code"]]
        regions.append(Region(row["code"], row["name"], extra["short"], "province", extra["english"]))
    province = {region.code: region for region in regions}
    for row in _rows("cities.csv"):
        if row["name"] in _PLACEHOLDERS:
            above = province[row["provinceCode"]]
            regions.append(Region(row["code"], above.name, above.short, "city", above.english))
            continue
        short = _short(row["name"])
        english = city_english.get(short) or _english_from_reading(short)
        regions.append(Region(row["code"], row["name"], short, "city", english))
    regions += [Region(row["code"], row["name"], _short(row["name"]), "district") for row in _rows("areas.csv")]
    return {region.code: region for region in sorted(regions, key=lambda r: r.code)}


@cache
def _by_name() -> dict[str, list[Region]]:
    index: dict[str, list[Region]] = {}
    for region in _by_code().values():
        if _NO_CITY.search(region.name) or (region.name == "市辖区"):
            continue
        # 重庆 has two cities of its own name (districts and counties); the first stands for both.
        if region.level == "city" and region.parent and region.name == region.parent.name and region.code[2:] != "01":
            continue
        keys = {region.name, region.short}
        if region.english:
            keys.add(re.sub(r"[^a-z]", "", region.english.casefold()))
        if region.level == "province" and region.name.endswith("区"):
            keys.add(region.short + "省")
        for key in keys:
            index.setdefault(key.casefold(), []).append(region)
    index.setdefault("hongkongsar", index["hongkong"])
    index.setdefault("macau", index["macao"])
    index.setdefault("xizang", index["tibet"])
    return index


@cache
def _longest_name() -> int:
    return max(len(region.name) for region in _by_code().values())
