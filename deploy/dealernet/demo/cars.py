"""Invented VINs with right check digits, and the maker's price list as the stories use it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random

from dealernet.demo.catalogue import rows
from kernel.automotive.vin import make_vin

#: A maker's code that nobody has been given; the first letter says China, so the check digit binds.
WMI = {"XH": "LXH", "YC": "LYC"}
SERIES = {
    "XH": {"XH-QY": 10, "XH-HF": 24, "XH-XI": 12, "XH-TL": 28, "XH-YX": 18, "XH-LZ": 8},
    "YC": {"YC-QC": 30, "YC-YT": 14, "YC-MS": 30, "YC-SY": 26},
}
#: Cars that people have before: brands of the field, and none at all.
PRESENT = {
    ("大众", "朗逸"): 8,
    ("大众", "速腾"): 6,
    ("丰田", "卡罗拉"): 8,
    ("本田", "思域"): 6,
    ("日产", "轩逸"): 8,
    ("吉利", "帝豪"): 6,
    ("比亚迪", "秦"): 6,
    ("长安", "CS75"): 5,
    ("别克", "英朗"): 5,
    ("星河", "禾风"): 8,
    ("", ""): 30,
}


def series_of(rng: Random, brand: str) -> str:
    """A series by how well it sells."""
    return rng.choices(list(SERIES[brand]), weights=list(SERIES[brand].values()))[0]


def present_of(rng: Random) -> tuple[str, str]:
    """Brand and model of the car that somebody has; both empty for none."""
    return rng.choices(list(PRESENT), weights=list(PRESENT.values()))[0]


def vin_of(*, brand: str, series: str, year: int, number: int) -> str:
    """The VIN with a running number (below a million); every number gives another VIN."""
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    code = series.partition("-")[2]
    vds = "".join(letters[ord(c) % len(letters)] for c in code[:2]) + "A2B"
    return make_vin(WMI.get(brand, "LXH"), vds, year, "D", number)


@dataclass(frozen=True)
class Repair:
    """What fails and how it is put right: a part of the list with the operation that replaces it; `fits` as there."""

    part: str
    name: str
    operation: str
    system: str
    price: float
    hours: float
    fits: tuple[str, ...]


@cache
def repairs(brand: str) -> tuple[Repair, ...]:
    """Every part of a brand that an operation of its price list replaces, wear parts apart."""
    hours = {row["code"]: float(row["standard_hours"]) for row in rows("labour-operations")}
    found = []
    for row in rows("parts"):
        operation = f"{row['number'].rpartition('-')[0]}-10"
        if row["brand"] == brand and row["wear_part"] == "no" and operation in hours:
            name = row["name_zh_hans"].partition("（")[0]
            price, fits = float(row["price"]), tuple(row["fits"].split())
            found.append(Repair(row["number"], name, operation, row["causal_group"], price, hours[operation], fits))
    return tuple(found)


#: What of a car can fail by its drive.
SYSTEMS = {
    "petrol": {"engine", "fuel_exhaust", "cooling", "transmission"},
    "hybrid": {"engine", "fuel_exhaust", "cooling", "transmission", "drive_motor", "traction_battery"},
    "electric": {"drive_motor", "traction_battery", "cooling"},
}
ALWAYS = {"brakes", "suspension", "steering", "electrics", "body", "air_conditioning", "driver_assistance"}


@cache
def energy_of(series: str) -> str:
    return next((row["energy"] for row in rows("series") if row["code"] == series), "petrol")


def repair_of(rng: Random, brand: str, series: str) -> Repair:
    """Something that fails on a car of this series; cheap things fail more often than dear ones."""
    may = SYSTEMS[energy_of(series)] | ALWAYS
    choices = [one for one in repairs(brand) if one.system in may and (not one.fits or series in one.fits)]
    return rng.choices(choices, weights=[1 / (200 + one.price) for one in choices])[0]


@cache
def fault_codes(system: str) -> tuple[str, ...]:
    """Codes of a system; those of electrics where it has none of its own."""
    own = tuple(row["code"] for row in rows("fault-codes") if row["system"] == system)
    return own or tuple(row["code"] for row in rows("fault-codes") if row["system"] == "electrics") or ("P0300",)
