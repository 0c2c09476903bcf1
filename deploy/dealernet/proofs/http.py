"""Isolation over HTTP: every route × method × everybody who might ask.

`routes.toml` says, for each method of each route, who may, with which object and body, what shows that it worked and
what it looks like when it is refused. It is reviewed, not derived from the code; a route without a row is a violation,
and so is a row without a route. A refusal counts only when the identical request (valid CSRF token, body, living
object) succeeded for the rightful actor in the same run and showed the canary. Every request runs in a transaction of
each login that is rolled back, so that objects stay alive for the next.
"""

from __future__ import annotations

import json
import random
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.client import ClientHandler
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from dealernet.proofs import Result
from dealernet.proofs.network import Living, World
from dealernet.proofs.traces import Traces
from kernel.tenancy.backend.base import DatabaseWrapper
from kernel.testing.network import Side

EXPECTED = Path(__file__).with_name("routes.toml")
URLCONFS = {"portal": "dealernet.urls_portal", "dealer": "dealernet.urls_dealer"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SAFE = ("GET",)
ANYONE, SIGNED_IN, NOBODY = "anyone", "signed-in", "nobody"
CANARY = re.compile(r"CANARY-([a-z]+)-([A-Za-z0-9_-]+)")
_ARGUMENT = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")
_PLACE = re.compile(r"\{([a-z_0-9]+)\}")
#: What a page may show of the person who asks, also when it refuses: the name in the menu.
OWN_NAME = "accounts_user-name"


# -- the reviewed file ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One method of one route of one tier."""

    tier: str
    method: str
    path: str
    may: tuple[str, ...]
    args: dict[str, str] = field(default_factory=dict)
    query: str = ""
    body: Any = None
    kind: str = ""
    done: tuple[int, ...] = ()
    sees: tuple[str, ...] = ()
    denied: tuple[int, ...] = ()
    hidden: tuple[str, ...] = ()
    blind: dict[str, list[str]] = field(default_factory=dict)
    light: bool = False
    writes: bool = True
    scope: str = ""
    sender: str = ""
    unknown: bool = True

    @property
    def name(self) -> str:
        return f"{self.tier} {self.method} /{self.path}"

    @property
    def is_api(self) -> bool:
        return self.path.startswith("api/v1/")

    @property
    def open_to_all(self) -> bool:
        return self.may == (ANYONE,)


@dataclass(frozen=True)
class Book:
    """The reviewed file: its rows, and the canaries that dealerships share with the manufacturer."""

    rows: tuple[Row, ...]
    shared: tuple[str, ...]
    roles: dict[str, tuple[str, ...]]

    def at(self, tier: str, path: str) -> dict[str, Row]:
        return {row.method: row for row in self.rows if row.tier == tier and row.path == path}


def read(path: Path = EXPECTED) -> Book:
    """The reviewed file. Raises ValueError for a row that says something nobody knows."""
    with path.open("rb") as file:
        given = tomllib.load(file)
    groups = {name: tuple(words.split()) for name, words in given["groups"].items()}
    roles = {tier: tuple(words.split()) for tier, words in given["roles"].items()}
    rows = []
    for tier in ("portal", "dealer", "both"):
        for entry in given.get(tier, []):
            for one in ("portal", "dealer") if tier == "both" else (tier,):
                rows.append(_row(dict(entry), one, groups, roles))
    names = [row.name for row in rows]
    if len(set(names)) != len(names):
        raise ValueError(f"routes.toml has two rows for {sorted({n for n in names if names.count(n) > 1})}")
    return Book(tuple(rows), tuple(given["shared"]["canaries"]), roles)


def _row(
    entry: dict[str, Any], tier: str, groups: dict[str, tuple[str, ...]], roles: dict[str, tuple[str, ...]]
) -> Row:
    method, _, path = entry.pop("route").partition(" /")
    words = entry.pop("may" if "may" in entry else f"may_{tier}").split()
    entry = {key: value for key, value in entry.items() if not key.startswith("may_")}
    may: list[str] = []
    for word in words:
        may += groups[word[1:]] if word.startswith("@") else [word]
    if may not in ([ANYONE], [SIGNED_IN]) and set(may) - set(roles[tier]):
        raise ValueError(f"{method} /{path}: {sorted(set(may) - set(roles[tier]))} are no roles of the {tier}")
    api = path.startswith("api/v1/")
    fallback = {"GET": (200,)}.get(method, (200, 201, 202, 204) if api else (302,))
    return Row(
        tier=tier,
        method=method,
        path=path,
        may=tuple(may),
        args=entry.pop("with", {}),
        done=_statuses(entry.pop("done", fallback)),
        denied=_statuses(entry.pop("denied", (403,))),
        sees=tuple(entry.pop("sees", ())),
        hidden=tuple(entry.pop("hidden", "").split()),
        **entry,
    )


def _statuses(given: Any) -> tuple[int, ...]:
    return (given,) if isinstance(given, int) else tuple(given)


def routes(tier: str) -> set[str]:
    """The paths of a tier's URLconf, without the leading slash."""
    return set(_walk(get_resolver(URLCONFS[tier]).url_patterns, ""))


def _walk(patterns: list[Any], before: str) -> Iterator[str]:
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            yield here


# -- who asks --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asker:
    """Somebody who asks: at which host, with which cookie or token, and for whose object."""

    name: str
    host: str
    cookie: str = ""
    bearer: str = ""
    csrf: bool = True
    objects: str = ""
    unknown: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    text: str
    headers: str
    #: Entries that the request left in the audit trail of the member at whose host it was sent.
    audited: int = 0

    @property
    def canaries(self) -> set[tuple[str, str]]:
        return set(CANARY.findall(self.text + self.headers))


class Prober:
    """Asks, and judges the answers. `limit` is the number of refusals tried for each row; None tries all."""

    def __init__(
        self,
        result: Result,
        world: World,
        book: Book,
        *,
        limit: int | None = None,
        seed: int = 0,
        sample: float = 1.0,
        traces: Traces | None = None,
    ) -> None:
        self.result = result
        self.traces = traces
        self.world = world
        self.book = book
        self.limit = limit
        self.sample = sample
        self.random = random.Random(seed)  # noqa: S311 - picks probes, no secret
        self._handler = ClientHandler(enforce_csrf_checks=True)  # its middleware is loaded once
        self._cookies: dict[tuple[str, str], str] = {}
        self._bearers: dict[tuple[str, str, str], str] = {}

    # -- one request -----------------------------------------------------------------------------------------

    def ask(self, row: Row, asker: Asker, *, method: str = "", body: bool = True, fails: bool = False) -> Answer:
        """Send the row's request as somebody, and undo what it did. With `fails` a failure is what is wanted."""
        self.result.count("http_probes")
        cache.clear()
        method = method or row.method
        client = Client(raise_request_exception=False, headers={"host": f"{asker.host}.localhost"})
        client.handler = self._handler
        if asker.cookie:
            client.cookies["__Host-sid"] = asker.cookie
        client.cookies["__Host-csrf"] = "x" * 32
        headers = {"X-CSRFToken": "x" * 32} if asker.csrf else {}
        if asker.bearer:
            headers["Authorization"] = f"Bearer {asker.bearer}"
        living = self.world.living[asker.objects or self._home(row)]
        url = self.url(row, living, unknown=asker.unknown)
        data, content_type = self._body(row, living) if body else (b"", "application/octet-stream")
        side = self.world.sides[asker.host]
        audited = 0
        with undone():
            if method in SAFE:
                response = client.get(url, headers=headers)
            else:
                audited = -_audit_entries(side)
                response = client.generic(method, url, data, content_type=content_type, headers=headers)
            content = response.getvalue()
            if method not in SAFE:
                audited += _audit_entries(side)
            if self.traces:
                self.traces.look(side, wrote=method not in SAFE)
        shown = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        if response.status_code >= 500 and not fails:
            self.result.violations.append(f"{row.name}: {asker.name} got status {response.status_code}")
        return Answer(response.status_code, content.decode("utf-8", "replace"), shown, audited)

    @staticmethod
    def _home(row: Row) -> str:
        return "portal" if row.tier == "portal" else "north"

    def url(self, row: Row, living: Living, *, unknown: bool = False) -> str:
        """The address of a row's object; with `unknown` that of an object that does not exist."""
        names = _ARGUMENT.findall(row.path)
        values = {name: _filled(row.args.get(name, "{" + name + "}"), living) for name in names}
        if unknown:
            values[names[-1]] = _unknown(values[names[-1]])
        path = _ARGUMENT.sub(lambda match: values[match[1]], row.path)
        return f"/{path}" + (f"?{_filled(row.query, living)}" if row.query else "")

    def _body(self, row: Row, living: Living) -> tuple[bytes, str]:
        body = _filled(row.body, living) if row.body is not None else None
        if row.kind:
            return (body or "").encode(), row.kind
        if row.is_api:
            return json.dumps(body if body is not None else {}).encode(), "application/json"
        return _multipart(body or {})

    def cookie(self, slug: str, role: str) -> str:
        """The session of the person who holds a role there; opened once."""
        from kernel.accounts.models import User
        from kernel.accounts.testing import open_session

        if (slug, role) not in self._cookies:
            side = self.world.sides[slug]
            with side.bound():
                person = User.objects.get(login=role)
                self._cookies[slug, role] = self._secret(open_session(person, tenant_id=side.id)[1])
        return self._cookies[slug, role]

    def _secret(self, text: str) -> str:
        if self.traces:
            self.traces.secrets.add(text)
        return text

    def bearer(self, slug: str, role: str, *, without: str = "") -> str:
        """A token of the person who holds a role, with all scopes of the role but one; made once."""
        from kernel.accounts.actions import create_token
        from kernel.accounts.actors import Actor
        from kernel.accounts.models import User
        from kernel.accounts.scopes import scopes_for

        key = (slug, role, without)
        if key not in self._bearers:
            with self.world.sides[slug].bound():
                person = User.objects.get(login=role)
                scopes = [scope for scope in scopes_for(role) if scope != without]
                if not scopes:
                    return ""
                self._bearers[key] = create_token(actor=Actor.of(person), user=person, name="proof", scopes=scopes)[1]
        return self._bearers[key]

    # -- one row -----------------------------------------------------------------------------------------------

    def check_row(self, row: Row) -> None:
        """The rightful actor first, then everybody else."""
        home = self._home(row)
        first = self._first(row)
        rightful = Asker(f"the rightful {first}", home, cookie=self.cookie(home, first) if first != NOBODY else "")
        answer = self.ask(row, rightful)
        if not self._succeeded(row, home, rightful, answer):
            return
        self._foreign_canaries(row, rightful, answer)
        for asker, judge in self._chosen(row, self._others(row, home, first, rightful)):
            judge(asker, self.ask(row, asker))

    def _first(self, row: Row) -> str:
        """The role of the control: what the row says, else the first that may; for everybody, nobody signed in."""
        if row.sender or row.may[0] not in (ANYONE, SIGNED_IN):
            return row.sender or row.may[0]
        return NOBODY if row.open_to_all else self.book.roles[row.tier][0]

    def _chosen(self, row: Row, others: list[Any]) -> list[Any]:
        must = [pair for pair in others if pair[0].name.startswith("the rightful")]
        rest = [pair for pair in others if not pair[0].name.startswith("the rightful")]
        limit = 4 if row.light else self.limit
        if limit is not None:
            # One of each kind before a second of any.
            self.random.shuffle(rest)
            kinds: dict[str, Any] = {}
            for pair in rest:
                kinds.setdefault(pair[0].name.split(":")[0], pair)
            first = list(kinds.values())
            self.random.shuffle(first)
            return must + first[:limit]
        return must + [pair for pair in rest if self.random.random() < self.sample]

    def _others(self, row: Row, home: str, first: str, rightful: Asker) -> list[Any]:
        """Everybody else who asks, each with what must come of it."""
        roles = self.book.roles[row.tier]
        other_tier = self.book.roles["dealer" if row.tier == "portal" else "portal"]
        foreign = "south"
        found: list[Any] = []

        def allowed(asker: Asker, answer: Answer) -> None:
            self._succeeded(row, home, asker, answer)
            self._foreign_canaries(row, asker, answer)

        def refused(asker: Asker, answer: Answer) -> None:
            self._refused(
                row, asker, answer, (*row.denied, *((404,) if asker.name.split(": ")[-1] in row.hidden else ()))
            )

        def stranger(asker: Asker, answer: Answer) -> None:
            if row.open_to_all:
                self._foreign_canaries(row, asker, answer, own=False)
            else:
                self._refused(row, asker, answer, (401,) if row.is_api else (302,), sign_in=True)

        def nowhere(asker: Asker, answer: Answer) -> None:
            self._foreign_canaries(row, asker, answer)

        for role in roles:
            if role == first:
                continue
            asker = Asker(f"role: {role}", home, cookie=self.cookie(home, role))
            may = row.may in ((SIGNED_IN,), (ANYONE,)) or role in row.may
            if not (row.open_to_all and row.method not in SAFE):
                found.append((asker, allowed if may else refused))
        if first != NOBODY:
            found.append((Asker("anonymous: nobody", home), stranger))
        for role in roles:
            slug = foreign if row.tier == "dealer" else "north"
            name = role if row.tier == "dealer" else "general_manager"
            found.append((Asker(f"cookie of another member: {name}", home, self.cookie(slug, name)), stranger))
            if row.tier == "portal":
                break
        for role in other_tier:
            found.append((Asker(f"cookie of the other tier: {role}", home, self._other_cookie(row, role)), stranger))
        living = self.world.living[home]
        found.append((Asker("session of a retired person: it", home, living["cookie_retired"]), stranger))
        for name in ("another realm", "yesterday that expired", "somebody who went away"):
            key = {"another realm": "other_realm", "yesterday that expired": "expired"}.get(name, "idle")
            found.append((Asker(f"session of {name}: it", home, living[f"cookie_{key}"]), stranger))
        if "sign-in/second" not in row.path:
            half_way = Asker("session after the first of two steps: it", home, living["cookie_half_way"])
            found.append((half_way, stranger))
        if row.method not in SAFE and not row.open_to_all:
            no_csrf = Asker(f"without CSRF token: {first}", home, rightful.cookie, csrf=False)
            found.append((no_csrf, lambda a, answer: self._refused(row, a, answer, (403,))))
        if row.is_api:
            found += self._with_tokens(row, home, first, allowed)
        if row.args and row.unknown and not row.open_to_all:
            unknown = Asker(f"the rightful with an unknown id: {first}", home, rightful.cookie, unknown=True)
            found.append((unknown, lambda a, answer: self._refused(row, a, answer, (404,))))
        if row.tier == "dealer":
            found += self._at_their_own(row, first, foreign)
        found += [
            (Asker(f"at the other tier's host: {role}", *self._other_side(row, role), objects=home), nowhere)
            for role in other_tier
        ]
        return found

    def _other_side(self, row: Row, role: str) -> tuple[str, str]:
        slug = "north" if row.tier == "portal" else "portal"
        return slug, self.cookie(slug, role)

    def _other_cookie(self, row: Row, role: str) -> str:
        return self._other_side(row, role)[1]

    def _with_tokens(self, row: Row, home: str, first: str, allowed: Any) -> list[Any]:
        living = self.world.living
        found: list[Any] = [
            (Asker(f"the rightful with a token: {first}", home, bearer=self.bearer(home, first)), allowed)
        ]
        poor = self.bearer(home, first, without=row.scope)
        if poor and row.scope:
            asker = Asker(f"token without the scope: {first}", home, bearer=poor)
            found.append((asker, lambda a, answer: self._refused(row, a, answer, (403,))))
        foreign = self.bearer(
            "south" if row.tier == "dealer" else "north", first if row.tier == "dealer" else "general_manager"
        )
        for name, text in (
            ("token of another member: it", foreign),
            ("token of a retired person: it", living[home]["bearer_retired"]),
            ("token that expired: it", living[home]["bearer_expired"]),
            ("token that was revoked: it", living[home]["bearer_revoked"]),
            ("token nobody made: it", "dn_abcdefghij_" + "x" * 43),
        ):
            found.append((Asker(name, home, bearer=text), lambda a, answer: self._refused(row, a, answer, (401,))))
        return found

    def _at_their_own(self, row: Row, first: str, foreign: str) -> list[Any]:
        """Another dealership's people at their own host, with our object's id: as if it did not exist."""
        found: list[Any] = []
        has_object = bool(row.args) and row.unknown

        def same_as_unknown(asker: Asker, answer: Answer) -> None:
            self._foreign_canaries(row, asker, answer)
            if not has_object or row.open_to_all:
                return
            unknown = self.ask(row, Asker(asker.name, foreign, asker.cookie, objects="north", unknown=True))
            if (answer.status, len(answer.text)) != (unknown.status, len(unknown.text)):
                self.result.violations.append(
                    f"{row.name}: {asker.name} can tell a foreign id from an unknown one "
                    f"({answer.status}/{len(answer.text)} against {unknown.status}/{len(unknown.text)})"
                )
            if answer.status not in (404, *row.denied):
                self.result.violations.append(f"{row.name}: {asker.name} got {answer.status} for a foreign id, not 404")

        for role in self.book.roles["dealer"]:
            asker = Asker(f"at another dealership: {role}", foreign, self.cookie(foreign, role), objects="north")
            found.append((asker, same_as_unknown))
        return found

    # -- judging -----------------------------------------------------------------------------------------------

    def _succeeded(self, row: Row, home: str, asker: Asker, answer: Answer) -> bool:
        if answer.status not in row.done:
            said = " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())[:160] if answer.status >= 400 else ""
            self.result.violations.append(
                f"{row.name}: {asker.name} should succeed with {row.done} but got {answer.status} {said}".rstrip()
            )
            return False
        if row.done == (302,) and not row.open_to_all and "sign-in/" in answer.headers:
            self.result.violations.append(f"{row.name}: {asker.name} was sent to the sign-in page")
            return False
        if row.method not in SAFE and row.writes and asker.name.startswith("the rightful") and not answer.audited:
            self.result.violations.append(f"{row.name}: {asker.name} succeeded, but nothing stands in the audit trail")
            return False
        for mark in row.sees:
            if mark in row.blind.get(asker.name.split(": ")[-1], []):
                continue
            slug, _, name = mark.rpartition(":")
            if f"CANARY-{slug or home}-{name}" not in answer.text + answer.headers:
                self.result.violations.append(f"{row.name}: {asker.name} does not see the canary {mark}")
                return False
        for mark in row.blind.get(asker.name.split(": ")[-1], []):
            slug, _, name = mark.rpartition(":")
            if f"CANARY-{slug or home}-{name}" in answer.text + answer.headers:
                self.result.violations.append(f"{row.name}: {asker.name} sees {mark}, which is not for that role")
        return True

    def _refused(
        self, row: Row, asker: Asker, answer: Answer, statuses: tuple[int, ...], *, sign_in: bool = False
    ) -> None:
        if answer.status not in statuses:
            self.result.violations.append(f"{row.name}: {asker.name} got {answer.status}, not {statuses}")
        elif sign_in and answer.status == 302 and "/sign-in/" not in answer.headers:
            self.result.violations.append(f"{row.name}: {asker.name} was redirected, but not to the sign-in page")
        if answer.audited:
            self.result.violations.append(f"{row.name}: refused, {asker.name} still left an entry in the audit trail")
        for slug, mark in sorted(answer.canaries):
            if not mark.startswith(OWN_NAME):
                self.result.violations.append(f"{row.name}: refused, {asker.name} still sees CANARY-{slug}-{mark}")

    def _foreign_canaries(self, row: Row, asker: Asker, answer: Answer, *, own: bool = True) -> None:
        """Nothing of another member, but what dealerships share with the manufacturer."""
        for slug, mark in sorted(answer.canaries):
            ours = slug == asker.host and own
            shared = asker.host == "portal" and own and mark.startswith(self.book.shared)
            if not ours and not shared:
                self.result.violations.append(f"{row.name}: {asker.name} at {asker.host} sees CANARY-{slug}-{mark}")

    # -- methods nobody offers ---------------------------------------------------------------------------------

    def check_other_methods(self, tier: str, path: str) -> None:
        """A method without a row is answered 405 to the people of its neighbour, and refused to strangers."""
        rows = self.book.at(tier, path)
        if not rows:
            return
        row = next(iter(rows.values()))
        home = self._home(row)
        role = row.may[0] if row.may[0] not in (ANYONE, SIGNED_IN) else self.book.roles[tier][0]
        missing = [method for method in METHODS if method not in rows]
        for method in missing if self.limit is None else [self.random.choice(missing)]:
            asker = Asker(f"{method} by {role}", home, self.cookie(home, role))
            answer = self.ask(row, asker, method=method)
            if answer.status != 405:
                self.result.violations.append(
                    f"{tier} {method} /{path} has no row but answers {answer.status}, not 405"
                )
            answer = self.ask(row, Asker(f"{method} by nobody", home), method=method)
            if answer.status not in (302, 401, 403, 405):
                self.result.violations.append(f"{tier} {method} /{path} has no row but answers nobody {answer.status}")


@contextmanager
def undone() -> Iterator[None]:
    """What any login does inside is rolled back."""
    ours = cast(DatabaseWrapper, connection)
    ours.begin_rollback_mode()
    try:
        yield
    finally:
        ours.end_rollback_mode()


def check(
    result: Result,
    world: World,
    *,
    limit: int | None = None,
    seed: int = 0,
    sample: float = 1.0,
    only: Any = None,
    traces: Traces | None = None,
) -> None:
    """Try every row. `limit` refusals a row (all without), or each with the probability `sample`; `only` picks rows.
    What is left behind is looked at in `traces`."""
    book = read()
    prober = Prober(result, world, book, limit=limit, seed=seed, sample=sample, traces=traces)
    if only is None:
        for tier in URLCONFS:
            there, named = routes(tier), {row.path for row in book.rows if row.tier == tier}
            result.violations += [f"{tier}: /{path} has no row in routes.toml" for path in sorted(there - named)]
            result.violations += [f"{tier}: routes.toml names /{path}, not a route" for path in sorted(named - there)]
    for row in book.rows:
        if row.path in prober_routes(row.tier) and (only is None or only(row)):
            prober.check_row(row)
            result.count("rows")
    if only is None:
        for tier in URLCONFS:
            for path in sorted(prober_routes(tier)):
                prober.check_other_methods(tier, path)
                result.count("routes")
    cache.clear()


def prober_routes(tier: str) -> set[str]:
    """The tier's routes, looked up once a run."""
    if tier not in _routes:
        _routes[tier] = routes(tier)
    return _routes[tier]


_routes: dict[str, set[str]] = {}


# -- small things ----------------------------------------------------------------------------------------------


def _filled(given: Any, living: Living) -> Any:
    """The same with `{kind}` replaced by the living object of that kind, and `{today+3}` by a day."""
    if isinstance(given, dict):
        return {key: _filled(value, living) for key, value in given.items()}
    if isinstance(given, list):
        return [_filled(value, living) for value in given]
    if not isinstance(given, str):
        return given
    from datetime import timedelta

    from kernel import clock

    given = re.sub(
        r"\{today([+-]\d+)?\}",
        lambda m: (timezone.localdate(clock.now()) + timedelta(days=int(m[1] or 0))).isoformat(),
        given,
    )
    if given == "{checklist}":
        return living["checklist"].split(",")
    return _PLACE.sub(lambda match: living[match[1]], given)


def _audit_entries(side: Side) -> int:
    from kernel.audit.models import Entry

    with side.bound():
        return Entry.objects.count()


def _unknown(value: str) -> str:
    try:
        UUID(value)
    except ValueError:
        return "nobody-has-this"
    return str(uuid4())


def _multipart(body: dict[str, Any]) -> tuple[bytes, str]:
    """A form; a value that is a table `{file, type, text}` is an upload, a list is several values."""
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

    data = {
        key: SimpleUploadedFile(
            value["file"], bytes.fromhex(value["hex"]) if "hex" in value else value["text"].encode(), value["type"]
        )
        if isinstance(value, dict)
        else value
        for key, value in body.items()
    }
    return encode_multipart(BOUNDARY, data), MULTIPART_CONTENT
