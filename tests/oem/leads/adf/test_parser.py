import hashlib
from zoneinfo import ZoneInfo

import pytest

from oem.leads import adf
from oem.leads.adf.messages import MESSAGES, UNKNOWN

SHANGHAI = ZoneInfo("Asia/Shanghai")


def _lead(name="王小明", phone="19900000101", vendor="北方示范汽车", model="星越七", email="", extra=""):
    data = f"""<adf><prospect><vehicle><year>2026</year><make>示例</make><model>{model}</model></vehicle>{extra}
    <customer><contact><name>{name}</name><phone>{phone}</phone><email>{email}</email></contact></customer>
    <vendor><vendorname>{vendor}</vendorname></vendor></prospect></adf>"""
    return adf.parse(data.encode(), content_type=None, default_timezone=SHANGHAI).leads[0]


@pytest.mark.parametrize(
    "same",
    [
        {"name": "王 小明"},
        {"phone": "+86 199-0000-0101"},
        {"vendor": " 北方示范汽车 "},
        {"extra": "<requestdate>2026-03-02T09:15:30+08:00</requestdate>"},
        {"extra": "<vehicle interest='trade-in'><make>旧车</make></vehicle>"},
    ],
)
def test_the_same_wish_has_the_same_fingerprint(same):
    assert adf.fingerprint(_lead(**same)) == adf.fingerprint(_lead())


@pytest.mark.parametrize(
    "other",
    [{"name": "李静"}, {"phone": "19900000102"}, {"vendor": "南方"}, {"model": "星越九"}, {"email": "a@example.com"}],
)
def test_another_wish_has_another_fingerprint(other):
    assert adf.fingerprint(_lead(**other)) != adf.fingerprint(_lead())


def test_a_name_alone_is_no_identity():
    assert adf.fingerprint(_lead(phone="")) is None


def test_document_hash_is_of_the_bytes():
    assert adf.document_hash(b"<adf/>") == hashlib.sha256(b"<adf/>").hexdigest()
    assert adf.document_hash(b"<adf/>") != adf.document_hash(b"<adf />")


def test_numbers_without_country_code_follow_address_and_region():
    contact = "<name>A B</name><phone>425-555-0112</phone>"
    american = f"<adf><prospect><customer><contact>{contact}</contact></customer></prospect></adf>".encode()
    in_china = adf.parse(american, content_type=None, default_timezone=SHANGHAI)
    assert in_china.leads[0].customer.phones[0].e164 is None
    assert "no_contact_point" not in {issue.code for issue in in_china.issues}
    in_america = adf.parse(american, content_type=None, default_timezone=SHANGHAI, default_region="US")
    assert in_america.leads[0].customer.phones[0].e164 == "+14255550112"


def test_charset_of_the_request_counts():
    data = "<adf><prospect><customer><contact><name>José Núñez</name></contact></customer></prospect></adf>"
    document = adf.parse(
        data.encode("iso-8859-15"), content_type="text/plain; charset=iso-8859-15", default_timezone=SHANGHAI
    )
    assert document.leads[0].customer.full_name == "José Núñez"


def test_elements_always_stand_above_comments():
    lead = _lead(extra="<comments>姓名: 别人\n手机: 13800138000\n品牌: 别的</comments>")
    assert lead.customer.full_name == "王小明"
    assert [phone.e164 for phone in lead.customer.phones] == ["+8619900000101"]
    assert lead.vehicles[0].make == "示例"
    assert lead.mined == {"姓名": "别人", "手机": "13800138000", "品牌": "别的"}


def test_an_unreadable_prospect_beside_a_good_one_is_said():
    good = "<prospect><customer><contact><name>A</name><email>a@example.com</email></contact></customer></prospect>"
    document = adf.parse(f"<adf>{good}<prospect/></adf>".encode(), content_type=None, default_timezone=SHANGHAI)
    assert len(document.leads) == 1
    assert ("empty_prospect", "prospect[1]") in {(issue.code, issue.path) for issue in document.issues}


def test_every_issue_has_a_sentence():
    assert adf.Issue("doctype").message is MESSAGES["doctype"]
    assert adf.Issue("a code of a later version").message is UNKNOWN


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("François Müller", "cp1252"),
        ("José", "cp1252"),
        ("王小明", "gb18030"),
        ("联通", "gb18030"),
        ("BMW张伟", "gb18030"),
        ("陳雅婷", "big5"),
        ("歐陽修", "big5"),
    ],
)
def test_a_short_name_is_enough_to_tell_the_encoding(name, encoding):
    data = f"<adf><prospect><customer><contact><name>{name}</name></contact></customer></prospect></adf>"
    document = adf.parse(data.encode(encoding), content_type=None, default_timezone=SHANGHAI)
    assert document.leads[0].customer.full_name == name
