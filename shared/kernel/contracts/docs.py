"""The reference of all contracts, written from the code: ``python -m kernel.contracts.docs``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from kernel.contracts import Contract, Mark, Purpose, all_contracts
from kernel.contracts.shapes import Maybe, Shape, entry_in

DIRECTIONS = {
    "up": "up, to the manufacturer",
    "down": "down, to a dealership",
    "both": "both ways",
}
OPENING = """# Contracts

What may cross between the manufacturer and its dealerships. This page is written from `kernel.contracts`
(`python -m kernel.contracts.docs`); change the code, not the page.

Every field has a class: *identity* and *contact* name or reach a person, *commercial*, *vehicle* and
*technical* say what it is about, *count* is a number of records, *reference* keeps messages in order:
without it no record leaves.

At level `full` every field may leave, and a contract that names a person needs the customer's consent for
an opt-in purpose. At level `pseudonymous` the last column says what happens: the field *stays*, or a keyed
*hash* leaves in its place. At level `counts` no record leaves, at `nothing` nothing does.

Times are in UTC. Decimals and UUIDs travel as text. A receiver leaves aside names it does not know.
"""


def markdown() -> str:
    """The whole page, with a newline at its end."""
    return OPENING + "".join(_section(owner) for owner in all_contracts())


def _section(owner: type[Contract]) -> str:
    spec = owner.spec
    listed = ", ".join(f"`{purpose}`" for purpose in sorted(spec.purposes))
    purposes = "any" if spec.purposes == set(Purpose) else listed
    return "\n".join(
        [
            f"\n## {spec.name} {spec.version}\n",
            f"{inspect.cleandoc(spec.doc)}\n",
            f"Number {spec.number} · {spec.kind} · {DIRECTIONS[spec.direction]} · subject `{spec.subject}` · "
            f"purposes: {purposes}\n",
            "| field | type | class | meaning | required | pseudonymous |",
            "|---|---|---|---|---|---|",
            *_rows(owner),
            "",
        ]
    )


def _rows(owner: type[Contract]) -> Iterator[str]:
    for name, field in owner.spec.fields.items():
        yield _row(name, field.shape, field.mark, field.required)
        entry = entry_in(field.shape)
        for key, shape in entry.keys.items() if entry else ():
            yield _row(f"{name}[].{key}", shape, field.keys[key], not isinstance(shape, Maybe))


def _row(path: str, shape: Shape, mark: Mark, required: bool) -> str:
    plain = shape.inner if isinstance(shape, Maybe) else shape
    fate = "hash" if mark.pseudonymise else "stays" if mark.stays_when_pseudonymous else ""
    cells = [f"`{path}`", plain.describe(), str(mark.field_class), mark.doc, "yes" if required else "", fate]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(markdown(), end="")
