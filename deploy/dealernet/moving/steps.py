"""The steps of a verb: said to whoever watches, and points at which it may be killed."""

from kernel.checkpoints import reached
from kernel.tenancy.steward.progress import Progress


def begin(progress: Progress, step: str) -> None:
    """A step begins."""
    reached(f"moving: {step}")
    progress(step)
