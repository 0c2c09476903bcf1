"""Comments as people and forms write them: HTML made text, and `Key: value` lines read out.

Many senders put the whole form into the comment, one answer a line, in English or Chinese.
"""

import html
import re
import unicodedata

_BREAK = re.compile(r"(?:<br\s{0,5}/?\s{0,5}>|</(?:p|div|li|tr)\s{0,5}>)(?:[ \t]{0,5}\r?\n)?", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,500}>")
_LINE = re.compile(r"\s*[-*•]?\s*([^:：=\n]{1,40}?)\s*[:：]\s*(\S.*)")
MAX_LINES = 200

# What the key of a line means, by its bare form (small letters and Han characters only).
FIELDS = {
    "name": "name", "fullname": "name", "customername": "name", "姓名": "name", "客户姓名": "name", "客戶姓名": "name",
    "联系人": "name", "聯繫人": "name", "聯絡人": "name", "称呼": "name", "稱呼": "name",
    "firstname": "first", "lastname": "last", "surname": "last", "名": "first", "姓": "last", "姓氏": "last",
    "email": "email", "emailaddress": "email", "邮箱": "email", "电子邮箱": "email", "电子邮件": "email",
    "電郵": "email", "電子郵件": "email", "電子信箱": "email",
    "phone": "phone", "telephone": "phone", "phonenumber": "phone", "cell": "phone", "cellphone": "phone",
    "mobile": "phone", "mobilephone": "phone", "daytimephone": "phone", "eveningphone": "phone", "电话": "phone",
    "手机": "phone", "手机号": "phone", "手机号码": "phone", "联系电话": "phone", "電話": "phone", "手機": "phone",
    "手機號碼": "phone", "聯絡電話": "phone", "聯繫電話": "phone",
    "vehicle": "vehicle", "vehicleofinterest": "vehicle", "vehicleinterest": "vehicle", "interestedin": "vehicle",
    "car": "vehicle", "desiredvehicle": "vehicle", "意向车辆": "vehicle", "意向車輛": "vehicle",
    "year": "year", "modelyear": "year", "年款": "year", "年份": "year",
    "make": "make", "brand": "make", "品牌": "make", "意向品牌": "make", "廠牌": "make",
    "model": "model", "车型": "model", "車型": "model", "意向车型": "model", "意向車型": "model", "车系": "model",
    "車系": "model", "意向车系": "model", "意向車系": "model",
    "trim": "trim", "配置": "trim", "款型": "trim",
    "vin": "vin", "车架号": "vin", "車架號": "vin", "车辆识别代号": "vin", "車身號碼": "vin",
    "stock": "stock", "stocknumber": "stock", "stockno": "stock", "库存号": "stock", "庫存號": "stock",
    "mileage": "odometer", "odometer": "odometer", "里程": "odometer", "公里数": "odometer", "里程數": "odometer",
    "price": "price", "budget": "price", "预算": "price", "預算": "price", "购车预算": "price", "購車預算": "price",
    "tradein": "trade_in", "tradeinvehicle": "trade_in", "trade": "trade_in", "currentvehicle": "trade_in",
    "置换": "trade_in", "置换车辆": "trade_in", "置換車輛": "trade_in", "现有车辆": "trade_in", "現有車輛": "trade_in",
    "preferredtime": "preferred_time", "preferredcontacttime": "preferred_time", "besttimetocall": "preferred_time",
    "besttimetocontact": "preferred_time", "contacttime": "preferred_time", "联系时间": "preferred_time",
    "方便联系时间": "preferred_time", "聯絡時間": "preferred_time", "方便聯絡時間": "preferred_time",
    "timeframe": "timeframe", "purchasetimeframe": "timeframe", "购车时间": "timeframe", "購車時間": "timeframe",
    "计划购车时间": "timeframe", "預計購車時間": "timeframe", "预计购车时间": "timeframe",
    "city": "city", "城市": "city", "所在城市": "city", "state": "region", "province": "region", "省份": "region",
    "所在省份": "region", "zip": "postal_code", "zipcode": "postal_code", "postalcode": "postal_code",
    "邮编": "postal_code", "郵遞區號": "postal_code", "address": "street", "地址": "street",
    "dealer": "vendor", "dealership": "vendor", "经销商": "vendor", "意向经销商": "vendor", "經銷商": "vendor",
    "comments": "comments", "comment": "comments", "备注": "comments", "留言": "comments", "備註": "comments",
}  # fmt: skip
_NOTHING = frozenset(
    {"n/a", "na", "none", "null", "undefined", "-", "--", "无", "無", "没有", "沒有", "未填", "未填写", "未填寫"}
)


def as_text(comment: str) -> str:
    """`comment` without HTML: breaks become lines, tags go, entities are resolved, blank lines are joined."""
    text = _TAG.sub("", _BREAK.sub("\n", comment))
    text = html.unescape(text).replace("\xa0", " ")
    lines = (re.sub(r"[ \t\f\v]+", " ", line).strip() for line in re.split(r"\r\n|[\r\n]", text))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def key_values(text: str) -> dict[str, str]:
    """The `Key: value` lines of `text` (from `as_text`), keys as written; of equal keys the first counts."""
    found: dict[str, str] = {}
    for line in text.split("\n")[:MAX_LINES]:
        match = _LINE.fullmatch(line[:1_000])
        # "https://…" and "10:30" are no answers to a question.
        if not match or match[2].startswith("//") or match[1].strip().isdigit():
            continue
        found.setdefault(match[1].strip(), match[2].strip())
    return found


def fields(pairs: dict[str, str]) -> dict[str, str]:
    """The known ones among `pairs`, by field name; answers that mean "none" are left out."""
    known: dict[str, str] = {}
    for key, value in pairs.items():
        name = FIELDS.get(re.sub(r"[\W\d_]", "", unicodedata.normalize("NFKC", key)).casefold())
        if name and value.casefold() not in _NOTHING:
            known.setdefault(name, value)
    return known
