"""How a child process is started so that it never outlives its parent, as whom, and where its sockets go."""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import pwd
import signal
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypedDict

SOCKET_PATH_LIMIT = 107  # bytes of sockaddr_un.sun_path without the final zero (Linux)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_UNPRIVILEGED = 65534

_libc = ctypes.CDLL(None, use_errno=True)  # looked up before any fork: loading between fork and exec may deadlock


class LaunchError(Exception):
    """A server cannot be started; the message says why and what to do."""


class InUseError(LaunchError):
    """Somebody else holds the folder."""


def die_with_parent(signum: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Have the kernel send ``signum`` to this process as soon as the *thread* that started it ends.

    Call it in the child. ``parent`` is the pid that should still be the parent: when it is already gone, the
    process ends at once (the signal would never come).
    """
    _libc.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


class PopenOptions(TypedDict, total=False):
    """Arguments of ``subprocess`` that say whose process it is."""

    user: int
    group: int | None
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """As whom a server runs. Neither field set: as ourselves. ``uid``: as that user.
    ``namespace``: as ourselves outside, as an unprivileged user inside a user namespace of its own."""

    uid: int | None = None
    gid: int | None = None
    namespace: bool = False

    def popen_options(self) -> PopenOptions:
        """Arguments for ``subprocess`` that switch the user (no useradd, no shell)."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def owns(self, path: Path) -> None:
        """Give a file or folder that we made to this account."""
        if self.uid is not None:
            os.chown(path, self.uid, -1 if self.gid is None else self.gid)

    def enter(self) -> None:
        """Called in the child before exec."""
        if self.namespace:
            _enter_user_namespace()


def _enter_user_namespace() -> None:
    uid, gid = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not available")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_UNPRIVILEGED} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{_UNPRIVILEGED} {gid} 1")


def nobody() -> Account:
    """The unprivileged account that every Linux has."""
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def namespaced() -> Account:
    return Account(namespace=True)


def child_setup(account: Account, death_signal: int) -> Callable[[], None]:
    """What runs in the child between fork and exec. The user switch comes first: changing credentials clears
    the death signal."""
    parent = os.getpid()

    def setup() -> None:
        account.enter()
        die_with_parent(death_signal, parent)

    return setup


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    output: IO[bytes] | int,
    cwd: Path | None = None,
    account: Account | None = None,
    death_signal: int = signal.SIGTERM,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own with exactly the environment ``env``.

    It gets ``death_signal`` when the calling thread ends, so call this from a thread that lives as long as
    the child may. Ctrl-C in a terminal reaches us alone; the order in which children stop is ours to
    choose.
    """
    account = account or Account()
    return subprocess.Popen(
        [str(word) for word in argv],
        env=dict(env),
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        start_new_session=True,
        preexec_fn=child_setup(account, death_signal),
        **account.popen_options(),
    )


def can_run(argv: Sequence[str | Path], account: Account) -> bool:
    """Whether the account can execute this command successfully."""
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.defpath},
            preexec_fn=account.enter if account.namespace else None,
            check=False,
            **account.popen_options(),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def can_reach(folder: Path, account: Account) -> bool:
    """Whether the account can enter the folder through all of its parents."""
    return can_run(["/bin/sh", "-c", 'cd -- "$1"', "sh", folder], account)


def socket_folder(wanted: Path, longest_name: str) -> Path:
    """``wanted``, or a short private folder in /tmp named after it when a socket path there would be too
    long."""
    if len(os.fsencode(wanted / longest_name)) <= SOCKET_PATH_LIMIT:
        return wanted
    digest = hashlib.sha256(os.fsencode(wanted.resolve())).hexdigest()[:16]
    return Path("/tmp") / f"dealernet-{os.getuid()}-{digest}"  # noqa: S108 - make_private checks the owner


def make_private(folder: Path, account: Account | None = None) -> Path:
    """Make ``folder`` (mode 0700) for the account, or check that an existing one is really ours.

    The check matters in /tmp, where anybody could have made a folder of that name before us.
    Raises LaunchError when it is a link or belongs to somebody else.
    """
    account = account or Account()
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    found = folder.lstat()
    allowed = {os.getuid()} | ({account.uid} if account.uid is not None else set())
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in allowed:
        raise LaunchError(f"{folder} exists but is not a folder of ours. Remove it and try again.")
    account.owns(folder)
    folder.chmod(0o700)
    return folder


class Lock:
    """An exclusive lock on a file, held until ``release`` or until this process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether we hold it."""
        return self._descriptor is not None

    def acquire(self, what: str) -> None:
        """Raises InUseError, naming ``what`` and the holder's pid, when another process holds it."""
        if self._descriptor is not None:
            raise InUseError(f"{what} is already in use by this process.")
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise InUseError(f"{what} is already in use by process {holder or 'unknown'}.") from None
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
