"""The documents that leads come in: ADF of several shapes as providers really write it, JSON, and the desk's form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from xml.sax.saxutils import escape

from dealernet.demo.people import Person
from kernel.automotive import regions

WISHES = (
    "想周末到店看车，请先电话联系。",
    "请问现在有什么优惠？置换补贴多少？",
    "关注很久了，想约试驾。",
    "家里准备换车，预算有限，希望能分期。",
    "主要上下班代步，想了解落地价。",
    "有没有现车？颜色最好是白色。",
    "想对比一下两个配置的区别。",
    "公司用车，一次买两台有没有团购价？",
    "二胎家庭，空间要大。",
    "",
)


@dataclass(frozen=True)
class Wish:
    """What somebody wants: names as people write them, codes for forms that offer a choice."""

    person: Person
    brand: str
    series: str
    brand_name: str
    series_name: str
    text: str
    budget: int | None
    channel: str
    interest: str = "buy"
    present: tuple[str, str] = ("", "")


def _name(person: Person, *, parts: bool) -> str:
    if parts:
        return f'<name part="first">{escape(person.given_name)}</name><name part="last">{escape(person.surname)}</name>'
    return f'<name part="full">{escape(person.name)}</name>'


def _address(person: Person) -> str:
    names = [regions.find_region(code) for code in (person.province, person.city, person.district) if code]
    province, city, district = ([one.name if one else "" for one in names] + ["", "", ""])[:3]
    return (
        f'<address type="home"><street line="1">{escape(district + person.address)}</street>'
        f"<city>{escape(city)}</city><regioncode>{escape(province)}</regioncode><country>CN</country></address>"
    )


def _car(wish: Wish, *, year: int | None) -> str:
    trade = ""
    if wish.present[0]:
        trade = (
            f'<vehicle interest="trade-in" status="used"><make>{escape(wish.present[0])}</make>'
            f"<model>{escape(wish.present[1])}</model></vehicle>"
        )
    stamp = f"<year>{year}</year>" if year else ""
    price = f'<price type="asking" currency="CNY">{wish.budget}</price>' if wish.budget else ""
    return (
        f'<vehicle interest="{wish.interest}" status="new">{stamp}<make>{escape(wish.brand_name)}</make>'
        f"<model>{escape(wish.series_name)}</model>{price}</vehicle>{trade}"
    )


def adf(rng: Random, wish: Wish, *, at: datetime, vendor: str = "", number: str = "") -> bytes:
    """One lead as ADF: the maker's own site, a portal of the trade in capitals, a bare e-mail in GBK, an old form."""
    person = wish.person
    shape = rng.choices(("site", "portal", "gbk", "cdata"), weights=(50, 25, 12, 13))[0]
    stamp = at.isoformat(timespec="seconds")
    phone = person.phone.removeprefix("+86")
    mail = f"<email>{person.email}</email>" if person.email else ""
    seller = f"<vendor><vendorname>{escape(vendor)}</vendorname></vendor>"
    if shape == "site":
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<?adf version="1.0"?>\n<adf><prospect>'
            f'<id sequence="1" source="xinghe-site">{number}</id><requestdate>{stamp}</requestdate>'
            f"{_car(wish, year=at.year)}<customer><contact>{_name(person, parts=False)}"
            f'<phone type="cellphone" time="evening" preferredcontact="1">{phone}</phone>{mail}{_address(person)}'
            f"</contact><comments>{escape(wish.text)}</comments></customer>{seller}"
            f"<provider><name>星河官网</name></provider></prospect></adf>"
        ).encode()
    if shape == "portal":
        return (
            f'<?ADF VERSION="1.0"?>\n<?XML VERSION="1.0"?>\n<adf>\n <prospect status="NEW">\n'
            f"  <id>{number}</id>\n  <requestdate>{at:%Y-%m-%dT%H:%M}</requestdate>\n  {_car(wish, year=None)}\n"
            f'  <customer><contact>{_name(person, parts=True)}<phone type="mobile">{phone}</phone>{mail}'
            f"{_address(person)}</contact>\n  <comments>{escape(wish.text)}</comments></customer>\n  {seller}\n"
            f"  <provider><name>车海网</name><service>询价</service></provider>\n </prospect>\n</adf>\n发自车海网"
        ).encode()
    if shape == "gbk":
        return (
            f'<?xml version="1.0" encoding="GB18030"?><adf><prospect><id>{number}</id>'
            f"<requestdate>{stamp}</requestdate>{_car(wish, year=at.year)}<customer><contact>"
            f"{_name(person, parts=False)}<phone>{phone}</phone>{_address(person)}</contact>"
            f"<comments>{escape(wish.text)}</comments></customer>{seller}"
            f"<provider><name>驰讯汽车</name></provider></prospect></adf>"
        ).encode("gb18030")
    return (
        f'<?xml version="1.0"?><?adf version="1.0"?><adf><prospect><id>{number}</id>'
        f"<requestdate>{stamp}</requestdate>{_car(wish, year=None)}<customer><contact>"
        f'{_name(person, parts=False)}<phone type="voice">{phone}</phone>{mail}{_address(person)}</contact>'
        f"<comments><![CDATA[来源: 直播间 <br />备注: {wish.text} <br />编号: {number}]]></comments></customer>"
        f"{seller}<provider><name>星河直播</name></provider></prospect></adf>"
    ).encode()


def unreadable(rng: Random, number: str) -> bytes:
    """What sometimes comes instead of a lead: an answer of a mail server, a table, half a document."""
    return rng.choice(
        (
            f"您好，我想买车，请回电。{number}",
            f"<html><body><h1>502 Bad Gateway</h1><p>{number}</p></body></html>",
            f"姓名;电话;车型\r\n;;\r\n#{number}",
            f'<?xml version="1.0"?><adf><prospect><id>{number}</id><vehicle><make>星河',
        )
    ).encode()


def form(wish: Wish, *, at: datetime) -> dict[str, object]:
    """What the desk types, or another system sends as JSON: the arguments of `oem.leads.actions.take_in_lead`."""
    person = wish.person
    given: dict[str, object] = {
        "name": person.name,
        "phone": person.phone.removeprefix("+86"),
        "email": person.email,
        "brand": wish.brand,
        "series": wish.series,
        "interest": wish.interest,
        "province": person.province,
        "city": person.city,
        "district": person.district,
        "wish_text": wish.text,
        "channel": wish.channel,
        "consent_basis": "consent",
        "consent_text_version": "2026-1",
        "collected_at": at,
    }
    if wish.budget:
        given |= {"budget": wish.budget, "budget_currency": "CNY"}
    return given
