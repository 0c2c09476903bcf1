"""Printed pages hold the text they were given, in every script, and nothing that a person typed becomes markup."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.utils import timezone
from django.utils.translation import gettext_lazy
from pypdf import PdfReader

from kernel import printing

ROOT = Path(printing.__file__).parents[3]
AT = datetime(2026, 3, 1, 17, 30, 12, 345, tzinfo=UTC)
MARKUP = '王 #eval("1+1") *x* _y_ $a^2$ <lab> @ref `raw` [b] = h // c \\ #read("/paper.typ") {{ x }}'


@pytest.fixture
def template(tmp_path, monkeypatch):
    """An app's template, written here; returns its name."""

    def write(body, name="page"):
        folder = tmp_path / "printing"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.typ").write_text('#import "/paper.typ": *\n#show: paper\n' + body, encoding="utf-8")
        return f"ui/{name}"

    monkeypatch.setattr(apps.get_app_config("ui"), "path", str(tmp_path))
    return write


def printed(name, data, **options):
    given = {"title": "Title", "issuer": "North Star", "at": AT, **options}
    return printing.render(name, data, **given)


def reader_of(pdf):
    return PdfReader(io.BytesIO(pdf))


def text_of(pdf):
    """All text of a PDF, without spaces and line ends, for lines break where they must."""
    return re.sub(r"\s+", "", "".join(page.extract_text() for page in reader_of(pdf).pages))


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh-hans", "个人信息处理同意书，您可以随时撤回。"),
        ("zh-hant", "個人資料處理同意書，您可以隨時撤回。"),
        ("en", "You may withdraw at any time."),
    ],
)
def test_the_words_can_be_selected_in_every_language(template, language, words):
    pdf = printed(template("#data.words *#data.words*"), {"words": words}, language=language)
    assert text_of(pdf).count(re.sub(r"\s", "", words)) == 2


def test_what_a_person_typed_is_shown_letter_by_letter(template):
    name = template("#facts(((data.name, data.name),))\n#rows-of((data.name,), ((data.name,),))\n#quoted(data.name)")
    found = text_of(printed(name, {"name": MARKUP}, title=MARKUP, issuer=MARKUP))
    # twice in facts, twice in the table, once quoted, once in the heading, once at the foot
    assert found.count(re.sub(r"\s+", "", MARKUP)) == 7


def test_the_foot_of_every_page_names_the_issuer_the_day_and_the_page(template):
    name = template("one #pagebreak() two #pagebreak() three")
    with timezone.override("Asia/Shanghai"):
        pages = reader_of(printed(name, {}, issuer="北城星河", language="zh-hans")).pages
    # 17:30 on 1 March in Greenwich is 2 March in Shanghai
    foots = [re.sub(r"\s+", "", page.extract_text()) for page in pages]
    assert [foot.endswith(f"北城星河2026-03-02{n}/3") for n, foot in enumerate(foots, 1)] == [True] * 3


def test_a_page_is_an_archive_file_with_its_title_and_language(template):
    pdf = printed(template("text"), {}, title=gettext_lazy("Title"))
    metadata = reader_of(pdf).trailer["/Root"]["/Metadata"].get_data().decode()
    assert re.search(r"pdfaid:part\W+2\b", metadata)
    assert re.search(r"pdfaid:conformance\W+B\b", metadata)
    assert reader_of(pdf).metadata.title == "Title"


def test_the_same_page_is_the_same_file(template):
    name = template("#data.a")
    assert printed(name, {"a": "x"}) == printed(name, {"a": "x"})
    assert printed(name, {"a": "x"}) != printed(name, {"a": "y"})


def test_a_character_that_the_font_lacks_keeps_no_page_from_being_printed(template):
    assert "陈" in text_of(printed(template("#data.name"), {"name": "陈😀سلام"}))


def test_characters_without_a_shape_are_left_out(template):
    assert "abcd□" in text_of(printed(template("#data.name"), {"name": "a\x00b\u202ec\x1bd\ud83d"}))


def test_a_signature_is_drawn_from_its_strokes(template):
    name = template("#strokes(data.lines, 600, 200)")
    blank, signed = printed(name, {"lines": []}), printed(name, {"lines": [[[1, 1], [300, 90]], [[5, 5]]]})
    assert len(signed) > len(blank)


def test_data_without_an_obvious_form_is_refused(template):
    with pytest.raises(TypeError, match="datetime"):
        printed(template("#data.at"), {"at": [AT]})


@pytest.mark.parametrize("name", ["ui/missing", "nobody/page", "ui/../page"])
def test_a_template_that_is_not_there_is_named(template, name):
    with pytest.raises(printing.PrintingError, match="there is no template"):
        printed(name, {})


def test_a_wrong_template_says_where(template):
    with pytest.raises(printing.PrintingError, match="ui/wrong"):
        printed(template("#nonsense", "wrong"), {})


def test_no_template_reads_anything_but_its_paper_and_its_data():
    folders = [Path(app.path) for app in apps.get_app_configs() if ROOT in Path(app.path).parents]
    sources = [Path(printing.__file__).parent / "paper.typ"]
    sources += [path for folder in folders for path in folder.glob("printing/*.typ")]
    for source in sources:
        text = re.sub(r"//.*", "", source.read_text(encoding="utf-8"))
        assert set(re.findall(r'import\s+"([^"]+)"', text)) <= {"/paper.typ"}, source
        assert not re.search(r"\b(eval|read|plugin|include|image|yaml|csv|xml|toml|cbor)\s*\(", text), source
        assert "sys.inputs" not in text or source.name == "paper.typ"
