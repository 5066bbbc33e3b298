"""Local regression, on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _abi as abi
from .._errors import ScnValueError
from .._lib import invoke, options

if TYPE_CHECKING:
    import numpy as np

_SURFACES = {"interpolate": abi.SCN_LOESS_INTERPOLATE, "direct": abi.SCN_LOESS_DIRECT}


def loess(
    x: Any,
    y: Any,
    *,
    weights: Any = None,
    span: float = 0.75,
    degree: int = 2,
    surface: str = "interpolate",
    cell: float = 0.2,
    slack: float = 0.0,
    new_x: Any = None,
) -> np.ndarray:
    """Smooth y over x by Cleveland's local regression, as R's ``loess`` does.

    Parameters
    ----------
    x, y
        The points, in any order; one predictor, family gaussian.
    weights
        Case weights, not negative; default 1 each.
    span
        The part of the points that a local fit takes. Above 1, all points with a wider kernel.
    degree
        Of the local polynomial: 0, 1 or 2.
    surface
        ``"interpolate"``: fit at the ends of cells of a k-d tree and blend between them. ``"direct"``: fit at each point.
    cell
        A cell is cut in two while it holds more than ``n * span * cell`` points.
    slack
        Added to ``n * span`` before it is cut off to a whole number of points: R adds 1e-5, scikit-misc 0.
    new_x
        Evaluate the curve here rather than at `x`; NaN outside the range of `x`.

    Returns
    -------
    numpy.ndarray
        The fitted values, float64.

    Raises
    ------
    ValueError
        Lengths differ; a value is NaN or infinite; an option is out of range; the span takes too few points, or so many
        equal ones that a fit has no width.

    Warns
    -----
    UserWarning
        Some local fits are near singular (many equal x); they use a pseudoinverse, as in R.

    Notes
    -----
    Fitted values agree with R's ``stats::loess`` and with ``skmisc.loess`` to 1e-10.

    Examples
    --------
    >>> import numpy as np, scnative as scn
    >>> x = np.linspace(0, 3, 50)
    >>> smooth = scn.array.loess(x, np.sin(x), span=0.5)
    """
    import numpy as np

    if surface not in _SURFACES:
        raise ScnValueError(f"surface: is {surface!r}, must be one of {', '.join(map(repr, _SURFACES))}")
    x, y = _doubles(x, "x"), _doubles(y, "y")
    weights = None if weights is None else _doubles(weights, "weights")
    new_x = None if new_x is None else _doubles(new_x, "new_x")
    given = options("ScnLoessOptions", span=span, degree=degree, surface=_SURFACES[surface], cell=cell, slack=slack)
    out = np.empty(len(x) if new_x is None else len(new_x))
    fitted, predicted = (out, None) if new_x is None else (None, out)
    inputs = (x, len(x), y, len(y), weights, 0 if weights is None else len(weights))
    at = (new_x, 0 if new_x is None else len(new_x))
    lengths = [0 if array is None else len(array) for array in (fitted, predicted)]
    invoke("scn_stats_loess", *inputs, given, *at, fitted, lengths[0], predicted, lengths[1])
    return out


def _doubles(values: Any, name: str) -> np.ndarray:
    import numpy as np

    values = np.ascontiguousarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ScnValueError(f"{name}: has {values.ndim} dimensions, must have 1")
    return values
