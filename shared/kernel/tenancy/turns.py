"""Turns: however much work one dealership asks for, another's is not kept waiting.

A broker's queue is first come, first served: ten thousand tasks of one dealership would stand before the single task
of another. So the dealers' tasks do not stand in Celery's queue. Each dealership has lists of its own in the broker's
Valkey (or Redis), and the dealerships that have something stand in a ring. What stands in Celery's queue is a nameless
*turn*: whoever works it off takes the next dealership of the ring, does one of its jobs, puts it at the ring's end, and
goes on for a few seconds. So a job begins after at most one job of each other dealership, times its place in its list.

A job that is asked for again before it began is the same job: rows are the truth, a job says "look". A dealership may
have so many jobs in flight, and so many begun in a minute (`kernel.tenancy.limits`); what is over stays in its list. A
job with more to do than fits into one turn answers `AGAIN` and comes to the end of its list. A worker that dies loses
nothing: its turn comes again with its job, or the sweep finds the job when its lease is over; after `TRIES` it is given
up, and whatever sweeps the rows asks again.

With a broker that is neither Valkey nor Redis the tasks stand in Celery's queue, first come, first served.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from celery import current_app
from kombu import Connection
from prometheus_client import Counter

from kernel.tenancy import limits

log = logging.getLogger(__name__)

QUEUE = "dealers"
#: Where urgent tasks stand when dealerships cannot take turns.
URGENT_QUEUE = "dealers.inbox"
TURN, LATER, SWEEP = "tenancy.turn", "tenancy.ask_later", "tenancy.sweep_turns"
#: What a task returns that has more to do.
AGAIN = "again"
#: A turn begins no further job after so many seconds.
TURN_SECONDS = 2.0
#: So many turns stand in Celery's queue at most; each does many jobs, and none does harm.
TURNS_AT_MOST = 16
#: After so many seconds a job that was begun is taken for lost: more than any task may run (celery_app).
LEASE_SECONDS = 100
#: A job is begun so often at most when workers die over it.
TRIES = 3

JOBS = Counter("dealernet_jobs", "Jobs of dealerships", ["what"])

_PREFIX = "turns:"

# All state is changed by these alone, each of which nothing comes between. `ring`: dealerships that have jobs waiting,
# each once. `u:` and `n:` + dealership: its urgent and its other jobs; `q:`: both as a set. `busy:`: its leases by
# their end. `held`: lease → dealership, tries, job. `rate:`: jobs begun in a minute. `pending`: turns in Celery's.
_LIBRARY = """
local P = KEYS[1]
local function now() return tonumber(redis.call('TIME')[1]) end
local function waiting(d) return redis.call('LLEN', P..'u:'..d) + redis.call('LLEN', P..'n:'..d) end
local function add(d, job, list)
  if redis.call('SADD', P..'q:'..d, job) == 0 then return 0 end
  if waiting(d) == 0 then redis.call('RPUSH', P..'ring', d) end
  redis.call('RPUSH', P..list..':'..d, job)
  return 1
end
"""
_ADD = (
    _LIBRARY
    + """
local list = ARGV[3] == '1' and 'u' or 'n'
if add(ARGV[1], ARGV[2], list) == 0 then return {0, 0} end
if tonumber(redis.call('GET', P..'pending') or '0') >= tonumber(ARGV[4]) then return {1, 0} end
redis.call('INCR', P..'pending')
return {1, 1}
"""
)
_TAKE = (
    _LIBRARY
    + """
local lease, t = ARGV[1], now()
local ends = t + tonumber(ARGV[2])
local held = redis.call('HGET', P..'held', lease)
if held then
  local entry = cjson.decode(held)
  if entry[2] < tonumber(ARGV[4]) then
    held = cjson.encode({entry[1], entry[2] + 1, entry[3]})
    redis.call('HSET', P..'held', lease, held)
    redis.call('ZADD', P..'busy:'..entry[1], ends, lease)
    redis.call('ZADD', P..'leases', ends, lease)
    return held
  end
  redis.call('HDEL', P..'held', lease)
  redis.call('ZREM', P..'leases', lease)
  redis.call('ZREM', P..'busy:'..entry[1], lease)
end
for _ = 1, redis.call('LLEN', P..'ring') do
  local d = redis.call('LPOP', P..'ring')
  local rate = P..'rate:'..d..':'..math.floor(t / 60)
  redis.call('ZREMRANGEBYSCORE', P..'busy:'..d, '-inf', t)
  local own = redis.call('HGET', P..'limits', d)
  local at_once, a_minute = string.match(own or ARGV[3], '(%d+),(%d+)')
  if redis.call('ZCARD', P..'busy:'..d) < tonumber(at_once)
     and tonumber(redis.call('GET', rate) or '0') < tonumber(a_minute) then
    local job = redis.call('LPOP', P..'u:'..d) or redis.call('LPOP', P..'n:'..d)
    redis.call('SREM', P..'q:'..d, job)
    if waiting(d) > 0 then redis.call('RPUSH', P..'ring', d) end
    redis.call('INCR', rate)
    redis.call('EXPIRE', rate, 120)
    redis.call('ZADD', P..'busy:'..d, ends, lease)
    redis.call('ZADD', P..'leases', ends, lease)
    held = cjson.encode({d, 1, job})
    redis.call('HSET', P..'held', lease, held)
    return held
  end
  redis.call('RPUSH', P..'ring', d)
end
return false
"""
)
_DONE = (
    _LIBRARY
    + """
local lease = ARGV[1]
local held = redis.call('HGET', P..'held', lease)
if held then
  local entry = cjson.decode(held)
  redis.call('HDEL', P..'held', lease)
  redis.call('ZREM', P..'leases', lease)
  redis.call('ZREM', P..'busy:'..entry[1], lease)
  if ARGV[2] == '1' then add(entry[1], entry[3], 'n') end
end
return redis.call('LLEN', P..'ring')
"""
)
_SWEEP = (
    _LIBRARY
    + """
local lost, given_up = 0, {}
for _, lease in ipairs(redis.call('ZRANGEBYSCORE', P..'leases', '-inf', now())) do
  local entry = cjson.decode(redis.call('HGET', P..'held', lease))
  redis.call('ZREM', P..'leases', lease)
  redis.call('HDEL', P..'held', lease)
  redis.call('ZREM', P..'busy:'..entry[1], lease)
  local tries = P..'tries:'..entry[3]
  if redis.call('INCR', tries) < tonumber(ARGV[1]) then
    redis.call('EXPIRE', tries, 3600)
    add(entry[1], entry[3], 'n')
    lost = lost + 1
  else
    redis.call('DEL', tries)
    table.insert(given_up, entry[3])
  end
end
local turns = math.min(redis.call('LLEN', P..'ring'), tonumber(ARGV[2]))
redis.call('SET', P..'pending', turns)
return {turns, lost, given_up}
"""
)
_BEGIN = (
    _LIBRARY
    + """
if tonumber(redis.call('GET', P..'pending') or '0') > 0 then redis.call('DECR', P..'pending') end
"""
)


@dataclass(frozen=True, slots=True)
class Job:
    """One job of one dealership: a task's name and its arguments, of which the first is the dealership's id."""

    dealer_id: str
    task: str
    arguments: list[Any]


#: One try, and a short one: whoever asks for a job may be in a request.
_ONE_TRY = {"max_retries": 0, "socket_timeout": 2, "socket_connect_timeout": 2}

_local = threading.local()
_clients: dict[str, redis.Redis] = {}


def _url() -> str:
    """The broker as redis-py writes it; empty for one that is neither Valkey nor Redis."""
    url = str(current_app.conf.broker_url or "")
    if url.startswith("redis+socket://"):
        return url.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=")
    return url if url.startswith(("redis://", "rediss://")) else ""


def fair() -> bool:
    """Whether dealerships take turns: the broker keeps lists."""
    return bool(_url())


def _client() -> redis.Redis:
    url = _url()
    if url not in _clients:
        _clients[url] = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, decode_responses=True)
    return _clients[url]


def _run(script: str, *arguments: Any) -> Any:
    return _client().eval(script, 1, _PREFIX, *arguments)


# -- asking ----------------------------------------------------------------------------------------------------


def ask(task: str, dealer_id: UUID | str, *arguments: Any, urgent: bool = False, after: float = 0.0) -> None:
    """Ask the dealers' workers for a job of one dealership. A hint: one that cannot be given is logged and never fails,
    nor holds up, the work it follows.

    An `urgent` job comes before the others of its own dealership, never before another's. `after`: seconds to wait.
    """
    ask_all(task, [dealer_id], *arguments, urgent=urgent, after=after)


def ask_all(
    task: str, dealer_ids: Iterable[UUID | str], *arguments: Any, urgent: bool = False, after: float = 0.0
) -> None:
    """Ask for the same job of several dealerships."""
    try:
        if not fair():
            for dealer_id in dealer_ids:
                queue = URGENT_QUEUE if urgent else QUEUE
                _send(task, [str(dealer_id), *arguments], queue, countdown=after or None)
        elif after:
            ids = [str(dealer_id) for dealer_id in dealer_ids]
            _send(LATER, [task, ids, list(arguments), urgent], countdown=after)
        else:
            _add([(task, [str(dealer_id), *arguments]) for dealer_id in dealer_ids], urgent)
    except Exception as error:  # a broker that is down must not fail the work: a sweep finds the rows
        log.warning("hint not sent: %s", error)


def _add(jobs: list[tuple[str, list[Any]]], urgent: bool) -> None:
    with _client().pipeline(transaction=False) as pipe:
        for task, arguments in jobs:
            document = json.dumps([task, arguments], separators=(",", ":"))
            pipe.eval(_ADD, 1, _PREFIX, arguments[0], document, int(urgent), TURNS_AT_MOST)
        answers = pipe.execute()
    for added, turn in answers:
        JOBS.labels("asked" if added else "known").inc()
        if turn:
            _send(TURN, [])


def _send(task: str, arguments: list[Any], queue: str = QUEUE, **options: Any) -> None:
    if not hasattr(_local, "link"):
        _local.link = Connection(current_app.conf.broker_url, transport_options=_ONE_TRY)
    try:
        current_app.send_task(task, arguments, queue=queue, retry=False, connection=_local.link, **options)
    except Exception:
        forget()
        raise


def forget() -> None:
    """Connect anew next time."""
    if hasattr(_local, "link"):
        _local.link.release()
        del _local.link


# -- working off -----------------------------------------------------------------------------------------------


def take(lease: str) -> Job | None:
    """The next job, under a lease; the same one again when this lease has one. None when nobody may begin one."""
    standard = limits.standard()
    held = _run(_TAKE, lease, LEASE_SECONDS, f"{standard.jobs_at_once},{standard.jobs_per_minute}", TRIES)
    if not held:
        return None
    dealer_id, _tries, job = json.loads(held)
    task, arguments = json.loads(job)
    return Job(dealer_id, task, arguments)


def done(lease: str, *, again: bool = False) -> int:
    """End the lease's job, or put it at the end of its list. Returns how many dealerships have jobs waiting."""
    return int(_run(_DONE, lease, int(again)))


def work(lease: str) -> int:
    """One turn: jobs of one dealership after the other until TURN_SECONDS are over or there is none. Returns how many.

    A job that fails is logged; the turn goes on. Called unbound.
    """
    _run(_BEGIN)
    end, number = time.monotonic() + TURN_SECONDS, 0
    while (job := take(lease)) is not None:
        number += 1
        again = _do(job)
        left = done(lease, again=again)
        if time.monotonic() >= end:
            if left:
                _run_again()
            break
    return number


def _run_again() -> None:
    try:
        _client().incr(f"{_PREFIX}pending")
        _send(TURN, [])
    except Exception as error:  # the sweep sends another one
        log.warning("turn not sent: %s", error)


def _do(job: Job) -> bool:
    """Whether it has more to do."""
    try:
        again = bool(current_app.tasks[job.task](*job.arguments) == AGAIN)
    except Exception:
        JOBS.labels("failed").inc()
        log.exception("job %s of %s failed", job.task, job.dealer_id)
        return False
    JOBS.labels("done").inc()
    return again


def sweep() -> int:
    """Find what was lost with a worker or the broker, and tell the broker every dealership's own limits. Returns the
    number of turns sent. Called unbound."""
    if not fair():
        return 0
    own: dict[Any, Any] = {
        str(id_): f"{own.jobs_at_once},{own.jobs_per_minute}" for id_, own in limits.all_own().items()
    }
    with _client().pipeline() as pipe:
        pipe.delete(f"{_PREFIX}limits")
        if own:
            pipe.hset(f"{_PREFIX}limits", mapping=own)
        pipe.execute()
    turns, lost, given_up = _run(_SWEEP, TRIES, TURNS_AT_MOST)
    if lost:
        log.warning("%s jobs were lost with their workers and come again", lost)
    for job in given_up:
        log.error("job given up, workers died over it %s times: %s", TRIES, job)
    for _ in range(turns):
        _send(TURN, [])
    return int(turns)


def withdraw(dealer_id: UUID | str) -> int:
    """Take back every job of a dealership that has not begun; returns how many. What rows need is asked for again."""
    with _client().pipeline() as pipe:
        pipe.llen(f"{_PREFIX}u:{dealer_id}")
        pipe.llen(f"{_PREFIX}n:{dealer_id}")
        pipe.lrem(f"{_PREFIX}ring", 0, str(dealer_id))
        pipe.delete(f"{_PREFIX}u:{dealer_id}", f"{_PREFIX}n:{dealer_id}", f"{_PREFIX}q:{dealer_id}")
        urgent, other, *_rest = pipe.execute()
    return int(urgent) + int(other)


def backlog(dealer_id: UUID | str) -> dict[str, int]:
    """How many jobs of a dealership wait, are being done, and were begun this minute. Zeros without turns."""
    if not fair():
        return {"waiting": 0, "in_flight": 0, "this_minute": 0}
    seconds = int(_client().time()[0])
    with _client().pipeline() as pipe:
        pipe.llen(f"{_PREFIX}u:{dealer_id}")
        pipe.llen(f"{_PREFIX}n:{dealer_id}")
        pipe.zcount(f"{_PREFIX}busy:{dealer_id}", seconds, "+inf")
        pipe.get(f"{_PREFIX}rate:{dealer_id}:{seconds // 60}")
        urgent, other, busy, begun = pipe.execute()
    return {"waiting": urgent + other, "in_flight": busy, "this_minute": int(begun or 0)}
