"""Tells without Node whether the committed style sheet still fits the templates.

``python shared/kernel/ui/inventory.py`` compares; ``--write`` stores the inventory after a build (``make css``). The
inventory is the set of class names in all templates and in the kit's Python, with its hash, and the hash of
``app.css``. It fails when ``app.css`` is not the one that was built, when a template uses a class that was not there at
the build and that ``app.css`` does not define, or an icon that is not vendored.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

UI = Path(__file__).resolve().parent
ROOT = UI.parents[2]
CSS = UI / "static" / "ui" / "app.css"
STORE = UI / "styles" / "inventory.json"
TEMPLATES = (
    "platform/*/**/templates/**/*.html",
    "tenants/*/**/templates/**/*.html",
    "sync/*/**/templates/**/*.html",
    "shared/*/**/templates/**/*.html",
    "deploy/**/templates/**/*.html",
)
TAGS = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.S)
CLASS = re.compile(r"""\bclass=(?:"([^"]*)"|'([^']*)')""")
NAME = re.compile(r"^-?[a-z][\w:/.%\[\]()#,-]*$")
ICONS = (
    re.compile(r"""\{%\s*icon\s+"([\w-]+)\""""),
    re.compile(r"""<c-icon\s+name="([\w-]+)\""""),
    re.compile(r"""\bicon="([\w-]+)\""""),
    re.compile(r"""["']icon["']:\s*["']([\w-]+)["']"""),
)


def templates(root: Path = ROOT) -> Iterator[Path]:
    for pattern in TEMPLATES:
        yield from sorted(root.glob(pattern))


def sources(root: Path = ROOT) -> Iterator[Path]:
    """Python files that name icons."""
    for top in ("platform", "tenants", "sync", "shared", "deploy"):
        yield from sorted((root / top).rglob("*.py"))


def classes_in(text: str) -> set[str]:
    """Class names in the class attributes of HTML or of HTML inside Python strings."""
    found: set[str] = set()
    # Tags inside an attribute hold quotes of their own, so they go first; what stands between them stays.
    for double, single in CLASS.findall(TAGS.sub(" ", text)):
        found.update(name for name in (double or single).split() if NAME.match(name))
    return found


def icons_in(text: str) -> set[str]:
    return {name for pattern in ICONS for name in pattern.findall(text)}


def inventory(root: Path = ROOT) -> set[str]:
    found: set[str] = set()
    for file in (*templates(root), *sorted((root / "shared/kernel/ui").rglob("*.py"))):
        found |= classes_in(file.read_text(encoding="utf-8"))
    return found


def digest(names: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()


def defined_in(css: str) -> set[str]:
    """Class names that the style sheet has rules for."""
    return {re.sub(r"\\(.)", r"\1", name) for name in re.findall(r"\.((?:\\.|[\w-])+)", css)}


def problems(root: Path = ROOT) -> list[str]:
    stored = json.loads(STORE.read_text(encoding="utf-8"))
    css = CSS.read_bytes()
    found: list[str] = []
    if hashlib.sha256(css).hexdigest() != stored["css"]:
        found.append("static/ui/app.css is not the file that the last build wrote")
    if digest(stored["classes"]) != stored["hash"]:
        found.append("styles/inventory.json was changed by hand")
    used = inventory(root)
    if digest(used) != stored["hash"]:
        missing = used - set(stored["classes"]) - defined_in(css.decode())
        found += [f'class "{name}" is not in app.css' for name in sorted(missing)]
    vendored = set(json.loads((UI / "icons.json").read_text(encoding="utf-8")))
    for file in (*templates(root), *sources(root)):
        unknown = icons_in(file.read_text(encoding="utf-8")) - vendored
        found += [f'{file.relative_to(root)}: icon "{name}" is not in styles/icons.txt' for name in sorted(unknown)]
    return found


def write(root: Path = ROOT) -> None:
    used = inventory(root)
    stored = {
        "hash": digest(used),
        "css": hashlib.sha256(CSS.read_bytes()).hexdigest(),
        "classes": sorted(used),
    }
    STORE.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    if "--write" in arguments:
        write()
        return 0
    found = problems()
    for line in found:
        sys.stderr.write(f"{line}\n")
    if found:
        sys.stderr.write("Run `make css` and commit the result.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
