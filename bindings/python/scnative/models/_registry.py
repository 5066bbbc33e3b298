"""Model cards: which models there are."""

from __future__ import annotations

import builtins
import json
import os
from pathlib import Path
from typing import Any, Mapping

from .._lib import plain
from ._text import asked


class Card(dict):
    """One model's entry in the registry: a dictionary whose keys are attributes as well.

    Keys: ``id``, ``aliases``, ``family``, ``task``, ``title``, ``source``, ``files`` (``path``, ``size`` and ``sha256`` where they are
    pinned), ``licence``, ``parameters``, ``species``, ``gene_ids``, ``citation``.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the card of {self.get('id')!r} has no {name!r}") from None

    def __repr__(self) -> str:
        size = self.get("parameters")
        parameters = f", {size / 1e6:.4g} M parameters" if size else ""
        licence = (self.get("licence") or {}).get("name", "unknown")
        return f"<Card {self['id']}: {self.get('title', self.get('family'))}{parameters}, licence {licence}>"


def list(*, family: str | None = None, task: str | None = None) -> builtins.list[Card]:
    """The models that the registry knows. Reads no network.

    Parameters
    ----------
    family, task
        Those of this family or task alone.

    Returns
    -------
    list of Card
        Those of the library; of the files and folders that the environment variable ``SCNATIVE_MODELS`` names (separated by
        colons); and those given to :func:`register`. Of two with one ``id`` a registered one wins over one of a file, that over one of
        the library, and of two files the first named.
    """
    cards = (Card(card) for card in asked("scn_models_list"))
    return [card for card in cards if family in (None, card["family"]) and task in (None, card.get("task"))]


def info(name: str) -> Card:
    """One model's card.

    Parameters
    ----------
    name
        Its ``id``, in any case, also dotted or slashed (``scgpt/human``), or an alias.

    Raises
    ------
    ScnLookupError
        There is no such model; the message has the nearest names.
    """
    return Card(asked("scn_models_info", name.encode()))


def register(card: Mapping[str, Any] | str | os.PathLike[str]) -> None:
    """Add a card to the registry of this process; one of the same ``id`` is replaced.

    Parameters
    ----------
    card
        A dictionary with the keys of :class:`Card`, of which ``id``, ``family``, ``source`` and, unless the source is local,
        ``files`` must be there; or the path of a
        JSON file that holds one. A folder is registered by ``{"id": ..., "family": ..., "source": {"local": path}}``.

    Raises
    ------
    ScnModelError
        The card is malformed.
    """
    text = json.dumps(card) if isinstance(card, Mapping) else Path(card).read_text()
    plain("scn_models_register", text.encode())


def unregister(id: str) -> None:
    """Take a card that was registered in this process out of the registry again.

    Raises
    ------
    ScnLookupError
        None of that ``id`` was registered.
    """
    plain("scn_models_unregister", id.encode())
