"""How calls run: threads, seed, progress. ``scnative.settings`` is the one instance."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Union

    Progress = Union[bool, str, Callable[[float], Any]]


class Settings:
    """Settings of all calls of this process.

    Attributes
    ----------
    n_threads
        Threads to compute with; 0 (default) is ``SCN_NUM_THREADS`` if set, else all cores that the process may use.
        Results do not depend on it.
    seed
        Seed of functions that draw random numbers and are not given one; default 0.
    progress
        ``"auto"`` (default) draws a bar on stderr for calls longer than half a second if stderr is a terminal; True
        always does, False never; a function is called with the part done, 0 to 1, about ten times a second, and
        cancels the call by raising.
    """

    def __init__(self) -> None:
        self.n_threads: int = 0
        self.seed: int = 0
        self.progress: Progress = "auto"

    def __repr__(self) -> str:
        return f"Settings(n_threads={self.n_threads}, seed={self.seed}, progress={self.progress!r})"

    def override(self, **changes: Any) -> Override:
        """Settings that hold inside a ``with`` block: ``with scnative.settings.override(n_threads=1): ...``"""
        unknown = set(changes) - set(vars(self))
        if unknown:
            raise AttributeError(f"settings: has no {', '.join(sorted(unknown))}; there are {', '.join(vars(self))}")
        return Override(self, changes)


class Override:
    """What :meth:`Settings.override` gives to ``with``."""

    def __init__(self, settings: Settings, changes: dict[str, Any]):
        self.settings = settings
        self.changes = changes

    def __enter__(self) -> Settings:
        self.before = dict(vars(self.settings))
        vars(self.settings).update(self.changes)
        return self.settings

    def __exit__(self, *_: object) -> None:
        vars(self.settings).update(self.before)


settings = Settings()
