"""What every test finds: a person for each role on each side, a small published catalogue, the network's master data.

All people, brands and cars are invented. Codes: brand XH (series XH-HF petrol, XH-TL petrol) and brand YC (YC-QC
electric), each series with model `…-26` and variants `…-26-01`, `…-26-02`; operations XH-ENG-010, XH-BRK-010,
XH-MNT-010, YC-BAT-010; parts XH-1001-01, XH-3501-01 (wear part), XH-5207-01 (for series XH-TL only), YC-2101-01; fault
codes P0300, P0420. North sells and
services both brands, south sells XH and services both.
"""

from __future__ import annotations

from datetime import date

from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import User
from kernel.accounts.roles import DEALERSHIP_ROLES, PORTAL_ROLES
from kernel.testing.network import PASSWORD, Network


def seed(network: Network) -> None:
    """Fill the template database of the tests."""
    for side in (network.portal, network.north, network.south):
        roles = PORTAL_ROLES if side is network.portal else DEALERSHIP_ROLES
        with side.bound():
            for role in sorted(roles):
                user = User(login=role, name=f"{role} {side.slug}", role=role, email=f"{role}@{side.slug}.example")
                user.set_password(PASSWORD)
                user.save(force_insert=True)
    with network.portal.bound():
        seed_catalogue()
        seed_network(network)


def _names(zh_hans: str, zh_hant: str, en: str) -> dict[str, str]:
    return {"name_zh_hans": zh_hans, "name_zh_hant": zh_hant, "name_en": en}


WHITE = {"code": "W", "zh_hans": "云白", "zh_hant": "雲白", "en": "Cloud white", "hex": "#f4f4f2"}
BLUE = {"code": "B", "zh_hans": "湖蓝", "zh_hant": "湖藍", "en": "Lake blue", "hex": "#2b6b8f"}
_CAR = {"currency": "CNY", "on_sale_from": date(2023, 1, 1), "colours": [WHITE, BLUE]}


def seed_catalogue() -> None:
    """A small catalogue, published. Bound to the portal."""
    from oem.catalogue.actions import import_entries, publish
    from oem.catalogue.nouns import BY_KEY

    rows = {
        "brands": [
            {"code": "XH", "order": 1, **_names("星河", "星河", "Xinghe")},
            {"code": "YC", "order": 2, **_names("曜川", "曜川", "Yaochuan")},
        ],
        "series": [
            {"code": "XH-HF", "brand": "XH", "segment": "compact_car", "energy": "petrol"}
            | _names("禾风", "禾風", "Hefeng"),
            {"code": "XH-TL", "brand": "XH", "segment": "compact_suv", "energy": "petrol"}
            | _names("听澜", "聽瀾", "Tinglan"),
            {"code": "YC-QC", "brand": "YC", "segment": "midsize_car", "energy": "electric"}
            | _names("晴川", "晴川", "Qingchuan"),
        ],
        "models": [
            {"code": "XH-HF-26", "series": "XH-HF", "model_year": 2026}
            | _names("禾风 2026款", "禾風 2026款", "Hefeng 2026"),
            {"code": "XH-TL-26", "series": "XH-TL", "model_year": 2026}
            | _names("听澜 2026款", "聽瀾 2026款", "Tinglan 2026"),
            {"code": "YC-QC-26", "series": "YC-QC", "model_year": 2026}
            | _names("晴川 2026款", "晴川 2026款", "Qingchuan 2026"),
        ],
        "variants": [
            {"code": f"{model}-{n:02d}", "model": model, "list_price": price + n * 10000, **_CAR}
            | {"warranty_months": months, "warranty_km": km}
            | _names(*[("舒适型", "舒適型", "Comfort"), ("豪华型", "豪華型", "Luxury")][n - 1])
            for model, price, months, km in [
                ("XH-HF-26", 90000, 36, 100000),
                ("XH-TL-26", 120000, 36, 100000),
                ("YC-QC-26", 220000, 60, 120000),
            ]
            for n in (1, 2)
        ],
        "labour-operations": [
            {"code": "XH-ENG-010", "brand": "XH", "system": "engine", "standard_hours": "2.50"}
            | _names("更换水泵", "更換水泵", "Replace water pump"),
            {"code": "XH-BRK-010", "brand": "XH", "system": "brakes", "standard_hours": "0.80"}
            | _names("更换前制动片", "更換前煞車片", "Replace front brake pads"),
            {"code": "XH-MNT-010", "brand": "XH", "system": "maintenance", "standard_hours": "0.60"}
            | _names("更换机油和机滤", "更換機油與機油芯", "Change oil and filter"),
            {"code": "YC-BAT-010", "brand": "YC", "system": "traction_battery", "standard_hours": "1.20"}
            | _names("检测动力电池", "檢測動力電池", "Test traction battery"),
        ],
        "parts": [
            {"number": "XH-1001-01", "brand": "XH", "causal_group": "engine", "price": "420.00"}
            | _names("水泵总成", "水泵總成", "Water pump assembly"),
            {"number": "XH-3501-01", "brand": "XH", "causal_group": "brakes", "price": "260.00", "wear_part": True}
            | _names("前制动片", "前煞車片", "Front brake pads"),
            {"number": "XH-5207-01", "brand": "XH", "causal_group": "body", "price": "5200.00", "fits": ["XH-TL"]}
            | _names("全景天窗总成", "全景天窗總成", "Panoramic roof assembly"),
            {"number": "YC-2101-01", "brand": "YC", "causal_group": "traction_battery", "price": "68000.00"}
            | _names("动力电池总成", "動力電池總成", "Traction battery assembly"),
        ],
        "fault-codes": [
            {"code": "P0300", "system": "engine"}
            | _names("检测到随机或多缸失火", "偵測到隨機或多缸失火", "Random or multiple cylinder misfire detected"),
            {"code": "P0420", "system": "fuel_exhaust"}
            | _names("催化系统效率低于限值", "觸媒系統效率低於限值", "Catalyst system efficiency below threshold"),
        ],
    }
    for key, entries in rows.items():
        import_entries(actor=SYSTEM, noun=BY_KEY[key], rows=entries)
    publish(actor=SYSTEM)


def seed_network(network: Network) -> None:
    """Master data of north and south. Bound to the portal, after the catalogue."""
    from oem.network import actions

    since = date(2023, 1, 1)
    north = actions.enter_dealership(
        actor=SYSTEM,
        id=network.north.id,
        slug="north",
        name="Northstar Auto",
        short_name_zh_hans="北辰汽车",
        short_name_zh_hant="北辰汽車",
        short_name_en="Northstar",
        province="11",
        city="1101",
    )
    south = actions.enter_dealership(
        actor=SYSTEM, id=network.south.id, slug="south", name="Southgate Motors", province="44", city="4403"
    )
    for dealership, brand, sells in (
        (north, "XH", True),
        (north, "YC", True),
        (south, "XH", True),
        (south, "YC", False),
    ):
        actions.grant_capability(
            actor=SYSTEM, dealership=dealership, brand=brand, sells=sells, services=True, valid_from=since
        )
