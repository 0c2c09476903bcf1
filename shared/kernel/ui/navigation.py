"""Navigation is data: apps say which pages they have, the shell shows those the person may open."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

PORTAL = "portal"
DEALER = "dealer"
TIERS = (PORTAL, DEALER)


@dataclass(frozen=True)
class NavItem:
    """One page of the navigation.

    ``right`` is the right that opens the page (``None``: everybody signed in). ``phone`` puts it in
    the bottom bar (the first four by ``order``); ``job`` marks the one main job, drawn filled.
    ``count`` gives the number in the red dot for a request (``None`` or 0: no dot); it runs on every
    page, so it must cost one indexed query at most. ``prefixes`` are further paths that belong to
    the page, so that it stays marked as current below them. ``post`` makes it a form button
    (sign-out); ``menu`` puts it in the user's menu instead of the navigation.
    """

    key: str
    label: Any
    url_name: str
    icon: str = "circle"
    right: Any = None
    order: int = 100
    phone: bool = False
    job: bool = False
    group: Any = ""
    short: Any = ""
    count: Callable[[HttpRequest], int | None] | None = None
    prefixes: tuple[str, ...] = ()
    post: bool = False
    menu: bool = False


@dataclass(frozen=True)
class Entry:
    """A NavItem for one request."""

    key: str
    label: Any
    short: Any
    url: str
    icon: str
    group: Any
    current: bool
    job: bool
    count: int | None
    post: bool


_items: dict[str, dict[str, NavItem]] = {tier: {} for tier in TIERS}


def register(tier: str, *items: NavItem) -> None:
    """Add items to a tier's navigation (call it in ``AppConfig.ready``); the same key replaces."""
    for item in items:
        _items[tier][item.key] = item


def unregister(tier: str, key: str) -> None:
    _items[tier].pop(key, None)


def registered(tier: str) -> list[NavItem]:
    return sorted(_items[tier].values(), key=lambda item: (item.order, item.key))


def tier_of(request: HttpRequest) -> str | None:
    """Which tier's host this request came to; ``None`` outside any tenant (error pages)."""
    kind = getattr(getattr(request, "tenant", None), "kind", None)
    if kind is None:
        return None
    return PORTAL if str(kind) == "manufacturer" else DEALER


def entries(request: HttpRequest) -> list[tuple[NavItem, Entry]]:
    """The items this person may open, in order, with the page they are on marked."""
    tier = tier_of(request)
    user = getattr(request, "user", None)
    if tier is None or user is None or not user.is_authenticated:
        return []
    found: list[tuple[NavItem, str]] = []
    for item in registered(tier):
        if item.right is not None and not user.has(item.right):
            continue
        try:
            found.append((item, reverse(item.url_name, urlconf=getattr(request, "urlconf", None))))
        except NoReverseMatch:
            continue  # the page's app is not part of this composition
    current = _current(request.path, found)
    return [
        (
            item,
            Entry(
                key=item.key,
                label=item.label,
                short=item.short or item.label,
                url=url,
                icon=item.icon,
                group=item.group,
                current=item.key == current,
                job=item.job,
                count=item.count(request) if item.count else None,
                post=item.post,
            ),
        )
        for item, url in found
    ]


def _current(path: str, found: Iterable[tuple[NavItem, str]]) -> str | None:
    """The key whose address is the longest prefix of ``path``."""
    best, length = None, 0
    for item, url in found:
        for prefix in (url, *item.prefixes):
            if len(prefix) > length and (path == prefix or (prefix != "/" and path.startswith(prefix))):
                best, length = item.key, len(prefix)
    return best


def grouped(listed: Iterable[Entry]) -> list[tuple[Any, list[Entry]]]:
    """Entries by group label, in order of first appearance."""
    groups: dict[str, tuple[Any, list[Entry]]] = {}
    for entry in listed:
        groups.setdefault(str(entry.group), (entry.group, []))[1].append(entry)
    return list(groups.values())
