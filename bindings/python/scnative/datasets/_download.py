"""A file from the web, in the user's cache."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Callable

from .._errors import ScnIOError
from .._progress import Bar, reporter

#: Seconds without a byte after which a download is given up.
TIMEOUT = 15.0

BLOCK = 1 << 16


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/scnative``, by default ``~/.cache/scnative``."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "scnative"


def download(url: str, path: Path, check: Callable[[Path], object], *, at_most: int) -> None:
    """Download a file to where it is not yet, or leave nothing there.

    The bytes go to a temporary file beside ``path``, which takes its place in one step after all have come and ``check`` has
    found no fault (it raises one): whoever finds ``path`` finds it whole, with any number of processes at it.

    Raises
    ------
    ScnIOError
        The server cannot be reached or refuses, sends less than it announced or more than ``at_most`` bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _fetch(url, file, at_most)
        check(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _fetch(url: str, file, at_most: int) -> None:
    import urllib.error
    import urllib.request
    from http.client import HTTPException

    from .. import __version__

    request = urllib.request.Request(url, headers={"User-Agent": f"scnative/{__version__}"})
    report = reporter(f"download {url.rpartition('/')[2]}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            announced = answer.headers.get("Content-Length")
            expected = int(announced) if announced and announced.isdigit() else None
            done = 0
            while block := answer.read(BLOCK):
                done += len(block)
                if done > at_most:
                    raise ScnIOError(f"{url}: is larger than {at_most} bytes, which it should not be")
                file.write(block)
                if report is not None and expected:
                    report(min(done / expected, 1.0))
        if expected is not None and done != expected:
            raise ScnIOError(f"{url}: ended after {done} of {expected} bytes")
    except urllib.error.HTTPError as error:
        raise ScnIOError(f"{url}: the server answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise ScnIOError(f"{url}: {getattr(error, 'reason', None) or error or type(error).__name__}") from error
    finally:
        if isinstance(report, Bar):
            report.close()
