"""scanpy's functions with scnative's computing, for as long as a ``with`` block or the process lasts."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import threading
from collections import Counter
from typing import Any, Callable

from ._errors import ScnLookupError, ScnOverflowError, ScnTypeError, ScnUnsupported, ScnValueError
from ._need import need

#: What scnative takes over, by its place below scanpy, which is also its place below scnative.
FUNCTIONS = (
    "pp.calculate_qc_metrics",
    "pp.filter_cells",
    "pp.filter_genes",
    "pp.highly_variable_genes",
    "pp.log1p",
    "pp.normalize_total",
    "pp.regress_out",
    "pp.scale",
    "tl.rank_genes_groups",
    "tl.score_genes",
    "tl.score_genes_cell_cycle",
    "get.aggregate",
    "experimental.pp.highly_variable_genes",
)

#: Arguments that say how to compute and not what: scnative.settings has ours.
OF_NO_CONCERN = {"n_jobs"}

#: Errors after which scanpy is asked: scnative raises them before it has written anything.
REFUSALS = (ScnUnsupported, ScnValueError, ScnTypeError, ScnLookupError, ScnOverflowError)


def accelerate_scanpy(*, permanent: bool = False) -> Acceleration:
    """Let scanpy's functions compute with scnative.

    ::

        with scn.accelerate_scanpy():
            sc.pp.normalize_total(adata)      # scnative's, with scanpy's name, arguments and results

        scn.accelerate_scanpy(permanent=True)  # from here on

    Inside, ``scanpy.pp``, ``scanpy.tl``, ``scanpy.get`` and ``scanpy.experimental.pp`` have scnative's functions in place of those that
    scnative has too, also where scanpy calls them itself (recipes). A call goes to scanpy's own function where scnative does not do
    what it asks for: data that are not an AnnData in memory with numpy or scipy csr or csc matrices, an argument or a method that
    scnative does not have, or input that it refuses. scnative refuses before it writes anything.

    Everything is as before when the block ends, however it ends. Blocks may be nested and used from several threads; as scanpy's
    modules are changed, all threads see it. Functions that were imported from scanpy by name (``from scanpy.pp import log1p``)
    outside of scanpy stay as they were.

    Parameters
    ----------
    permanent
        Begin at once and last until :meth:`Acceleration.disable`.

    Returns
    -------
    Acceleration
        A context manager, with ``enable()``, ``disable()``, and ``calls``: how often which function went where, and why.

    Raises
    ------
    ModuleNotFoundError
        scanpy is not installed.
    """
    acceleration = Acceleration()
    if permanent:
        acceleration.enable()
    return acceleration


class Acceleration:
    """What :func:`accelerate_scanpy` returns.

    Attributes
    ----------
    calls
        A Counter of (function, where it went): ``("pp.log1p", "scnative")``, or ``("pp.log1p", "scanpy: ...")`` with the reason.
    """

    def __init__(self) -> None:
        need("scanpy", "accelerate_scanpy")
        self.calls: Counter[tuple[str, str]] = Counter()
        self._enabled = 0

    def enable(self) -> Acceleration:
        """Begin; to be ended by as many ``disable()``."""
        with _lock:
            if not _active:
                _swap()
            _active.append(self)
            self._enabled += 1
        return self

    def disable(self) -> None:
        """End; nothing if it has not begun."""
        with _lock:
            if not self._enabled:
                return
            self._enabled -= 1
            _active.remove(self)
            if not _active:
                _restore()

    __enter__ = enable

    def __exit__(self, *_: object) -> None:
        self.disable()

    def __repr__(self) -> str:
        return f"<scanpy with scnative: {'on' if self._enabled else 'off'}, {sum(self.calls.values())} calls>"


_lock = threading.RLock()
#: Every Acceleration that has begun, once for each time that it has.
_active: list[Acceleration] = []
#: Our functions in scanpy's places, with scanpy's own: made once, for modules may keep hold of one.
_replacements: dict[str, tuple[Callable, Callable]] = {}


def _swap() -> None:
    """Puts ours wherever a module of scanpy has the original, under whatever name."""
    if not _replacements:
        made = {}
        for name in FUNCTIONS:
            original = _find("scanpy", name)
            if original is not None:
                made[name] = (original, _replacement(name, original))
        _replacements.update(made)
    _exchange({id(original): (original, ours) for original, ours in _replacements.values()})


def _restore() -> None:
    """Also in modules that were imported in between, and so took ours from another module."""
    _exchange({id(ours): (ours, original) for original, ours in _replacements.values()})


def _exchange(pairs: dict[int, tuple[Callable, Callable]]) -> None:
    for module_name, module in list(sys.modules.items()):
        if module_name != "scanpy" and not module_name.startswith("scanpy."):
            continue
        for name, value in list(vars(module).items()):
            pair = pairs.get(id(value))
            if pair is not None and pair[0] is value:
                setattr(module, name, pair[1])


def _find(package: str, name: str) -> Any:
    """The function, or None in a version that does not have it."""
    path, _, attribute = name.rpartition(".")
    found = importlib.import_module(package)
    for part in path.split("."):
        if not hasattr(found, part):  # experimental modules are not imported with scanpy
            try:
                importlib.import_module(f"{found.__name__}.{part}")
            except ModuleNotFoundError:
                return None
        found = getattr(found, part)
    return getattr(found, attribute, None)


def _replacement(name: str, original: Callable) -> Callable:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def accelerated(*args: Any, **kwargs: Any) -> Any:
        if not _active:  # kept by someone beyond the end of the block
            return original(*args, **kwargs)
        try:
            ours, arguments = _translated(name, signature, args, kwargs)
            result = ours(*arguments[0], **arguments[1])
        except _Scanpys as reason:
            _note(name, f"scanpy: {reason}")
        except REFUSALS as error:
            _note(name, f"scanpy: {error}")
        else:
            _note(name, "scnative")
            return result
        return original(*args, **kwargs)

    return accelerated


def _note(name: str, where: str) -> None:
    with _lock:
        for acceleration in {id(a): a for a in _active}.values():
            acceleration.calls[name, where] += 1


class _Scanpys(Exception):
    """Why a call is one for scanpy."""


def _translated(
    name: str, signature: inspect.Signature, args: tuple, kwargs: dict[str, Any]
) -> tuple[Callable, tuple[tuple, dict[str, Any]]]:
    """Our function and its arguments for a call of scanpy's, or _Scanpys."""
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:  # a wrong call, or one with positions that scanpy has given up: it says so itself
        raise _Scanpys(str(error)) from None
    ours = _find("scnative", name)
    if ours is None:
        raise _Scanpys(f"there is no scnative.{name}")
    taken = inspect.signature(ours).parameters
    first, *others = signature.parameters.values()
    data = bound.arguments[first.name]
    given = {}
    for parameter in others:
        if parameter.kind is parameter.VAR_KEYWORD:
            given.update(bound.arguments.get(parameter.name, {}))
        elif parameter.name in bound.arguments:
            given[parameter.name] = bound.arguments[parameter.name]
        elif parameter.name in taken and not _same(parameter.default, taken[parameter.name].default):
            given[parameter.name] = parameter.default  # another version's default than the one that ours has
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    for argument in list(given):
        if argument in taken or takes_any and argument not in signature.parameters:
            continue
        default = signature.parameters[argument].default if argument in signature.parameters else inspect.Parameter.empty
        if argument not in OF_NO_CONCERN and not _same(given[argument], default):
            raise _Scanpys(f"{argument} is not an argument of scnative.{name}")
        del given[argument]
    _must_be_in_memory(data, given)
    return ours, ((data,), given)


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, (bool, int, float, str, tuple)) and a == b)


def _must_be_in_memory(adata: Any, given: dict[str, Any]) -> None:
    """An AnnData, and the matrices that the call is about."""
    from anndata import AnnData

    if not isinstance(adata, AnnData):
        raise _Scanpys(f"the data are a {type(adata).__name__}, not an AnnData")
    if adata.isbacked:
        raise _Scanpys("the data are on disk")
    matrices = {"X": adata.X}
    layers = given.get("layer"), given.get("layers")
    for layer in layers:
        for key in [layer] if isinstance(layer, str) else layer if isinstance(layer, (list, tuple, set)) else []:
            if key in adata.layers:
                matrices[f"layers[{key!r}]"] = adata.layers[key]
    if adata.raw is not None:
        matrices["raw.X"] = adata.raw.X
    for where, matrix in matrices.items():
        if matrix is not None and not _is_plain(matrix):
            raise _Scanpys(f"{where} is a {type(matrix).__module__}.{type(matrix).__name__}")


def _is_plain(matrix: Any) -> bool:
    import numpy as np
    import scipy.sparse as sp

    if sp.issparse(matrix):
        return matrix.format in ("csr", "csc") and matrix.dtype.kind in "iufb"
    return isinstance(matrix, np.ndarray) and not isinstance(matrix, np.ma.MaskedArray) and matrix.dtype.kind in "iufb"
