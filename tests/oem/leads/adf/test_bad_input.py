"""Whatever arrives, `parse` answers within a second and raises nothing but TooLarge."""

import base64
import json
import random
import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oem.leads import adf

SHANGHAI = ZoneInfo("Asia/Shanghai")
LIMIT = adf.MAX_BYTES
LEAD = (
    b"<adf><prospect><requestdate>2026-01-05T00:00:00Z</requestdate><customer><contact><name>Invented Person</name>"
    b"<email>invented@example.com</email></contact></customer></prospect></adf>"
)
LAUGHS = (
    b'<!DOCTYPE adf [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><adf><prospect><customer><contact><name>&j;</name><email>a@example.com</email></contact></customer>"
    b"</prospect></adf>"
)
QUADRATIC = (
    b'<!DOCTYPE adf [<!ENTITY a "'
    + b"x" * 50_000
    + b'">]><adf><prospect><customer><contact><name>'
    + b"&a;" * 40_000
    + b"</name></contact></customer></prospect></adf>"
)
NOISE = random.Random(7).randbytes(LIMIT)


def _full(unit, head=b"<adf><prospect>", tail=b""):
    """`unit` as often as it fits between `head` and `tail`."""
    return head + unit * ((LIMIT - len(head) - len(tail)) // len(unit)) + tail


UNREADABLE = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "only nulls": b"\x00" * 1000,
    "random bytes": NOISE,
    "random bytes after a byte order mark": b"\xff\xfe" + NOISE[: LIMIT - 2],
    "html page": b"<!DOCTYPE html><html><head><title>Not found</title></head><body><h1>404</h1></body></html>",
    "json": b'{"lead": {"name": "Invented Person", "phone": "13800138000"}}',
    "plain text": "您好，我想买一辆车，请回电。".encode(),
    "csv": b"name,phone\nInvented Person,13800138000\n",
    "zip": b"PK\x03\x04" + bytes(range(256)),
    "other xml": b"<order><item>1</item></order>",
    "empty adf": b"<adf/>",
    "empty prospect": b"<adf><prospect/></adf>",
    "no end": b"<adf",
    "base64 of nothing": base64.b64encode(b"no lead here " * 20),
    "mail without a lead": b"From: a@example.com\nSubject: hello\nMIME-Version: 1.0\n\nJust a question.\n",
    "external entity": b'<!DOCTYPE adf SYSTEM "file:///etc/passwd"><adf><prospect/></adf>',
}
HOSTILE = {
    "billion laughs": LAUGHS,
    "quadratic": QUADRATIC,
    "external file": b'<!DOCTYPE adf [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + LEAD.replace(b"Invented", b"&x;"),
    "external http": b'<!DOCTYPE adf [<!ENTITY x SYSTEM "http://127.0.0.1:9/">]>' + LEAD.replace(b"Invented", b"&x;"),
    "parameter entity": b'<!DOCTYPE adf [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>' + LEAD,
    "deep nesting": _full(b"<a>"),
    "deep known nesting": _full(b"<customer>"),
    "deep and closed": _full(b"</contact>", b"<adf><prospect>" + b"<contact>" * 12_000),
    "many elements": _full(b"<x/>"),
    "many prospects": _full(b"<prospect><customer><name>A</name></customer></prospect>", b"<adf>", b"</adf>"),
    "many phones": _full(b"<phone>+12065550100</phone>", b"<adf><prospect><customer><contact>"),
    "many attributes": _full(b' a="b"', b"<adf", b">"),
    "many attributes with names": b"<adf "
    + b" ".join(b'a%d="b"' % n for n in range(20_000))
    + b"><prospect><customer><name>A</name></customer></prospect></adf>",
    "huge text": _full(b"x", b"<adf><prospect><customer><contact><name>"),
    "huge comment": _full(b"a: b<br>", b"<adf><prospect><customer><comments>"),
    "huge comment of keys": _full(b"a:\n", b"<adf><prospect><customer><comments>"),
    "huge address": _full("广东省".encode(), b"<adf><prospect><customer><contact><address>"),
    "huge number": _full(b"9", b"<adf><prospect><vehicle><year>"),
    "huge price": _full(b"9", b"<adf><prospect><vehicle><price>"),
    "huge phone": _full(b"1 ", b"<adf><prospect><customer><contact><phone>"),
    "huge email": _full(b"a@", b"<adf><prospect><customer><contact><email>"),
    "huge attribute name": _full(b"a", b"<adf "),
    "only openings": _full(b"<"),
    "open tags": _full(b"<a "),
    "open quotes": _full(b'<a b="', b"<adf>"),
    "open quotes without tags": _full(b'"', b"<adf b="),
    "open comments": _full(b"<!--"),
    "open cdata": _full(b"<![CDATA["),
    "open declarations": _full(b"<!"),
    "open instructions": _full(b"<?"),
    "closing tags": _full(b"</a>"),
    "ampersands": _full(b"&"),
    "entities": _full(b"&lt;"),
    "escaped twice": _full(b"&amp;lt;adf"),
    "unfinished escapes": _full(b"&lt;adf<", b""),
    "number entities": _full(b"&#1114112;&#0;&#xD800;"),
    "null bytes": LEAD.replace(b"Invented", b"In\x00ven\x00ted"),
    "nulls between": b"\x00".join(LEAD[n : n + 1] for n in range(len(LEAD))),
    "half a character": LEAD.replace(b"Invented", "王".encode()[:2]),
    "byte soup in a name": LEAD.replace(b"Invented", NOISE[:2000].replace(b"<", b"")),
    "two-byte soup": _full(b"\xb0\xa1", b"<adf><prospect><customer><name>"),
    "invalid two-byte soup": _full(b"\x81\x30\x81", b"<adf><prospect><customer><name>"),
    "unknown encoding": b'<?xml version="1.0" encoding="klingon"?>' + LEAD.replace(b"Invented", b"\xfc"),
    "encoding that is none": b'<?xml version="1.0" encoding="rot13"?>' + LEAD.replace(b"Invented", b"\xfc"),
    "wrong wide encoding": b'<?xml version="1.0" encoding="UTF-32"?>' + LEAD.replace(b"Invented", b"\xfc"),
    "nested mail": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(LIMIT // 60)
    )[:LIMIT],
    "mail of many parts": _full(
        b"\n--b\nContent-Type: text/plain\n\nx", b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
    ),
    "mail with hostile headers": b"Content-Type: text/plain; charset*=''\xff; name*0*=x\nFrom: \xff\n\n" + LEAD,
    "mail with header flood": _full(b"X-A: b\n", b"From: a\n"),
    "mail of unknown charset": b"MIME-Version: 1.0\nContent-Type: text/plain; charset=klingon\n\n" + LEAD,
    "quoted-printable soup": _full(b"=3D=", b'<adf a=3D"b">'),
    "equal signs": _full(b"=", b"<adf a"),
    "zero width": _full("\u200b".encode(), b"<adf><prospect><customer><name>"),
    "dates": _full(b"<requestdate>99999999T999999Z</requestdate>", b"<adf><prospect>"),
}
CORPUS = UNREADABLE | HOSTILE


@pytest.mark.parametrize("name", CORPUS)
def test_bad_input_is_answered_within_a_second(name):
    data = CORPUS[name]
    assert len(data) <= LIMIT
    begun = time.process_time()  # of this process alone, whatever else the machine does
    document = adf.parse(data, content_type=None, default_timezone=SHANGHAI)
    elapsed = time.process_time() - begun
    assert elapsed < 1
    assert document.readable is bool(document.leads)
    assert len(document.issues) <= 200
    assert "\x00" not in json.dumps(document.to_json(), ensure_ascii=False)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_holds_no_lead_says_why(name):
    document = adf.parse(UNREADABLE[name], content_type=None, default_timezone=SHANGHAI)
    assert not document.readable
    assert document.leads == []
    assert {issue.code for issue in document.issues} & {"empty", "no_adf", "no_prospect"}
    assert any(issue.severity == "error" for issue in document.issues)


@pytest.mark.parametrize("name", ["billion laughs", "external file", "external http", "parameter entity"])
def test_entities_are_never_expanded_and_the_rest_is_kept(name):
    document = adf.parse(HOSTILE[name], content_type=None, default_timezone=SHANGHAI)
    assert "doctype" in {issue.code for issue in document.issues}
    assert document.leads[0].customer.emails[0].address in ("invented@example.com", "a@example.com")
    text = json.dumps(document.to_json())
    assert "root:" not in text
    assert "haha" not in text


def test_nulls_inside_values_are_removed():
    document = adf.parse(HOSTILE["null bytes"], content_type=None, default_timezone=SHANGHAI)
    assert document.leads[0].customer.full_name == "Invented Person"
    assert "control_characters" in {issue.code for issue in document.issues}


def test_one_byte_too_many_is_refused():
    with pytest.raises(adf.TooLarge) as refused:
        adf.parse(b"x" * (LIMIT + 1), content_type=None, default_timezone=SHANGHAI)
    assert (refused.value.size, refused.value.limit) == (LIMIT + 1, LIMIT)


def test_long_values_are_cut_and_said():
    document = adf.parse(HOSTILE["huge text"], content_type=None, default_timezone=SHANGHAI)
    assert len(document.leads[0].customer.full_name) == 500
    assert {"value_cut", "truncated"} <= {issue.code for issue in document.issues}


@pytest.mark.parametrize(
    ("name", "code"),
    [("deep nesting", "too_deep"), ("many elements", "too_many_elements"), ("many prospects", "too_many_elements")],
)
def test_limits_are_said(name, code):
    document = adf.parse(HOSTILE[name], content_type=None, default_timezone=SHANGHAI)
    assert code in {issue.code for issue in document.issues}


@pytest.mark.parametrize("cut", range(0, len(LEAD), 7))
def test_any_prefix_of_a_lead_is_answered(cut):
    document = adf.parse(LEAD[:cut], content_type="application/x-adf+xml", default_timezone=SHANGHAI)
    assert document.readable is bool(document.leads)


CONTENT_TYPES = st.sampled_from(
    [
        None,
        "",
        "text/plain",
        "text/plain; charset=gbk",
        "message/rfc822",
        "multipart/mixed; boundary=b",
        "\x00;charset=",
    ]
)
PIECES = st.lists(
    st.sampled_from(
        [
            b"<adf>", b"</adf>", b"<prospect>", b"</prospect>", b"<customer>", b"<contact>", b"<name part=first>",
            b"<phone>", b"138", b"<vehicle interest='x'>", b"<year>", b"20", b"<price currency=\"usd\">", b"<comments>",
            b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<!DOCTYPE x [", b"<!ENTITY a \"b\">", b"]>", b"&a;", b"&#xD800;",
            b"&lt;adf&gt;", b"<br/>", "姓名：王".encode(), "姓名：王".encode("gbk"), b"=3D\"", b"=\n", b"\x00", b"\xff",
            b"MIME-Version: 1.0\n", b"Content-Type: multipart/mixed; boundary=b\n", b"\n\n--b\n", b"<requestdate>",
            b"2026-02-30T25:61:00+99:99", b"\"", b"'", b">", b"<", b"/", b"<address>",
            b"<id sequence=99999999999999999>",
        ]
    )
    | st.binary(max_size=12),
    max_size=60,
)  # fmt: skip


@settings(deadline=None)
@given(st.binary(max_size=2_000), CONTENT_TYPES)
def test_any_bytes(data, content_type):
    document = adf.parse(data, content_type=content_type, default_timezone=SHANGHAI)
    assert document.readable is bool(document.leads)


@settings(deadline=None)
@given(PIECES, CONTENT_TYPES)
def test_any_mixture_of_pieces(pieces, content_type):
    document = adf.parse(b"".join(pieces), content_type=content_type, default_timezone=SHANGHAI)
    assert document.readable is bool(document.leads)
    assert all(adf.fingerprint(lead) is None or len(adf.fingerprint(lead)) == 64 for lead in document.leads)
    json.dumps(document.to_json(), ensure_ascii=False).encode()
