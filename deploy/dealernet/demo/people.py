"""Invented people: names put together from common characters, telephone numbers of the blocks 000x.

Any likeness to a real person is chance. Addresses are streets that do not exist in districts that do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from kernel.automotive import regions
from kernel.automotive.names import pinyin

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范"
    "汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常"
)
MALE = "伟强磊洋勇军杰涛超明刚平辉鹏飞鑫波斌宇浩凯健俊帆博文昊轩航睿泽晨旭东宁恒远志安毅诚"
FEMALE = "芳娜敏静丽艳娟霞秀燕玲桂莉洁雪琳晶怡婷悦欣雅慧颖佳琪璐萍蕾薇岚月宁馨瑶彤菲"
SECOND = "小晓子文雨嘉思梓家国建海春永德玉云天立一"
COMPANIES = ("启航", "云帆", "联拓", "锦程", "恒润", "瑞丰", "天麓", "华信达", "新域", "博远", "汇川", "东篱")
TRADES = ("科技有限公司", "贸易有限公司", "建筑工程有限公司", "物流有限公司", "咨询有限公司", "餐饮管理有限公司")
STREETS = ("望星路", "银杏大街", "海棠路", "清溪街", "北辰西路", "云栖大道", "桂湖路", "听雨巷", "长汀路", "麦田街")
OCCUPATIONS = ("工程师", "教师", "会计", "销售", "医生", "个体经营", "公务员", "司机", "设计师", "退休", "律师", "护士")
HOBBIES = ("露营", "摄影", "钓鱼", "羽毛球", "自驾游", "烹饪", "跑步", "骑行", "阅读", "登山")
#: First three digits of mobile numbers; 0000 or 0001 follows, so that a demo number is known at a glance.
PREFIXES = ("130", "132", "135", "136", "137", "139", "150", "152", "158", "159", "176", "178", "185", "186", "188")

#: Where the customers of a dealership live: codes of cities, the nearest with the greatest weight.
HOME = {
    "north": {"1101": 72, "1201": 8, "1310": 12, "1306": 4, "1311": 4},
    "east": {"3301": 64, "3306": 10, "3304": 8, "3302": 6, "3101": 6, "3205": 6},
    "south": {"4403": 66, "4413": 12, "4419": 12, "4401": 10},
}
PLATES = {"11": "京", "12": "津", "13": "冀", "33": "浙", "31": "沪", "32": "苏", "44": "粤"}


@dataclass(frozen=True)
class Person:
    """An invented person or company; regions are codes of GB/T 2260, the telephone number is E.164."""

    number: int
    kind: str
    surname: str
    given_name: str
    sex: str
    company_name: str
    phone: str
    email: str
    province: str
    city: str
    district: str
    address: str
    birthday: date | None
    occupation: str
    hobbies: str

    @property
    def name(self) -> str:
        return self.surname + self.given_name

    def fields(self) -> dict[str, Any]:
        """The arguments of `dealer.customers.actions.create_customer`."""
        given: dict[str, Any] = {
            "kind": self.kind,
            "sex": self.sex,
            "phone": self.phone,
            "email": self.email,
            "province": self.province,
            "city": self.city,
            "district": self.district,
            "address": self.address,
        }
        if self.kind == "company":
            return given | {"company_name": self.company_name, "contact_person": self.name}
        return given | {
            "surname": self.surname,
            "given_name": self.given_name,
            "birthday": self.birthday,
            "occupation": self.occupation,
            "hobbies": self.hobbies,
        }


def name_of(rng: Random) -> tuple[str, str, str]:
    """Surname, given name and sex."""
    sex = "male" if rng.random() < 0.58 else "female"
    # The list is in the order of how common they are.
    surname = SURNAMES[min(int(rng.expovariate(1 / 22)), len(SURNAMES) - 1)]
    last = rng.choice(MALE if sex == "male" else FEMALE)
    given = last if rng.random() < 0.3 else rng.choice(SECOND) + last
    return surname, given, sex


def phone_of(number: int) -> str:
    """The mobile number that belongs to a running number below 300,000; each has its own."""
    prefix = PREFIXES[number % len(PREFIXES)]
    # 7919 and 20000 have no common divisor: every running number keeps a number of its own.
    return f"+86{prefix}000{number // len(PREFIXES) * 7919 % 20000:05d}"


def person(rng: Random, *, home: str, number: int, born_before: date) -> Person:
    """The person with a running number of his own, living around a dealership."""
    surname, given, sex = name_of(rng)
    city = rng.choices(list(HOME[home]), weights=list(HOME[home].values()))[0]
    region = regions.find_region(city)
    districts = regions.children(region) if region else []
    company = rng.random() < 0.06
    phone = phone_of(number)
    latin = pinyin(surname + given).replace(" ", "")
    return Person(
        number=number,
        kind="company" if company else "individual",
        surname=surname,
        given_name=given,
        sex=sex,
        company_name=f"{rng.choice(COMPANIES)}{rng.choice(TRADES)}" if company else "",
        phone=phone,
        email=f"{latin}{number}@example.com" if rng.random() < 0.35 else "",
        province=city[:2],
        city=city,
        district=rng.choice(districts).code if districts else "",
        address=f"{rng.choice(STREETS)} {rng.randint(1, 260)} 号" if rng.random() < 0.7 else "",
        birthday=born_before - timedelta(days=rng.randint(22 * 365, 62 * 365)) if rng.random() < 0.6 else None,
        occupation=rng.choice(OCCUPATIONS) if rng.random() < 0.6 else "",
        hobbies=rng.choice(HOBBIES) if rng.random() < 0.5 else "",
    )


def plate_of(rng: Random, province: str, *, electric: bool) -> str:
    """A number plate; those of electric cars have one place more."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    number = f"D{rng.randint(0, 99999):05d}" if electric else f"{rng.choice(letters)}{rng.randint(0, 9999):04d}"
    return f"{PLATES.get(province, '京')}{rng.choice(letters[:8])}{number}"
