import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.automotive import names


@pytest.mark.parametrize(
    ("full", "surname", "given_name"),
    [
        ("王小明", "王", "小明"),
        ("李 雷", "李", "雷"),
        ("欧阳娜娜", "欧阳", "娜娜"),
        ("歐陽修", "歐陽", "修"),
        ("爱新觉罗溥仪", "爱新觉罗", "溥仪"),
        ("司马", "司马", ""),
        ("王", "王", ""),
        ("迪丽热巴·迪力木拉提", "迪力木拉提", "迪丽热巴"),
        ("约翰·史密斯", "史密斯", "约翰"),
        ("John Doe", "Doe", "John"),
        ("Mary Ann Smith", "Smith", "Mary Ann"),
        ("Doe, John", "Doe", "John"),
        ("Ludwig van Beethoven", "van Beethoven", "Ludwig"),
        ("Martin Luther King, Jr.", "King", "Martin Luther"),
        ("Cher", "Cher", ""),
        ("", "", ""),
    ],
)
def test_split(full, surname, given_name):
    name = names.split_name(full)
    assert (name.surname, name.given) == (surname, given_name)


@pytest.mark.parametrize(
    ("full", "surname", "sex"),
    [
        ("王先生", "王", "male"),
        ("欧阳女士", "欧阳", "female"),
        ("李师傅", "李", None),
        ("Mrs. Ann Lee", "Lee", "female"),
    ],
)
def test_honorific_is_no_part_of_the_name(full, surname, sex):
    name = names.split_name(full)
    assert (name.surname, name.sex) == (surname, sex)
    assert name.honorific


@pytest.mark.parametrize("full", ["王小明", "欧阳娜娜", "John Doe", "Mary Ann Smith", "迪丽热巴·迪力木拉提"])
def test_parts_join_to_the_same_name(full):
    assert names.split_name(full).full == full


@pytest.mark.parametrize(
    ("full", "masked"),
    [
        ("王明", "王**"),
        ("王小明", "王**"),
        ("欧阳娜娜", "欧阳**"),
        ("王先生", "王**"),
        ("John Doe", "J*** D**"),
        ("", ""),
    ],
)
def test_mask(full, masked):
    assert names.mask_name(full) == masked


@pytest.mark.parametrize(
    ("full", "reading", "letters"),
    [
        ("王小明", "wang xiaoming", "wxm"),
        ("单雄信", "shan xiongxin", "sxx"),
        ("曾国藩", "zeng guofan", "zgf"),
        ("欧阳娜娜", "ouyang nana", "oynn"),
        ("万俟明", "moqi ming", "mqm"),
        ("尉迟恭", "yuchi gong", "ycg"),
        ("吕布", "lyu bu", "lb"),
        ("陳大文", "chen dawen", "cdw"),
        ("John Doe", "john doe", "jd"),
        ("", "", ""),
    ],
)
def test_reading_and_initials(full, reading, letters):
    assert names.pinyin(full) == reading
    assert names.initials(full) == letters


def test_names_sort_by_reading_across_scripts():
    people = ["张伟", "王芳", "Adams John", "Bob Zhu", "曾明", "陈静"]
    assert sorted(people, key=names.sort_key) == ["陈静", "Adams John", "王芳", "曾明", "张伟", "Bob Zhu"]


def test_equal_readings_have_a_fixed_order():
    assert sorted(["王芳", "汪芳"], key=names.sort_key) == sorted(["汪芳", "王芳"], key=names.sort_key)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_gets_an_answer(text):
    assert isinstance(names.split_name(text).full, str)
    assert isinstance(names.sort_key(text), str)
    assert isinstance(names.initials(text), str)
    assert isinstance(names.mask_name(text), str)
