"""Single-cell foundation models: found, downloaded, verified, loaded and run by the native library, without torch.

>>> import scnative as scn
>>> scn.models.list(family="scgpt")
>>> model = scn.models.load("scgpt-human")
>>> model.embed(adata)  # adata.obsm["X_scgpt"]

Files go to the cache of Hugging Face and are verified; ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_ENDPOINT``, ``HF_TOKEN`` and
``HF_HUB_OFFLINE`` mean what they mean elsewhere. Nothing in a model's files is ever run.
"""

from __future__ import annotations

from .._lazy import lazy

#: function -> the module here that has it. One line each, in alphabetical order.
_MEMBERS: dict[str, str] = {
    "Card": "_registry",
    "Model": "_model",
    "cache": "_hub",
    "download": "_hub",
    "export": "_model",
    "info": "_registry",
    "list": "_registry",
    "load": "_model",
    "prune": "_hub",
    "register": "_registry",
    "remove": "_hub",
    "unregister": "_registry",
    "verify": "_hub",
}

__getattr__, __dir__, __all__ = lazy(__name__, _MEMBERS)
