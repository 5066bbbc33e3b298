"""A model that can be run."""

from __future__ import annotations

import json
import os
import warnings
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Sequence

from .._anndata import get_rep, is_anndata, obs_groups
from .._errors import ScnLookupError, ScnTypeError, ScnValueError
from .._lib import Handle, invoke
from .._matrix import View
from ._registry import Card
from ._tensors import from_tensors, tensors_handle, to_tensors
from ._text import asked, encoded, read, text_handle

if TYPE_CHECKING:
    import numpy as np


def load(name: str | os.PathLike[str], **options: Any) -> Model:
    """Load a model; one that is not in the cache is downloaded.

    Parameters
    ----------
    name
        A name of the registry; a Hugging Face repository (``org/repo``, ``org/repo@revision``, ``org/repo@revision:subfolder``);
        or a folder: a path, or text that begins with ``/`` or ``.``. ``model_type`` in its config.json says which family it is.
    **options
        Those of :func:`scnative.models.download`; ``family``, for a folder whose configuration does not say it; ``dtype``, the type
        in which weights are held: ``'f32'`` (default), ``'bf16'``, ``'f16'``, or ``'auto'`` for that of the file; ``weights``:
        ``'file'`` (default), or ``'random'`` for a model of a configuration without a checkpoint, drawn by ``settings.seed``.

    Returns
    -------
    Model

    Raises
    ------
    ScnModelError
        The configuration has an unknown key or value, the weights do not fit it, or a file is truncated, malformed or hostile.
    ScnLookupError, ScnAccessError, ScnNetworkError, ScnIOError
        As :func:`scnative.models.download`.
    """
    return Model(_opened(name, options))


def export(model: Model | str | os.PathLike[str], folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Save a model as config.json, model.safetensors and its vocabulary: a folder that :func:`load` reads.

    Parameters
    ----------
    model
        A model, or what :func:`load` takes.
    folder
        Is made; must be empty if it is there.
    overwrite
        Whether to replace an earlier export.
    """
    (model if isinstance(model, Model) else load(model)).export(folder, overwrite=overwrite)


def _opened(name: str | os.PathLike[str], options: dict[str, Any]) -> Handle:
    text = name if isinstance(name, str) else os.path.abspath(name)
    handle = Handle("scn_model_free")
    invoke("scn_model_open", os.fsencode(text), encoded(options), handle.out)
    return handle


class Model:
    """A model that can be run; made by :func:`scnative.models.load`. It may be used by several threads at once.

    Each task of ``io['tasks']`` is a method as well, unless there is one of that name: ``model.perturb(adata, ...)`` is
    ``model.run('perturb', adata, ...)``.
    """

    def __init__(self, handle: Handle):
        self._handle = handle

    @cached_property
    def _about(self) -> dict[str, Any]:
        return asked("scn_model_describe", self._handle.value)

    @property
    def family(self) -> str:
        """The family's name."""
        return self._about["family"]

    @property
    def config(self) -> dict[str, Any]:
        """The configuration, defaults filled in."""
        return self._about["config"]

    @property
    def io(self) -> dict[str, Any]:
        """Names, types and shapes of ``inputs`` and ``outputs``, ``options``, options of ``embed``, and ``tasks``."""
        return self._about["io"]

    @property
    def card(self) -> Card | None:
        """The registry's entry; None for a folder."""
        card = self._about.get("card")
        return None if card is None else Card(card)

    @property
    def folder(self) -> str:
        """Where its files are."""
        return self._about["folder"]

    @property
    def loading(self) -> dict[str, Any]:
        """How the weights fitted: ``missing``, ``unexpected``, ``mismatched``, ``ignored``."""
        return self._about["weights"]

    @cached_property
    def genes(self) -> list[str]:
        """The genes that it knows, in the order of :meth:`gene_embeddings`."""
        return asked("scn_model_genes", self._handle.value)

    def __repr__(self) -> str:
        about = self._about
        name = (about.get("card") or {}).get("id") or about["folder"]
        return f"<{about['title']} {name}: {about['parameters'] / 1e6:.4g} M parameters, {about['n_genes']} genes>"

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in (task["name"] for task in self.io["tasks"]):
            return partial(self.run, name)
        raise AttributeError(f"a model of the family {self.family if not name.startswith('_') else '?'} has no {name!r}")

    def __call__(self, inputs: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, np.ndarray]:
        """The original implementation's forward pass on named arrays.

        Parameters
        ----------
        inputs
            Arrays by name: those of ``io['inputs']``.
        **more
            Arrays by name, or options: those of ``io['options']``.

        Returns
        -------
        dict
            Arrays by name: those of ``io['outputs']``.
        """
        choices = {choice["name"] for choice in self.io["options"]}
        options = {name: value for name, value in more.items() if name in choices}
        arrays = {**(inputs or {}), **{name: value for name, value in more.items() if name not in choices}}
        given, found = to_tensors(arrays), tensors_handle()
        invoke("scn_model_forward", self._handle.value, given.value, encoded(options), found.out)
        return from_tensors(found)

    def gene_embeddings(self) -> np.ndarray:
        """One vector for each of :attr:`genes`: float32, genes x dimensions."""
        found = tensors_handle()
        invoke("scn_model_gene_embeddings", self._handle.value, found.out)
        return from_tensors(found)["gene_embeddings"]

    def embed(
        self,
        data: Any,
        *,
        layer: str | None = None,
        genes: Sequence[str] | str | None = None,
        obs: Mapping[str, Any] | None = None,
        key_added: str | None = None,
        **options: Any,
    ) -> np.ndarray | None:
        """From counts to one vector for each cell.

        Parameters
        ----------
        data
            An AnnData with raw counts, or a matrix of cells x genes (scipy csr or csc, or numpy) with `genes`.
        layer
            The layer with the counts, instead of ``adata.X``.
        genes
            The column of ``adata.var`` with the names that the model knows (Ensembl identifiers, say) instead of
            ``adata.var_names``; or the names themselves.
        obs
            Arrays with one entry for each cell that the family asks for: the name of the array -> the array, or a column of
            ``adata.obs`` (``{'batch_labels': 'batch'}``; categories become numbers).
        key_added
            Under which key of ``adata.obsm`` the result goes: ``'X_scgpt'`` for scGPT, and so on, if None.
        **options
            Of every family: ``aliases``, a dictionary from your gene names to the model's; ``min_matched`` (0.0), the least part of
            the genes that must be found; ``max_batch_tokens`` (65536), how many tokens are worked on at once, which bounds memory.
            Of the family: ``io['embed']``.

        Returns
        -------
        None or numpy.ndarray
            None for an AnnData, which gets ``obsm[key_added]`` and ``uns[key_added]`` with the report (how many genes matched, by
            which rule); the vectors for a matrix, float32, cells x dimensions. Cells with no gene of the vocabulary are NaN, with a
            warning.

        Raises
        ------
        ScnValueError
            Too few genes are in the vocabulary, gene names are missing, values are no counts, a cell is longer than
            ``max_batch_tokens``.
        ScnUnsupported
            The family has no cell embeddings.
        """
        cells = _Cells(data, layer, genes, obs)
        found, report = tensors_handle(), text_handle()
        arguments = (cells.view, cells.genes, cells.arrays.value, encoded(options))
        invoke("scn_model_embed", self._handle.value, *arguments, found.out, report.out)
        vectors = from_tensors(found)["embedding"]
        if not is_anndata(data):
            return vectors
        said = json.loads(read(report))
        key = key_added or f"X_{said['name']}"
        if key in data.obsm:
            warnings.warn(f"adata.obsm[{key!r}] is replaced.", UserWarning, stacklevel=2)
        data.obsm[key] = vectors
        data.uns[key] = {"model": str(self.card["id"] if self.card else self.folder), "report": json.dumps(said)}
        return None

    def run(
        self,
        task: str,
        data: Any = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        layer: str | None = None,
        genes: Sequence[str] | str | None = None,
        obs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """What else the family does with cells.

        Parameters
        ----------
        task
            One of ``io['tasks']``.
        data, layer, genes, obs
            Cells, as of :meth:`embed`; None for a task that takes none.
        inputs
            Arrays by name: those of the task's ``inputs``.
        **options
            Those of the task. An option ``genes`` of a task is given as ``targets``.

        Returns
        -------
        tuple
            Arrays by name, and the report.
        """
        if "targets" in options:
            options["genes"] = options.pop("targets")
        found, report = tensors_handle(), text_handle()
        if data is None:
            for name, given in (("layer", layer), ("genes", genes), ("obs", obs)):
                if given is not None:
                    raise ScnValueError(f"{name}: belongs to cells, and there are none; a task's option genes is given as targets")
            arrays = to_tensors(inputs or {})
            arguments = (None, None, arrays.value, encoded(options))
        else:
            cells = _Cells(data, layer, genes, obs, inputs)
            arguments = (cells.view, cells.genes, cells.arrays.value, encoded(options))
        invoke("scn_model_run", self._handle.value, task.encode(), *arguments, found.out, report.out)
        return from_tensors(found), json.loads(read(report))

    def predict(
        self, perturbations: Iterable[Iterable[str] | str], data: Any = None, **more: Any
    ) -> dict[str, np.ndarray] | tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Expression after perturbations, as ``GEARS.predict``: the mean over control cells.

        Parameters
        ----------
        perturbations
            Lists of genes that are perturbed together: ``[['CEBPA'], ['CEBPA', 'KLF1']]``.
        data
            Control cells: an AnnData, or a matrix with ``genes``; those stored with the model if None.
        **more
            As of :meth:`run`.

        Returns
        -------
        dict, or tuple of two
            ``'CEBPA_KLF1'`` -> expression of :attr:`genes`; and, of a model with an uncertainty head, -> its uncertainty.
        """
        lists = [[one] if isinstance(one, str) else [*one] for one in perturbations]
        found, _ = self.run("predict", data, perturbations=lists, **more)
        names = ["_".join(genes) for genes in lists]
        predicted, *others = (dict(zip(names, found[key])) for key in ("pred", "uncertainty") if key in found)
        return (predicted, *others) if others else predicted

    def export(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Save it as config.json, model.safetensors and its vocabulary: a folder that :func:`load` reads.

        Parameters
        ----------
        folder
            Is made; must be empty if it is there.
        overwrite
            Whether to replace an earlier export.
        """
        invoke("scn_model_export", self._handle.value, os.fsencode(folder), encoded({"overwrite": overwrite}))

    save = export


class _Cells:
    """What the library wants of cells."""

    def __init__(
        self,
        data: Any,
        layer: str | None,
        genes: Sequence[str] | str | None,
        obs: Mapping[str, Any] | None,
        inputs: Mapping[str, Any] | None = None,
    ):
        self.data = data
        matrix = get_rep(data, layer=layer) if is_anndata(data) else data
        if layer is not None and not is_anndata(data):
            raise ScnValueError("layer: only an AnnData has layers")
        self.view = View(matrix)
        names = self._names(genes)
        if any("\n" in name for name in names):
            raise ScnValueError("genes: a name has a line break in it")
        self.genes = "".join(f"{name}\n" for name in names).encode()
        self.arrays = to_tensors({**{name: self._array(name, given) for name, given in (obs or {}).items()}, **(inputs or {})})

    def _names(self, genes: Sequence[str] | str | None) -> list[str]:
        if isinstance(genes, str):
            if not is_anndata(self.data):
                raise ScnTypeError("genes: is text, must be a list of names for a matrix")
            if genes not in self.data.var:
                raise ScnLookupError(f"genes: adata.var has no column {genes!r}; it has {', '.join(map(str, self.data.var))}")
            genes = self.data.var[genes]
        if genes is None:
            genes = self.data.var_names if is_anndata(self.data) else []
        return [str(name) for name in genes]

    def _array(self, name: str, given: Any) -> Any:
        import numpy as np

        if not isinstance(given, str):
            return np.asarray(given)
        if not is_anndata(self.data):
            raise ScnTypeError(f"obs: {name!r} is text, must be an array for a matrix")
        if given not in self.data.obs:
            raise ScnLookupError(f"obs: adata.obs has no column {given!r}; it has {', '.join(map(str, self.data.obs))}")
        column = self.data.obs[given]
        numeric = column.dtype.kind in "iufb" if hasattr(column.dtype, "kind") else False
        return column.to_numpy() if numeric else obs_groups(self.data, given)[0]
