"""Downloads, and the cache that they go to."""

from __future__ import annotations

from typing import Any

from ._text import asked, encoded, worked


def download(
    name: str,
    *,
    revision: str | None = None,
    cache_dir: Any = None,
    endpoint: str | None = None,
    token: str | None = None,
    offline: bool | None = None,
    force: bool | None = None,
    acknowledge_licence: bool | None = None,
) -> dict[str, Any]:
    """Download a model's files into the cache and verify them. What is there already is not downloaded again.

    Parameters
    ----------
    name
        A name of the registry, or a Hugging Face repository: ``org/repo``, ``org/repo@revision``,
        ``org/repo@revision:subfolder``.
    revision
        Branch, tag or commit, instead of the card's.
    cache_dir, endpoint, token, offline
        Instead of ``HF_HUB_CACHE`` (or ``HF_HOME``), ``HF_ENDPOINT``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE``.
    force
        Whether to download again what is there.
    acknowledge_licence
        Needed once for models whose licence says so: see ``info(name).licence``. ``SCNATIVE_ACCEPT_LICENCE`` may list their ids
        instead.

    Returns
    -------
    dict
        ``folder``, ``files`` and what was downloaded.

    Raises
    ------
    ScnLookupError
        No such model, repository, revision or file.
    ScnAccessError
        The repository is gated or private, or the licence is not acknowledged.
    ScnNetworkError
        No network, or ``offline`` and not in the cache.
    ScnModelError
        A file is not what was promised: it is not left in the cache.
    ScnIOError
        The disk is full, or cannot be written.
    """
    options = {
        "revision": revision,
        "cache_dir": cache_dir,
        "endpoint": endpoint,
        "token": token,
        "offline": offline,
        "force": force,
        "acknowledge_licence": acknowledge_licence,
    }
    return worked("scn_models_download", name.encode(), encoded(options))


def cache(*, cache_dir: Any = None) -> dict[str, Any]:
    """What is in the cache: repositories, their revisions and files, and how much of the disk they take. Reads no network.

    Parameters
    ----------
    cache_dir
        Instead of ``HF_HUB_CACHE`` or ``HF_HOME``.
    """
    return asked("scn_models_cache", encoded({"cache_dir": cache_dir}))


def remove(name: str, *, revision: str | None = None, cache_dir: Any = None) -> dict[str, Any]:
    """Remove a model from the cache.

    Parameters
    ----------
    name
        As of :func:`download`.
    revision
        This revision alone; all of the repository if None.
    cache_dir
        Instead of ``HF_HUB_CACHE`` or ``HF_HOME``.

    Returns
    -------
    dict
        ``freed_bytes`` and what was removed.

    Raises
    ------
    ScnLookupError
        It is not in the cache.
    """
    return asked("scn_models_remove", name.encode(), encoded({"revision": revision, "cache_dir": cache_dir}))


def prune(*, cache_dir: Any = None) -> dict[str, Any]:
    """Remove from the cache what nothing needs: partial files, contents without a snapshot, broken snapshots.

    Parameters
    ----------
    cache_dir
        Instead of ``HF_HUB_CACHE`` or ``HF_HOME``.
    """
    return asked("scn_models_prune", encoded({"cache_dir": cache_dir}))


def verify(
    name: str, *, revision: str | None = None, cache_dir: Any = None, remove_corrupt: bool | None = None
) -> dict[str, Any]:
    """Read a model's files in the cache again and compare sizes and hashes with what they must be. Reads no network.

    Parameters
    ----------
    name
        As of :func:`download`.
    revision
        This revision.
    cache_dir
        Instead of ``HF_HUB_CACHE`` or ``HF_HOME``.
    remove_corrupt
        Whether to remove the files that are not what they must be.

    Returns
    -------
    dict
        ``ok``, ``corrupt``, ``missing`` and ``unpinned`` files.

    Raises
    ------
    ScnLookupError
        It is not in the cache.
    """
    options = {"revision": revision, "cache_dir": cache_dir, "remove_corrupt": remove_corrupt}
    return worked("scn_models_verify", name.encode(), encoded(options))
