"""Ends everything that a killed supervisor left behind.

The supervisor holds the writing end of a pipe to our standard input. When the supervisor ends, however it
ends, the kernel closes the pipe. One byte before that says that it stopped everything itself.

Runs as ``python -S -m dealernet.embedded.guard DATA``; small, standard library only, and deaf to the
signals of a terminal.
"""

import os
import signal
import sys

from dealernet.embedded import processes

PROCESS_NAME = "guard"
PATIENCE = 3.0  # the kernel has already asked the direct children to stop; all is to be gone within 30 s


def watch(run: str) -> int:
    """Wait for the end of the supervisor. Returns the exit status: 1 when processes could not be ended."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(signum, signal.SIG_IGN)
    if os.read(sys.stdin.fileno(), 1):
        return 0
    try:
        processes.end_all(lambda: processes.find(run), patience=PATIENCE)
    except TimeoutError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(watch(sys.argv[1]))
