"""Entries out to CSV and back in."""

from __future__ import annotations

import pytest

from kernel.accounts.actors import SYSTEM
from kernel.errors import Invalid
from oem.catalogue import actions, spreadsheet
from oem.catalogue.models import Part
from oem.catalogue.nouns import BY_KEY, NOUNS

PARTS = BY_KEY["parts"]


def written(noun, entries):
    """The bytes of the file, and how many entries it holds."""
    answer, number = spreadsheet.write(noun, entries)
    content = answer.getvalue()
    answer.file_to_stream.close()
    return content, number


def test_what_goes_out_comes_back_the_same(wall, portal):
    with portal.bound():
        part = Part.objects.get(pk="XH-1001-01")
        actions.change_entry(actor=SYSTEM, entry=part, values={"fits": ["XH-HF"]})
        for noun in NOUNS:
            content, number = written(noun, noun.master._default_manager.all())
            rows = spreadsheet.read(noun, content)
            done = actions.import_entries(actor=SYSTEM, noun=noun, rows=rows)
            assert (done.added, done.changed, done.same) == (0, 0, number), noun.key


def test_a_name_like_a_formula_survives_and_is_harmless(wall, portal):
    with portal.bound():
        part = Part.objects.get(pk="XH-1001-01")
        actions.change_entry(actor=SYSTEM, entry=part, values={"name_en": "=1+1"})
        content, _number = written(PARTS, Part.objects.filter(pk=part.pk))
        assert b"'=1+1" in content
        assert spreadsheet.read(PARTS, content)[0]["name_en"] == "=1+1"


@pytest.mark.parametrize(
    "content",
    [
        b"number,price\nXH-1,5\n",
        "\ufeffnumber,price\r\nXH-1,5\r\n".encode(),
        b"Number;Price\nXH-1;5\n\n;\n",
        b"number\tprice\nXH-1\t5",
    ],
)
def test_files_as_spreadsheets_write_them(content):
    assert spreadsheet.read(PARTS, content) == [{"number": "XH-1", "price": "5"}]


def test_a_chinese_spreadsheet_s_encoding():
    content = "number,name_zh_hans\nXH-1,水泵总成\n".encode("gb18030")
    assert spreadsheet.read(PARTS, content)[0]["name_zh_hans"] == "水泵总成"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"number,price\n",
        b"price\n5\n",
        b"number,colour\nXH-1,red\n",
        b"number,number\nXH-1,XH-2\n",
        b"number,price\nXH-1,5,6\n",
        b'number,price\n"XH-1,5\n',
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"PK\x03\x04\x00\x00",
        b"number\n" + b"x" * spreadsheet.MAX_BYTES,
    ],
)
def test_what_is_no_such_file_is_refused_with_a_reason(content):
    with pytest.raises(Invalid) as caught:
        spreadsheet.read(PARTS, content)
    assert caught.value.fields.keys() == {"file"}
