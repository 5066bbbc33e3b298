"""What happens while a call runs: the progress bar, and Ctrl-C."""

from __future__ import annotations

import sys
import threading
import time
from typing import Callable

from ._settings import settings

try:  # What is below signal, which makes enums of numbers and handlers: they take longer than many a call.
    import _signal as signal
except ImportError:
    import signal

#: Calls shorter than this draw no bar.
PATIENCE = 0.5


class Bar:
    """A text bar on stderr, drawn over itself and removed at the end."""

    def __init__(self, title: str):
        self.title = title
        self.begun = time.monotonic()
        self.drawn = 0

    def __call__(self, done: float) -> None:
        elapsed = time.monotonic() - self.begun
        if elapsed < PATIENCE:
            return
        width = 30
        full = int(done * width)
        left = f"{elapsed / done - elapsed:4.0f} s left" if done > 0.02 else ""
        line = f"{self.title} |{'█' * full}{'·' * (width - full)}| {done:4.0%} {left}"
        sys.stderr.write("\r" + line.ljust(self.drawn))
        sys.stderr.flush()
        self.drawn = len(line)

    def close(self) -> None:
        if self.drawn:
            sys.stderr.write("\r" + " " * self.drawn + "\r")
            sys.stderr.flush()


def reporter(title: str) -> Callable[[float], object] | None:
    """What ``settings.progress`` wants told of the part done, 0 to 1: a bar of this title, a function, or nothing."""
    choice = settings.progress
    if callable(choice):
        return choice
    if choice is True or (choice == "auto" and sys.stderr is not None and sys.stderr.isatty()):
        return Bar(title)
    if choice not in (False, "auto"):
        raise ValueError(f"settings.progress: is {choice!r}, must be 'auto', True, False or a function")
    return None


class Watch:
    """Watches over one call: reports progress, and turns Ctrl-C into its cancellation.

    Python runs signal handlers between bytecodes, which there are none of while the library computes. The callback is
    where they run; but a KeyboardInterrupt raised there would be lost in ctypes. So SIGINT only sets a flag during the
    call, the flag cancels it, and the handler of before is called when the call has ended.
    """

    def __init__(self, name: str):
        self.report = reporter(name)
        self.raised: BaseException | None = None
        self.interrupt: tuple | None = None
        self.handler: object = None

    def __enter__(self) -> Watch:
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self.handler = handler
                signal.signal(signal.SIGINT, self._interrupted)
        return self

    def _interrupted(self, *signal_and_frame: object) -> None:
        self.interrupt = signal_and_frame

    def callback(self, done: float, _user: object) -> int:
        try:
            if self.report is not None:
                self.report(done)
        except BaseException as error:  # handed on when the call has ended
            self.raised = error
        return int(self.interrupt is not None or self.raised is not None)

    def __exit__(self, *_: object) -> None:
        if self.handler is not None:
            signal.signal(signal.SIGINT, self.handler)
        if isinstance(self.report, Bar):
            self.report.close()
        if self.interrupt is not None:
            self.handler(*self.interrupt)
        if self.raised is not None:
            raise self.raised
