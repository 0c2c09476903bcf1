"""The catalogues of translations: gathers what the code says, compiles what was translated, checks that all is there.

    python -m dealernet.messages            gather new messages into the catalogues and compile them
    python -m dealernet.messages --check    fail when a message lacks a translation or a compiled file is old

Needs polib (a development tool) and no gettext programs: Python is read by its syntax tree, templates by Django's own
`templatize`.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("zh_Hans", "zh_Hant")
SOURCES = ("platform", "tenants", "sync", "shared", "deploy")
SINGLE = {"_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}
CONTEXT = {"pgettext", "pgettext_lazy"}
CONTEXT_PLURAL = {"npgettext", "npgettext_lazy"}
_TEMPLATE_CALL = re.compile(r"\b(n?p?gettext|_)\((?=u?[\"'])")
_NAMED = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}")

#: (context or None, text, plural or None)
Key = tuple[str | None, str, str | None]


def gather() -> dict[Key, list[str]]:
    """Every message of the product with the places that say it."""
    found: dict[Key, list[str]] = defaultdict(list)
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*")):
            place = str(path.relative_to(ROOT))
            if "node_modules" in path.parts or "migrations" in path.parts:
                continue
            if path.suffix == ".py":
                messages: Iterator[Key] = _of_python(path.read_text(encoding="utf-8"))
            elif path.suffix in (".html", ".txt") and "templates" in path.parts:
                messages = _of_template(path.read_text(encoding="utf-8"), place)
            else:
                continue
            for key in messages:
                if place not in found[key]:
                    found[key].append(place)
    return found


def _of_python(text: str) -> Iterator[Key]:
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if name in SINGLE and len(texts) == 1 == len(node.args):
            yield None, texts[0], None
        elif name in PLURAL and len(texts) >= 2:
            yield None, texts[0], texts[1]
        elif name in CONTEXT and len(texts) == 2:
            yield texts[0], texts[1], None
        elif name in CONTEXT_PLURAL and len(texts) >= 3:
            yield texts[0], texts[1], texts[2]


def _of_template(text: str, place: str) -> Iterator[Key]:
    from django.utils.translation.template import templatize

    code = templatize(text, origin=place)
    for match in _TEMPLATE_CALL.finditer(code):
        texts = list(_literals(code, match.end()))
        name = match.group(1)
        if name in ("gettext", "_") and texts:
            yield None, texts[0], None
        elif name == "ngettext" and len(texts) >= 2:
            yield None, texts[0], texts[1]
        elif name == "pgettext" and len(texts) >= 2:
            yield texts[0], texts[1], None
        elif name == "npgettext" and len(texts) >= 3:
            yield texts[0], texts[1], texts[2]


_LITERAL = re.compile(r"\s*,?\s*((?:u|b)?(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'))", re.S)


def _literals(code: str, start: int) -> Iterator[str]:
    while match := _LITERAL.match(code, start):
        yield ast.literal_eval(match.group(1).lstrip("ub"))
        start = match.end()


def _catalogue(language: str):
    import polib

    path = LOCALE / language / "LC_MESSAGES" / "django.po"
    if path.exists():
        return polib.pofile(str(path), wrapwidth=110)
    path.parent.mkdir(parents=True, exist_ok=True)
    catalogue = polib.POFile(wrapwidth=110)
    catalogue.fpath = str(path)
    catalogue.metadata = {
        "Project-Id-Version": "dealernet",
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    return catalogue


def update() -> None:
    """Bring the catalogues to what the code says now; translations of messages that are gone are dropped."""
    import polib

    found = gather()
    for language in LANGUAGES:
        catalogue = _catalogue(language)
        known = {(e.msgctxt, e.msgid, e.msgid_plural or None): e for e in catalogue}
        fresh = []
        for key, places in sorted(found.items(), key=lambda item: (item[1][0], item[0][1])):
            entry = known.get(key)
            if entry is None:
                context, text, plural = key
                entry = polib.POEntry(msgctxt=context, msgid=text, msgid_plural=plural or "")
                if plural:
                    entry.msgstr_plural = {0: ""}
            entry.occurrences = [(place, "") for place in places]
            entry.flags = ["python-format"] if re.search(r"%\(\w+\)[sd]", entry.msgid) else []
            fresh.append(entry)
        catalogue[:] = fresh
        catalogue.save(catalogue.fpath)
        catalogue.save_as_mofile(str(Path(catalogue.fpath).with_suffix(".mo")))


def problems() -> list[str]:
    """What is missing or wrong, as sentences."""
    out = []
    found = gather()
    for language in LANGUAGES:
        catalogue = _catalogue(language)
        known = {(e.msgctxt, e.msgid, e.msgid_plural or None): e for e in catalogue}
        for key, places in found.items():
            entry = known.get(key)
            text = (entry.msgstr_plural.get(0, "") if entry.msgid_plural else entry.msgstr) if entry else ""
            if not text:
                out.append(f"{language}: no translation of {key[1]!r} ({places[0]})")
                continue
            used = set(filter(None, (a or b for a, b in _NAMED.findall(key[2] or key[1]))))
            given = set(filter(None, (a or b for a, b in _NAMED.findall(text))))
            if used != given:
                out.append(f"{language}: {key[1]!r} names {sorted(used)}, its translation {sorted(given)}")
        compiled = Path(catalogue.fpath).with_suffix(".mo")
        if not compiled.exists() or compiled.read_bytes() != catalogue.to_binary():
            out.append(f"{language}: {compiled.name} is not compiled from {Path(catalogue.fpath).name}")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description="Catalogues of translations.")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    if not args.check:
        update()
        return 0
    found = problems()
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    import django
    from django.conf import settings

    settings.configure()
    django.setup()
    sys.exit(main())
