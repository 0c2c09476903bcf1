"""The law packs of `kernel.contracts.laws` as the rules that the gate reads."""

from __future__ import annotations

from functools import cache

from exchange.gate import LawEffect, LawRule
from kernel.contracts.laws import FOR_THE_GATE, Pack, Rule, packs_for


@cache
def law_rules(place: str) -> tuple[LawRule, ...]:
    """What the gate has to respect in a place (``CN``, ``US-MD``), with the days on which each rule holds.

    A rule that names several contracts or purposes becomes one of the gate's rules for each pair of them.
    """
    return tuple(
        rule
        for pack in packs_for(place)
        for one in pack.rules
        if one.effect in FOR_THE_GATE
        for rule in _for_gate(pack, one)
    )


def _for_gate(pack: Pack, one: Rule) -> list[LawRule]:
    return [
        LawRule(
            pack=pack.id,
            version=pack.version,
            article=one.article,
            effect=LawEffect(one.effect),
            valid_from=one.valid_from,
            valid_until=one.valid_until,
            contract=contract,
            purpose=purpose,
            field=one.field,
            field_class=one.field_class,
            cap=one.cap,
            source=one.source,
        )
        for contract in one.contracts or (None,)
        for purpose in one.purposes or (None,)
    ]
