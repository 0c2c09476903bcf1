"""Counts attempts in sliding blocks of time, in the cache; in this process's memory when the cache does not answer.

A count belongs to one tenant. Counting never fails a request: a cache that is down makes the limits looser (per
process), never absent.
"""

import hashlib
import logging
import threading
import time
from dataclasses import dataclass

from django.core.cache import cache

from kernel.accounts.sessions import realm
from kernel.errors import TooMany

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """At most `times` attempts in a block of `seconds`."""

    name: str
    times: int
    seconds: int


@dataclass(frozen=True)
class Waits:
    """`free` tries; from then on a wait after each, `first` seconds and twice as long each time, at most `longest`.

    Tries are forgotten `forget` seconds after the first, and by a success.
    """

    name: str
    free: int
    first: int
    longest: int
    forget: int


# A person who mistypes is let in again after a quarter of an hour; a guesser gets some forty tries an hour for one
# login from one place. The limit over all places is higher, so that a stranger cannot lock a known login out by a few
# tries. Tries from a device where the login has signed in before count for that device alone, so nobody elsewhere can
# keep a person out of it.
SIGN_IN_DEVICE = Limit("sign-in-device", 10, 900)
SIGN_IN_PAIR = Limit("sign-in-pair", 10, 900)
SIGN_IN_LOGIN = Limit("sign-in-login", 100, 3600)
SIGN_IN_ADDRESS = Limit("sign-in-address", 100, 900)
RESET_ADDRESS = Limit("reset-address", 20, 3600)
RESET_LOGIN = Limit("reset-login", 5, 3600)
PASSKEY_PAGE = Limit("passkey-page", 100, 900)
# Six digits: at 15 minutes a try, of which three codes in a million are right, guessing takes a decade on average.
SECOND_STEP = Waits("second-step", 5, 30, 900, 86_400)
PROOF = Waits("proof", 5, 30, 900, 86_400)

_memory: dict[str, tuple[float, int]] = {}
_lock = threading.Lock()


def seconds_left(seconds: int) -> int:
    """Seconds until the running block of that length ends."""
    return seconds - int(time.time()) % seconds


def _key(limit: Limit, subject: str) -> tuple[str, int]:
    block, left = divmod(int(time.time()), limit.seconds)
    digest = hashlib.sha256(f"{realm()}|{subject}".encode()).hexdigest()[:32]
    return f"throttle:{limit.name}:{block}:{digest}", limit.seconds - left


def _in_memory(key: str, seconds: int, add: int) -> int:
    now = time.monotonic()
    with _lock:
        if len(_memory) > 10_000:
            _memory.clear()  # rather forget than grow without end
        until, count = _memory.get(key, (now + seconds, 0))
        _memory[key] = (until, count + add)
        return count + add


def count(limit: Limit, subject: str, add: int = 1) -> int:
    """Add to the count of the present block and return it. `add=0` only looks."""
    key, left = _key(limit, subject)
    try:
        cache.add(key, 0, left + 1)
        return int(cache.incr(key, add)) if add else int(cache.get(key) or 0)
    except Exception:  # whatever a cache client raises: counting must go on
        log.warning("throttle: the cache did not answer, counting in memory")
        return _in_memory(key, left, add)


def check(limit: Limit, subject: str) -> None:
    """Raise TooMany when the limit is reached already. Does not count."""
    if count(limit, subject, 0) >= limit.times:
        raise TooMany(_key(limit, subject)[1])


def take(limit: Limit, subject: str) -> None:
    """Count a try before it is made; raise TooMany beyond the limit. So those made at once cannot exceed it."""
    if count(limit, subject) > limit.times:
        raise TooMany(_key(limit, subject)[1])


def _waits_key(waits: Waits, subject: str) -> str:
    return f"throttle:{waits.name}:{hashlib.sha256(f'{realm()}|{subject}'.encode()).hexdigest()[:32]}"


def take_with_waits(waits: Waits, subject: str) -> int:
    """Count a try before it is made and return its number; raise TooMany while the wait after an earlier one runs."""
    key = _waits_key(waits, subject)
    try:
        until = cache.get(f"{key}:until")
        if until:
            raise TooMany(int(until - time.time()))
        cache.add(key, 0, waits.forget)
        number = int(cache.incr(key))
        if number >= waits.free:
            wait = min(waits.first * 2 ** min(number - waits.free, 20), waits.longest)
            # Of tries made at once, only the one that begins the wait is let through.
            if not cache.add(f"{key}:until", time.time() + wait, wait):
                raise TooMany(wait)
        return number
    except TooMany:
        raise
    except Exception:  # whatever a cache client raises: counting must go on
        log.warning("throttle: the cache did not answer, counting in memory")
    number = _in_memory(key, waits.longest, 1)
    if number > waits.free:
        raise TooMany(waits.longest)
    return number


def forget_waits(waits: Waits, subject: str) -> None:
    """Start again with free tries (after a success)."""
    key = _waits_key(waits, subject)
    _forget(key, f"{key}:until")


def forget(limit: Limit, subject: str) -> None:
    """Start again at zero (after a success)."""
    _forget(_key(limit, subject)[0])


def _forget(*keys: str) -> None:
    for key in keys:
        with _lock:
            _memory.pop(key, None)
        try:
            cache.delete(key)
        except Exception:
            log.warning("throttle: the cache did not answer")
