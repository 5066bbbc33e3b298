"""Exceptions by status: each is a :class:`ScnError` and the built-in exception that fits."""

from __future__ import annotations


class ScnError(Exception):
    """A call to the library failed.

    Attributes
    ----------
    status
        The number of the status, ``SCN_ERR_*`` of scnative.h.
    status_name
        Its name, ``"SCN_ERR_SHAPE"`` say.
    """

    def __init__(self, message: str, status: int = 0, status_name: str = ""):
        super().__init__(message)
        self.status = status
        self.status_name = status_name

    def __str__(self) -> str:
        return str(self.args[0])


class ScnValueError(ScnError, ValueError):
    """An argument or the data has a value, shape or structure that the function cannot take."""


class ScnTypeError(ScnError, TypeError):
    """An argument or the data is of a type that the function cannot take."""


class ScnOverflowError(ScnError, OverflowError):
    """A size that the type which has to hold it cannot express."""


class ScnLookupError(ScnError, LookupError):
    """A name, file or entry that does not exist."""


class ScnMemoryError(ScnError, MemoryError):
    """Memory could not be had."""


class ScnIOError(ScnError, OSError):
    """Reading or writing failed."""


class ScnCancelled(ScnError):
    """The call was cancelled by a progress callback or token."""


class ScnUnsupported(ScnError, NotImplementedError):
    """A valid request that this build of the library cannot do."""


class ScnNetworkError(ScnError, ConnectionError):
    """A server could not be reached, did not answer as it should, or may not be asked."""


class ScnAccessError(ScnError, PermissionError):
    """A repository that is gated or private, or a licence that must be acknowledged first."""


class ScnModelError(ScnError, ValueError):
    """A model's files that are not what they must be: configuration, weights, or hash."""


class ScnInternalError(ScnError, RuntimeError):
    """A defect in scnative: please report it with the message."""


class ScnLibraryError(ScnError, ImportError):
    """The native library was not found, could not be loaded, or is of another ABI."""


BY_STATUS = {
    1: ScnInternalError,
    2: ScnValueError,
    3: ScnInternalError,
    4: ScnTypeError,
    5: ScnValueError,
    6: ScnValueError,
    7: ScnValueError,
    8: ScnLookupError,
    9: ScnOverflowError,
    10: ScnMemoryError,
    11: ScnIOError,
    12: ScnCancelled,
    13: ScnUnsupported,
    14: ScnInternalError,
    15: ScnNetworkError,
    16: ScnNetworkError,
    17: ScnAccessError,
    18: ScnAccessError,
    19: ScnModelError,
    20: ScnIOError,
    21: ScnModelError,
    22: ScnModelError,
    23: ScnModelError,
    24: ScnValueError,
    25: ScnValueError,
    26: ScnValueError,
    27: ScnValueError,
}
