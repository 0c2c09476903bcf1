from datetime import date

import pytest

from kernel.automotive.qualification import KEYS, Item, is_qualified, missing_items

COMPLETE = {
    "sales_consultant": "周敏",
    "customer_type": "first_time_buyer",
    "customer_source": "showroom_visit",
    "party_kind": "individual",
    "sex": "female",
    "surname": "王",
    "phone": "+8613800138000",
    "present_brand": "某品牌",
    "present_model": "某车型",
    "intended_on": date(2026, 8, 1),
    "wanted_series": "A3",
    "wanted_model": "A3 旅行版",
    "contact_result": "试驾后很满意",
    "next_contact_plan": "周五电话",
}


def test_there_are_eleven_items_and_each_has_keys():
    assert len(Item) == 11
    assert set(KEYS) == set(Item)


def test_all_eleven_items_qualify():
    assert missing_items(COMPLETE) == []
    assert is_qualified(COMPLETE)


@pytest.mark.parametrize(("item", "key"), [(item, key) for item, keys in KEYS.items() for key in keys])
@pytest.mark.parametrize("empty", [None, "", "  ", "unknown", [], {}])
def test_each_item_is_missed(item, key, empty):
    assert missing_items(COMPLETE | {key: empty}) == [item]


def test_nothing_known_misses_everything_in_order():
    assert missing_items({}) == list(Item)
    assert not is_qualified({})


def test_having_no_car_answers_the_question_for_the_present_car():
    without_car = COMPLETE | {"present_brand": "", "present_model": ""}
    assert missing_items(without_car) == [Item.PRESENT_VEHICLE]
    assert missing_items(without_car | {"no_present_vehicle": True}) == []
