import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.automotive import regions


def test_all_provinces_have_a_short_and_an_english_name():
    found = regions.provinces()
    assert len(found) == 34
    assert all(region.short and region.english for region in found)
    assert {"香港特别行政区", "澳门特别行政区", "台湾省"} <= {region.name for region in found}


def test_every_city_and_district_has_its_parent():
    cities = [city for province in regions.provinces() for city in regions.children(province)]
    districts = [district for city in cities for district in regions.children(city)]
    assert (len(cities), len(districts)) == (342, 2978)
    assert all(city.parent.level == "province" and city.english for city in cities)
    assert all(district.parent.level == "city" for district in districts)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("北京", "11"),
        ("北京市", "11"),
        ("110000", "11"),
        ("44", "44"),
        ("440300", "4403"),
        ("440305", "440305"),
        ("广东", "44"),
        ("廣東省", "44"),
        ("Guangdong", "44"),
        ("guangdong province", "44"),
        ("内蒙古自治区", "15"),
        ("內蒙古", "15"),
        ("Inner Mongolia", "15"),
        ("广西省", "45"),
        ("臺灣", "71"),
        ("Hong Kong", "81"),
        ("Macau", "82"),
        ("吉林", "22"),
        ("吉林市", "2202"),
        ("海南", "46"),
        ("深圳", "4403"),
        ("Shenzhen City", "4403"),
        ("Xi'an", "6101"),
        ("瀋陽", "2101"),
        ("朝阳", "2113"),
        ("恩施", "4228"),
        ("恩施土家族苗族自治州", "4228"),
        ("徐汇", "310104"),
        (" 浦东 ", "310115"),
    ],
)
def test_find(text, code):
    assert regions.find_region(text).code == code


@pytest.mark.parametrize("text", ["", " ", "南山区", "Suzhou", "999999", "Atlantis", "省"])
def test_unknown_or_ambiguous_is_none(text):
    assert regions.find_region(text) is None


def test_level_and_parent_narrow_the_choice():
    assert regions.find_region("南山", within=regions.find_region("深圳")).code == "440305"
    assert regions.find_region("北京", level="city").code == "1101"
    assert regions.find_region("深圳", within=regions.find_region("北京")) is None


@pytest.mark.parametrize(
    ("address", "names", "rest"),
    [
        ("广东省深圳市南山区科技园路1号", ("广东省", "深圳市", "南山区"), "科技园路1号"),
        ("廣東省深圳市南山區科技園路1號", ("广东省", "深圳市", "南山区"), None),
        ("广东省/深圳市/南山区", ("广东省", "深圳市", "南山区"), ""),
        ("上海市市辖区浦东新区世纪大道1号", ("上海市", "上海市", "浦东新区"), "世纪大道1号"),
        ("北京 朝阳 建国路", ("北京市", "北京市", "朝阳区"), "建国路"),
        ("江苏南京鼓楼区", ("江苏省", "南京市", "鼓楼区"), ""),
        ("南京", ("江苏省", "南京市", None), ""),
        ("河南省济源市", ("河南省", None, "济源市"), ""),
        ("香港九龙", ("香港特别行政区", None, None), "九龙"),
        ("12 Main Street", (None, None, None), "12 Main Street"),
        ("", (None, None, None), ""),
    ],
)
def test_locate(address, names, rest):
    place = regions.locate(address)
    found = tuple(region and region.name for region in (place.province, place.city, place.district))
    assert found == names
    assert rest is None or place.rest == rest


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_gets_an_answer(text):
    regions.find_region(text)
    assert len(regions.locate(text).rest) <= 4 * len(text)


def test_names_of_codes_follow_the_language_and_leave_other_words_alone():
    with translation.override("zh-hans"):
        assert regions.names_of("11", "1101", "110105") == ["北京市", "朝阳区"]
        assert regions.names_of("", "云外城", "") == ["云外城"]
    with translation.override("en"):
        assert regions.names_of("44", "4403", "") == ["Guangdong", "Shenzhen"]
