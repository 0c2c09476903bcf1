"""Starts the processes of one network, keeps them running, and stops them all.

One thread, one loop. All children are started from the main thread: the kernel's death signal is tied to
the thread that started the child.
"""

import enum
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any

import dealernet
from dealernet.embedded import guard, launch, processes
from dealernet.embedded.launch import LaunchError

LOG_LIMIT = 20 * 1024 * 1024  # bytes; then the log is kept once as <name>.log.1
FIRST_PAUSE = 0.2  # seconds before the first restart; doubled with every further failure
LONGEST_PAUSE = 30.0
STEADY = 60.0  # a process that ran this long counts as healthy again
TRIES = 4  # deaths before it ever was ready, then the start has failed
SETTLED = 0.5  # seconds after which a process without a check counts as ready


class Stage(enum.IntEnum):
    """Started from the lowest to the highest, stopped from the highest to the lowest."""

    DATABASES = 0
    WORK = 1
    WEB = 2
    FRONT = 3


class StopRequested(BaseException):
    """SIGINT, SIGTERM or SIGHUP came. Like KeyboardInterrupt no error, so no `except Exception` takes it."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """One declared process.

    ``env`` is its whole environment (the run mark is added). ``ready`` says whether it serves; without it the
    process counts as ready when it has lived for half a second. ``launch`` starts servers that know best how
    (``argv`` is then not used). ``show`` prints its output besides writing it to the log. With ``restart`` False
    an end is final; with ``until_done`` an end with status 0 is, and another one is tried again, at most ``TRIES``
    times in a row that each lasted less than ``STEADY``.
    """

    name: str
    argv: Sequence[str | Path] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    restart: bool = True
    until_done: bool = False
    stage: Stage = Stage.WORK
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10.0
    show: bool = False
    launch: Callable[[], subprocess.Popen[bytes]] | None = None


class _Child:
    """A declared process and what became of it."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.popen: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.failures = 0
        self.was_ready = False
        self.next_start: float | None = None
        self.status: int | None = None
        self.rest = b""
        self.awaited = False

    @property
    def running(self) -> bool:
        return self.popen is not None

    def output(self) -> IO[bytes] | None:
        return self.popen.stdout if self.popen is not None else None


def _how(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


class Supervisor:
    """The processes of the network with data folder ``data``.

    Use: ``open``, ``start`` … ``wait_ready``, ``run``, ``watch``, and always ``close`` in the end. ``say``
    gets one line for everything a person should know.
    """

    def __init__(self, data: Path, say: Callable[[str], None] = print) -> None:
        self.data = Path(data).resolve()
        self.logs = self.data / "log"
        self._say = say
        self._lock = launch.Lock(self.data / "lock")
        self._children: dict[str, _Child] = {}
        self._stragglers: list[tuple[int, float]] = []
        self._guard: subprocess.Popen[bytes] | None = None
        self._stops = 0
        self._old_handlers: dict[int, Any] = {}
        self._wake: tuple[int, int] | None = None
        self._logs_checked = 0.0

    # -- life ------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Take the data folder (InUseError when another supervisor has it), end what an earlier run left,
        and start the guard."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self._lock.acquire(f"The data folder {self.data}")
        self._listen()
        # An old guard that is still cleaning up would end the new processes too.
        old = processes.find(self.data)
        processes.send((pid for pid in old if processes.carries(pid, "DEALERNET_PROCESS", guard.PROCESS_NAME)), 9)
        ended = processes.end_all(lambda: processes.find(self.data), patience=2.0)
        if ended:
            self._say(f"Ended {len(ended)} processes that an earlier run had left.")
        self._start_guard()

    def start(self, process: Process) -> None:
        """Start a declared process. Raises LaunchError when that fails at once."""
        child = _Child(process)
        self._children[process.name] = child
        self._launch(child)

    def wait_ready(self, seconds: float = 120.0) -> None:
        """Return when all started processes are ready.

        Raises StopRequested on a signal, LaunchError when one keeps ending or the time is over.
        """
        end = time.monotonic() + seconds
        pause = 0.01
        while waiting := [child for child in self._children.values() if not self._is_ready(child)]:
            failed = next((child for child in waiting if child.failures >= TRIES and not child.was_ready), None)
            if failed is not None:
                raise LaunchError(f"{failed.process.name} does not start.\n{self._log_end(failed.process.name)}")
            if time.monotonic() > end:
                slow = waiting[0].process.name
                raise LaunchError(f"{slow} is not ready after {seconds:.0f} s.\n{self._log_end(slow)}")
            self._turn(pause)
            pause = min(pause * 1.5, 0.2)

    def run(self, process: Process) -> None:
        """Run a process to its end. Raises LaunchError when its status is not 0, StopRequested on a
        signal."""
        child = _Child(process)
        child.awaited = True
        self._children[process.name] = child
        self._launch(child)
        while child.running:
            self._turn(1.0)
        del self._children[process.name]
        if child.status != 0:
            said = "" if process.show else f"\n{self._log_end(process.name)}"
            raise LaunchError(f"{process.name} {_how(child.status or 0)}.{said}")

    def watch(self) -> None:
        """Keep everything running until a signal comes."""
        try:
            while True:
                self._turn(1.0)
        except StopRequested:
            return

    def close(self) -> None:
        """Stop everything, stage by stage, and give the folder back. A second signal meanwhile kills at
        once."""
        if not self._lock.held:
            return  # somebody else's network
        try:
            for stage in sorted(Stage, reverse=True):
                if stage is Stage.DATABASES:
                    self._sweep()
                self._stop_stage(stage)
            self._sweep(databases=True)
        finally:
            self._dismiss_guard()
            self._unlisten()
            self._lock.release()

    # -- children --------------------------------------------------------------------------------------------

    def _launch(self, child: _Child) -> None:
        process = child.process
        child.next_start = None
        child.started = time.monotonic()
        if process.launch is not None:
            child.popen = process.launch()
            return
        with self._log(process.name).open("ab") as log:
            child.popen = launch.spawn(
                process.argv,
                env={**process.env, **processes.KEEPS_ENVIRONMENT, processes.RUN_VARIABLE: str(self.data)},
                output=subprocess.PIPE if process.show else log,
                death_signal=signal.SIGTERM,
            )
        if child.popen.stdout is not None:
            os.set_blocking(child.popen.stdout.fileno(), False)

    def _is_ready(self, child: _Child) -> bool:
        if not child.running:
            return not (child.process.restart and not child.process.until_done) and child.next_start is None
        check = child.process.ready
        try:
            ready = check() if check is not None else time.monotonic() - child.started > SETTLED
        except LaunchError:
            self._reap()
            if child.running:
                raise
            return False
        child.was_ready = child.was_ready or ready
        return ready

    def _turn(self, seconds: float) -> None:
        """One turn of the loop: sleep until something happens, at most ``seconds``; then look after
        everything."""
        now = time.monotonic()
        due = [child.next_start - now for child in self._children.values() if child.next_start is not None]
        due += [deadline - now for _, deadline in self._stragglers]
        outputs = {out.fileno(): child for child in self._children.values() if (out := child.output())}
        wake = [self._wake[0]] if self._wake else []
        readable, _, _ = select.select([*wake, *outputs], [], [], max(0.0, min([seconds, *due])))
        for number in readable:
            if number in outputs:
                self._pass_on(outputs[number])
            else:
                os.read(number, 4096)
        if self._stops:
            raise StopRequested
        self._reap()
        self._end_stragglers()
        self._look_after_guard()
        for child in self._children.values():
            if child.next_start is not None and child.next_start <= time.monotonic():
                self._restart(child)
        self._rotate_logs()

    def _reap(self) -> None:
        for child in list(self._children.values()):
            popen = child.popen
            if popen is None or popen.poll() is None:
                continue
            self._pass_on(child, last=True)
            child.popen, child.status = None, popen.returncode
            # Workers of a killed master finish what they do, but not for long.
            rest = processes.members(popen.pid, self.data)
            if rest:
                processes.send(rest, signal.SIGTERM)
                self._stragglers.append((popen.pid, time.monotonic() + child.process.stop_seconds))
            self._decide(child, popen.returncode)

    def _decide(self, child: _Child, status: int) -> None:
        name = child.process.name
        if child.awaited:
            return
        if time.monotonic() - child.started > STEADY:
            child.failures = 0
        final = not child.process.restart or (child.process.until_done and child.failures >= TRIES)
        if final or (child.process.until_done and status == 0):
            if status != 0:
                self._say(f"{name} {_how(status)}; see {self._log(name)}.")
            return
        pause = min(FIRST_PAUSE * 2**child.failures, LONGEST_PAUSE)
        child.failures += 1
        child.next_start = time.monotonic() + pause
        self._say(f"{name} {_how(status)}; starting it again in {pause:.1f} s (log: {self._log(name)}).")

    def _restart(self, child: _Child) -> None:
        try:
            self._launch(child)
            self._say(f"{child.process.name} was started again.")
        except (LaunchError, OSError) as error:
            pause = min(FIRST_PAUSE * 2**child.failures, LONGEST_PAUSE)
            child.failures += 1
            child.next_start = time.monotonic() + pause
            self._say(f"{child.process.name} cannot be started: {error} Next try in {pause:.1f} s.")

    def _end_stragglers(self) -> None:
        for group, deadline in list(self._stragglers):
            left = processes.members(group, self.data)
            if left and time.monotonic() > deadline:
                processes.send(left, signal.SIGKILL)
            if not left or time.monotonic() > deadline:
                self._stragglers.remove((group, deadline))

    def _stop_stage(self, stage: Stage) -> None:
        children = [child for child in self._children.values() if child.process.stage is stage and child.popen]
        for child in children:
            if child.popen is not None:
                child.popen.send_signal(child.process.stop_signal)
        asked = time.monotonic()
        while waiting := [child for child in children if child.popen is not None and child.popen.poll() is None]:
            for child in waiting:
                self._pass_on(child)
                if self._stops > 1 or time.monotonic() - asked > child.process.stop_seconds:
                    self._kill(child)
            time.sleep(0.02)
        for child in children:
            self._pass_on(child, last=True)
            child.popen = None

    def _kill(self, child: _Child) -> None:
        assert child.popen is not None
        try:
            os.killpg(child.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _sweep(self, *, databases: bool = False) -> None:
        """End what is left of the network: grandchildren that left their group or outlived their master."""

        def left() -> list[int]:
            found = set(processes.find(self.data))
            if self._guard is not None:
                found.discard(self._guard.pid)
            return sorted(found if databases else found - set(processes.servers_among(found)))

        processes.end_all(left, patience=0.0 if self._stops > 1 else 1.0)

    # -- guard -----------------------------------------------------------------------------------------------

    def _start_guard(self) -> None:
        self._guard = subprocess.Popen(
            [sys.executable, "-S", "-m", "dealernet.embedded.guard", str(self.data)],
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "PYTHONPATH": str(Path(dealernet.__file__).parents[1]),
                "DEALERNET_PROCESS": guard.PROCESS_NAME,
                processes.RUN_VARIABLE: str(self.data),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def _look_after_guard(self) -> None:
        if self._guard is not None and self._guard.poll() is not None:
            if self._guard.stdin is not None:
                self._guard.stdin.close()
            self._say("The guard ended; starting it again.")
            self._start_guard()

    def _dismiss_guard(self) -> None:
        if self._guard is None:
            return
        try:
            self._guard.communicate(b"x", timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            self._guard.kill()
            self._guard.wait()
        self._guard = None

    # -- signals ---------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        self._wake = (reading, writing)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._old_handlers[signum] = signal.signal(signum, self._on_stop)
        # Without a handler SIGCHLD would not wake the loop.
        self._old_handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)

    def _on_stop(self, _signum: int, _frame: FrameType | None) -> None:
        self._stops += 1

    def _unlisten(self) -> None:
        for signum, handler in self._old_handlers.items():
            signal.signal(signum, handler)
        self._old_handlers.clear()
        if self._wake is not None:
            signal.set_wakeup_fd(-1)
            for descriptor in self._wake:
                os.close(descriptor)
            self._wake = None

    # -- logs ------------------------------------------------------------------------------------------------

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _log_end(self, name: str, lines: int = 15) -> str:
        try:
            text = self._log(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join([f"Last lines of {self._log(name)}:", *text.splitlines()[-lines:]])

    def _pass_on(self, child: _Child, *, last: bool = False) -> None:
        """Print and keep what a shown process wrote; only whole lines, unless it is the last time."""
        out = child.output()
        if out is None:
            return
        data = b""
        while chunk := out.read(65536):
            data += chunk
        if data:
            with self._log(child.process.name).open("ab") as log:
                log.write(data)
        *whole, child.rest = (child.rest + data).split(b"\n")
        if last:
            whole.append(child.rest)
            child.rest = b""
            out.close()
        for line in whole:
            if line.strip():
                self._say(line.decode("utf-8", errors="replace").rstrip())

    def _rotate_logs(self) -> None:
        if time.monotonic() - self._logs_checked < 30:
            return
        self._logs_checked = time.monotonic()
        for path in self.logs.glob("*.log"):
            if path.stat().st_size > LOG_LIMIT:
                # The writer keeps its descriptor (opened for appending), so the file is copied and emptied.
                path.with_suffix(".log.1").write_bytes(path.read_bytes())
                os.truncate(path, 0)
