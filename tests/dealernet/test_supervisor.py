"""The supervisor with real children: stubborn ones, dying ones, and grandchildren."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import dealernet
from dealernet.embedded import processes

SOURCES = str(Path(dealernet.__file__).parents[1])

PRELUDE = """
import os, signal, subprocess, sys, time
from pathlib import Path
from dealernet.supervisor import Process, Stage, Supervisor
data = Path(sys.argv[1])
def child(code, **options):
    return dict(argv=[sys.executable, "-S", "-c", code], env={"PATH": os.defpath}, **options)
def say(line): print(line, flush=True)
supervisor = Supervisor(data, say)
STEADY = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
# A grandchild in a session of its own that ignores SIGTERM, as a prefork pool in the middle of a long task does.
FAMILY = "import subprocess, sys, time\\n" \\
    "subprocess.Popen([sys.executable, '-S', '-c', %r], start_new_session=True); time.sleep(600)" % STUBBORN
"""
POSTLUDE = """
try:
    supervisor.open()
    run()
    say("up")
    supervisor.watch()
    say("stopping")
finally:
    supervisor.close()
say("down")
"""


class Run:
    """A supervisor in a process of its own."""

    def __init__(self, data: Path, body: str) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + body + POSTLUDE, str(data)],
            env={"PATH": os.defpath, "PYTHONPATH": SOURCES},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []

    def until(self, words: str) -> str:
        """Read its output up to a line that contains the words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if words in line:
                return line.rstrip()
        raise AssertionError(f"{words!r} was never said:\n" + "\n".join(self.lines))

    def rest(self) -> list[str]:
        assert self.process.stdout is not None
        lines = [line.rstrip() for line in self.process.stdout]
        self.process.wait(40)
        return lines

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def data() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="dn-"))
    yield path
    processes.end_all(lambda: processes.find(path), patience=0.0, database_patience=0.0)
    shutil.rmtree(path)


@pytest.fixture
def run(data: Path) -> Iterator["type[Run]"]:
    made: list[Run] = []

    def start(body: str) -> Run:
        made.append(Run(data, body))
        return made[-1]

    yield start
    for each in made:
        each.close()


FULL = """
def run():
    supervisor.start(Process(name="database", stage=Stage.DATABASES, **child(STEADY)))
    supervisor.start(Process(name="worker", stop_seconds=1.0, **child(STUBBORN)))
    supervisor.start(Process(name="family", **child(FAMILY)))
    supervisor.start(Process(name="web", stage=Stage.WEB, **child(STEADY)))
    supervisor.wait_ready(20)
"""


def named(data: Path, code: str) -> list[int]:
    return [pid for pid in processes.find(data) if code.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_stops_everything_on_sigterm_even_the_stubborn(run, data: Path) -> None:
    supervisor = run(FULL)
    supervisor.until("up")
    assert len(processes.find(data)) == 6  # guard, four children, one grandchild
    supervisor.process.send_signal(signal.SIGTERM)
    assert supervisor.rest() == ["stopping", "down"]
    assert supervisor.process.returncode == 0
    assert processes.find(data) == []


@pytest.mark.parametrize("also_guard", [False, True])
def test_nothing_is_left_of_a_killed_supervisor_within_30_seconds(run, data: Path, also_guard: bool) -> None:
    supervisor = run(FULL)
    supervisor.until("up")
    guards = named(data, "dealernet.embedded.guard")
    assert len(guards) == 1
    began = time.monotonic()
    supervisor.process.kill()
    supervisor.process.wait()
    if also_guard:
        processes.send(guards, signal.SIGKILL)
    # Without the guard the kernel's signal reaches the direct children; the rest is ended by the next start.
    assert processes.wait_until(lambda: also_guard or processes.find(data) == [], 30)
    assert time.monotonic() - began < 30
    again = run(FULL)
    again.until("up")
    said = any("an earlier run had left" in line for line in again.lines)
    assert said is also_guard
    assert len(processes.find(data)) == 6
    again.process.send_signal(signal.SIGINT)
    assert again.rest()[-1] == "down"
    assert processes.find(data) == []


def test_a_new_supervisor_survives_the_cleaning_of_the_old_one(run, data: Path) -> None:
    first = run(FULL)
    first.until("up")
    first.process.kill()
    first.process.wait()
    second = run(FULL)  # at once, while the old guard is at work
    second.until("up")
    before = processes.find(data)
    time.sleep(4)
    assert processes.find(data) == before
    assert len(before) == 6


def test_a_dead_child_is_started_again_and_said(run, data: Path) -> None:
    supervisor = run(FULL)
    supervisor.until("up")
    (web,) = named(data, "import time; time.sleep(600)")[1:]
    os.kill(web, signal.SIGKILL)
    assert "web was ended by SIGKILL; starting it again in 0.2 s" in supervisor.until("web was ended")
    supervisor.until("web was started again.")
    assert len(processes.find(data)) == 6
    (guard,) = named(data, "dealernet.embedded.guard")
    os.kill(guard, signal.SIGKILL)
    supervisor.until("The guard ended; starting it again.")
    assert processes.wait_until(lambda: len(processes.find(data)) == 6, 5)


def test_workers_of_a_killed_master_do_not_stay(run, data: Path) -> None:
    body = """
WORKER = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(601)"
MASTER = "import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', %r])" % WORKER
def run():
    supervisor.start(Process(name="master", stop_seconds=1.0, **child(MASTER)))
    supervisor.wait_ready(20)
"""
    supervisor = run(body)
    supervisor.until("up")
    assert processes.wait_until(lambda: len(named(data, "sleep(601)")) == 2, 5)  # the master names it too
    old = named(data, "sleep(601)")
    os.kill(min(old), signal.SIGKILL)
    supervisor.until("started again")
    assert processes.wait_until(lambda: not set(old) & set(processes.find(data)), 5)
    assert processes.wait_until(lambda: len(named(data, "sleep(601)")) == 2, 5)


def test_a_child_that_never_starts_ends_the_start_with_its_last_words(run, data: Path) -> None:
    supervisor = run(
        """
def run():
    code = "print('the key is missing'); raise SystemExit(3)"
    supervisor.start(Process(name="broken", ready=lambda: False, **child(code)))
    supervisor.wait_ready(20)
"""
    )
    text = "\n".join(supervisor.rest())
    assert supervisor.process.returncode == 1
    assert "broken does not start" in text
    assert "the key is missing" in text
    assert "broken ended with status 3; starting it again in 0.4 s" in text  # back-off doubles
    assert processes.find(data) == []


def test_a_run_to_completion_shows_its_lines_and_its_failure(run, data: Path) -> None:
    supervisor = run(
        """
def run():
    shown = child("print('60 %'); print('100 %')", show=True, restart=False)
    supervisor.run(Process(name="prepare", **shown))
    say("prepared")
    supervisor.run(Process(name="fails", **child("raise SystemExit(4)", restart=False)))
"""
    )
    supervisor.until("prepared")
    assert supervisor.lines == ["60 %", "100 %", "prepared"]
    assert (data / "log" / "prepare.log").read_text() == "60 %\n100 %\n"
    assert "fails ended with status 4" in "\n".join(supervisor.rest())


def test_work_that_must_be_finished_is_begun_again_until_it_is(run) -> None:
    supervisor = run(
        """
THRICE = "from pathlib import Path; p = Path(%r); n = len(p.read_text()) if p.exists() else 0; " \\
    "p.write_text('x' * (n + 1)); print('begun', n); raise SystemExit(n < 2)" % str(data / "times")
def run():
    supervisor.start(Process(name="filling", **child(THRICE, until_done=True, show=True)))
    supervisor.start(Process(name="hopeless", **child("raise SystemExit(3)", until_done=True)))
"""
    )
    supervisor.until("hopeless ended with status 3; see ")
    time.sleep(1.0)
    supervisor.process.send_signal(signal.SIGTERM)
    rest = supervisor.lines + supervisor.rest()
    assert [line for line in rest if "begun" in line] == ["begun 0", "begun 1", "begun 2"]
    assert sum("hopeless ended with status 3; starting it again" in line for line in rest) == 4


def test_children_get_their_own_environment_only(run, data: Path) -> None:
    supervisor = run(
        """
os.environ["DEALERNET_KEY_OWNER"] = "secret"
def run():
    one = child("import os; print(sorted(os.environ))", show=True, restart=False)
    supervisor.run(Process(name="one", **one))
"""
    )
    assert supervisor.until("[") == "['DEALERNET_RUN', 'LC_CTYPE', 'PATH', 'SPT_NOENV']"  # Python adds LC_CTYPE itself


def test_one_data_folder_has_one_supervisor(run, data: Path) -> None:
    first = run(FULL)
    first.until("up")
    second = run(FULL)
    text = "\n".join(second.rest())
    assert f"The data folder {data} is already in use by process {first.process.pid}." in text
    assert second.process.returncode == 1
    assert len(processes.find(data)) == 6


def test_a_signal_while_waiting_stops_the_start(run, data: Path) -> None:
    supervisor = run(
        """
def run():
    supervisor.start(Process(name="slow", ready=lambda: False, **child(STEADY)))
    say("waiting")
    supervisor.wait_ready(60)
"""
    )
    supervisor.until("waiting")
    supervisor.process.send_signal(signal.SIGTERM)
    assert "StopRequested" in "\n".join(supervisor.rest())
    assert processes.find(data) == []


TASKS = """
import os, time
from celery import Celery
app = Celery("long", broker=os.environ["BROKER_URL"])
app.conf.update(task_acks_late=True, broker_connection_retry_on_startup=True)
@app.task(name="long")
def long():
    open(os.environ["BEGUN"], "w").close()
    time.sleep(60)
"""


def test_a_celery_worker_in_a_60_second_task_does_not_outlive_the_supervisor(run, data: Path) -> None:
    (data / "long.py").write_text(TASKS)
    supervisor = run(
        """
from dealernet.embedded.valkey import ValkeyServer
server = ValkeyServer(data / "valkey", password="secret", run=str(data))
def run():
    supervisor.start(Process(name="valkey", launch=server.launch, ready=server.ready, stage=Stage.DATABASES))
    supervisor.wait_ready(20)
    env = {"PATH": os.defpath, "BROKER_URL": server.broker_url, "BEGUN": str(data / "begun"), "PYTHONPATH": str(data)}
    words = ["-m", "celery", "-A", "long", "worker", "--concurrency", "2", "--without-mingle", "-P", "prefork"]
    supervisor.start(Process(name="worker", argv=[sys.executable, *words], env={**env, "C_FORCE_ROOT": "1"}))
    os.environ.update(env)
    sys.path.insert(0, str(data))
    from long import long
    long.delay()
"""
    )
    supervisor.until("up")
    assert processes.wait_until((data / "begun").exists, 30)
    assert len(processes.find(data)) == 5  # guard, valkey, worker with two children
    supervisor.process.kill()
    supervisor.process.wait()
    assert processes.wait_until(lambda: processes.find(data) == [], 30)
