"""Models from Python: the registry, the hub, and models of every family that are run."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path

import anndata
import numpy as np
import pytest
import scipy.sparse as sp
from hub_server import COMMIT, serving

import scnative as scn

FAMILIES = {
    "scgpt-plain": "scgpt",
    "scgpt-flash": "scgpt",
    "scgpt-batch": "scgpt",
    "scgpt-tdc": "scgpt",
    "geneformer-v1": "geneformer",
    "geneformer-v2": "geneformer",
    "geneformer-cellclassifier": "geneformer",
    "uce-base": "uce",
    "cellfm-padzero": "cellfm",
    "genecompass-base": "genecompass",
    "scfoundation-base": "scfoundation",
}


def fixture(name: str) -> Path:
    """A folder of SCNATIVE_MODELS_DIR; the test is skipped, and says why, where there is none."""
    folder = os.environ.get("SCNATIVE_MODELS_DIR")
    if not folder:
        assert "SCN_REQUIRE_ALL" not in os.environ, "SCNATIVE_MODELS_DIR is not set"
        warnings.warn(f"SCNATIVE_MODELS_DIR is not set: a test of {name} is skipped", stacklevel=2)
        pytest.skip(f"needs {name}: set SCNATIVE_MODELS_DIR to the folder of the fixtures")
    return Path(folder) / name


def tensors(path: Path) -> dict[str, np.ndarray]:
    """A safetensors file's arrays."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    kinds = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
    return {
        name: np.frombuffer(raw, kinds[e["dtype"]], offset=8 + length + e["data_offsets"][0], count=int(np.prod(e["shape"]))).reshape(e["shape"])
        for name, e in header.items()
    }


@pytest.fixture
def scgpt():
    return scn.models.load(fixture("scgpt-plain"))


@pytest.fixture
def cells(scgpt):
    """Counts of the model's genes and of one that it does not know."""
    random = np.random.default_rng(0)
    names = [*scgpt.genes[:30], "NOBODY"]
    counts = sp.csr_matrix(random.poisson(1.5, (12, len(names))).astype("f4"))
    adata = anndata.AnnData(counts)
    adata.var_names = names
    adata.obs["batch"] = ["a", "b"] * 6
    return adata


# --------------------------------------------------------------------------------------------------------- the registry


def test_the_registry_lists_every_family():
    cards = scn.models.list()
    assert {card.family for card in cards} == {*FAMILIES.values(), "gears", "scelmo"}
    assert len({card.id for card in cards}) == len(cards)
    assert all(card.family == "scgpt" for card in scn.models.list(family="scgpt"))
    assert "scgpt-human" in repr(scn.models.info("scgpt-human"))


@pytest.mark.parametrize("name", ["scgpt-human", "SCGPT-Human", "scgpt/human", "scgpt.human"])
def test_a_model_goes_by_several_names(name):
    assert scn.models.info(name).id == "scgpt-human"


def test_a_name_that_is_not_known_is_answered_by_the_nearest():
    with pytest.raises(scn.ScnLookupError, match="scgpt-human") as error:
        scn.models.info("scgpt-humam")
    assert error.value.status_name == "SCN_ERR_NOT_FOUND"


def test_a_card_of_the_user(tmp_path):
    card = {"id": "my-model", "family": "scgpt", "source": {"local": str(tmp_path)}}
    scn.models.register(card)
    assert scn.models.info("my-model").family == "scgpt"
    scn.models.unregister("my-model")
    with pytest.raises(scn.ScnLookupError):
        scn.models.unregister("my-model")
    with pytest.raises(scn.ScnModelError, match="famly"):
        scn.models.register({**card, "famly": "scgpt"})


# -------------------------------------------------------------------------------------------------------------- the hub


@pytest.fixture
def hub(tmp_path, monkeypatch):
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HF_ENDPOINT", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with serving(fixture("scgpt-plain")) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def test_a_model_is_downloaded_once_and_then_needs_no_network(hub, cells):
    model = scn.models.load("org/model")
    assert model.family == "scgpt" and hub.requests
    del hub.requests[:]
    again = scn.models.load("org/model", offline=True)
    assert not hub.requests
    for one in (model, again):
        one.embed(cells, key_added=f"X_{id(one)}")
    assert np.array_equal(cells.obsm[f"X_{id(model)}"], cells.obsm[f"X_{id(again)}"])


def test_the_cache_can_be_seen_verified_and_emptied(hub, tmp_path):
    scn.models.download("org/model")
    home = tmp_path / "home" / "hub" / "models--org--model"
    assert (home / "refs" / "main").read_text() == COMMIT
    assert "org/model" in json.dumps(scn.models.cache())
    assert not scn.models.verify("org/model")["corrupt"]

    weights = home / "snapshots" / COMMIT / "model.safetensors"
    weights.resolve().write_bytes(b"x" * weights.stat().st_size)
    assert "model.safetensors" in json.dumps(scn.models.verify("org/model")["corrupt"])
    (home / "blobs" / ("0" * 64 + ".incomplete")).write_bytes(b"half")
    scn.models.prune()
    assert not list((home / "blobs").glob("*.incomplete"))
    assert scn.models.remove("org/model")["freed_bytes"] > 0
    with pytest.raises(scn.ScnLookupError):
        scn.models.remove("org/model")


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (401, scn.ScnAccessError, "SCN_ERR_ACCESS"),
        (403, scn.ScnAccessError, "SCN_ERR_ACCESS"),
        (404, scn.ScnLookupError, "SCN_ERR_NOT_FOUND"),
    ],
)
def test_what_the_server_refuses(hub, status, kind, name):
    hub.status = status
    with pytest.raises(kind) as error:
        scn.models.load("org/model")
    assert error.value.status_name == name
    assert "org/model" in str(error.value)


def test_a_file_that_is_not_what_was_promised_is_not_left(hub, tmp_path):
    hub.spoilt = {"model.safetensors"}
    with pytest.raises(scn.ScnModelError, match="model.safetensors") as error:
        scn.models.load("org/model")
    assert error.value.status_name == "SCN_ERR_CHECKSUM"
    left = [path.name for path in (tmp_path / "home").rglob("*") if path.is_file() or path.is_symlink()]
    assert "model.safetensors" not in left
    hub.spoilt = set()
    assert scn.models.load("org/model").family == "scgpt"


def test_offline_and_not_cached(hub):
    with pytest.raises(scn.ScnNetworkError) as error:
        scn.models.load("org/model", offline=True)
    assert error.value.status_name == "SCN_ERR_OFFLINE" and not hub.requests


def test_a_licence_is_acknowledged_before_anything_is_downloaded(hub):
    name = next(card.id for card in scn.models.list() if (card.get("licence") or {}).get("acknowledge"))
    with pytest.raises(scn.ScnAccessError, match="licence") as error:
        scn.models.download(name)
    assert error.value.status_name == "SCN_ERR_LICENCE" and not hub.requests


# ------------------------------------------------------------------------------------------------------------ the models


#: What a folder without a vocabulary does not say, and where the original depends on padding.
LOADED = {"geneformer-v2": {"special_token": True}}
#: (inputs of another run of the original are left out).
LEFT_OUT = {"unmask"}
RUN = {"uce-base": {"mask_mode": "upstream"}, "cellfm-padzero": {"mask_mode": "upstream"}}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_forward_pass_is_the_original_one(name):
    folder = fixture(name)
    model = scn.models.load(folder, **LOADED.get(name, {}))
    assert model.family == FAMILIES[name]
    given, wanted = tensors(folder / "inputs.safetensors"), tensors(folder / "outputs.safetensors")
    known = {field["name"] for field in model.io["inputs"]}
    found = model({key: value for key, value in given.items() if key in known - LEFT_OUT}, **RUN.get(name, {}))
    shared = [key for key in found if key in wanted and found[key].shape == wanted[key].shape]
    # In Rust every output is compared, with the options that each needs; here, that they come through.
    main = {"cell_emb", "X_scGPT", "cell_emb_second_to_last", "cell_embedding", "cls_token", "cls_emb", "cell_emb_all"}
    assert main & set(shared), (sorted(found), sorted(wanted))
    for key in main & set(shared):
        np.testing.assert_allclose(found[key], wanted[key], atol=1e-3, rtol=1e-3, err_msg=key)


def test_embed_writes_obsm(scgpt, cells):
    assert scgpt.embed(cells) is None
    vectors = cells.obsm["X_scgpt"]
    assert vectors.shape == (12, scgpt.config["d_model"]) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    report = json.loads(cells.uns["X_scgpt"]["report"])["genes"]
    assert report["matched"] == 30 and report["unmatched"] == ["NOBODY"]


@pytest.mark.parametrize("options", [{}, {"binning": "deterministic"}])
def test_a_cell_has_the_same_bits_however_it_is_run(scgpt, cells, options):
    names = list(cells.var_names)
    whole = scgpt.embed(cells.X, genes=names, **options)
    assert np.array_equal(whole, scgpt.embed(cells.X.tocsc(), genes=names, **options))
    assert np.array_equal(whole, scgpt.embed(cells.X.toarray(), genes=names, **options))
    assert np.array_equal(whole, scgpt.embed(cells.X, genes=names, max_batch_tokens=40, **options))
    for threads in (1, 2, 3):
        with scn.settings.override(n_threads=threads):
            assert np.array_equal(whole, scgpt.embed(cells.X, genes=names, **options))
    if options:  # draws belong to a cell's number
        assert np.array_equal(whole[3:5], scgpt.embed(cells.X[3:5], genes=names, **options))


def test_weights_in_half_precision_are_near(scgpt, cells):
    names = list(cells.var_names)
    whole = scgpt.embed(cells.X, genes=names)
    for dtype, near in (("bf16", 0.1), ("f16", 0.01)):
        half = scn.models.load(fixture("scgpt-plain"), dtype=dtype).embed(cells.X, genes=names)
        assert 0 < np.abs(half - whole).max() < near


def test_random_weights_saved_registered_and_loaded(tmp_path, scgpt, cells):
    made = tmp_path / "made"
    made.mkdir()
    for name in ("config.json", "vocab.json"):
        shutil.copy(fixture("scgpt-plain") / name, made)
    model = scn.models.load(made, weights="random")
    model.save(tmp_path / "saved")
    assert {"config.json", "model.safetensors", "vocab.json"} <= {path.name for path in (tmp_path / "saved").iterdir()}
    with pytest.raises(scn.ScnError, match="saved"):
        model.save(tmp_path / "saved")
    model.save(tmp_path / "saved", overwrite=True)
    scn.models.register({"id": "saved-model", "family": "scgpt", "source": {"local": str(tmp_path / "saved")}})
    try:
        again = scn.models.load("saved-model")
    finally:
        scn.models.unregister("saved-model")
    names = list(cells.var_names)
    assert np.array_equal(model.embed(cells.X, genes=names), again.embed(cells.X, genes=names))
    assert not np.array_equal(model.embed(cells.X, genes=names), scgpt.embed(cells.X, genes=names))
    with scn.settings.override(seed=1):
        other = scn.models.load(made, weights="random")
    assert not np.array_equal(model.gene_embeddings(), other.gene_embeddings())


def test_gene_embeddings_have_a_row_for_each_gene(scgpt):
    vectors = scgpt.gene_embeddings()
    assert vectors.shape == (len(scgpt.genes), scgpt.config["d_model"])


def test_gears_predicts(tmp_path):
    model, given, wanted = gears(tmp_path)
    genes = json.loads((fixture("gears-base") / "gene_names.json").read_text())
    perturbations = json.loads((fixture("gears-base") / "pert_names.json").read_text())
    x = given["b0.x"]
    predicted = model.predict([[perturbations[0]], perturbations[:2]], x, genes=genes, n_controls=len(x))
    assert list(predicted) == [perturbations[0], "_".join(perturbations[:2])]
    ones = np.stack([row(model, one, perturbations.index(perturbations[0])) for one in x])
    np.testing.assert_allclose(predicted[perturbations[0]], ones.mean(axis=0), atol=1e-5)
    with pytest.raises(scn.ScnError, match="NOSUCHGENE"):
        model.predict([["NOSUCHGENE"]], x, genes=genes)


def test_interactions_are_those_of_scikit_learn(tmp_path):
    """The regression by which GEARS tells how two perturbations interact: Theil and Sen's, as GEARS calls it."""
    from sklearn.linear_model import TheilSenRegressor

    model, given, _ = gears(tmp_path)
    genes = json.loads((fixture("gears-base") / "gene_names.json").read_text())
    first, second = json.loads((fixture("gears-base") / "pert_names.json").read_text())[:2]
    x = given["b0.x"]
    scores, _ = model.gi_scores(x, genes=genes, perturbations=[[first, second]], n_controls=len(x))
    predicted = model.predict([[first], [second], [first, second]], x, genes=genes, n_controls=len(x))
    one, two, both = (change - x.mean(axis=0) for change in predicted.values())
    reference = TheilSenRegressor(fit_intercept=False, max_subpopulation=1e5, max_iter=1000, random_state=1000)
    reference.fit(np.column_stack([one, two]), both)
    np.testing.assert_allclose([scores["c1"][0], scores["c2"][0]], reference.coef_, rtol=1e-3)
    np.testing.assert_allclose(scores["mag"][0], np.linalg.norm(reference.coef_), rtol=1e-3)


def gears(folder: Path):
    """The fixture with its graphs where a folder has them."""
    source = fixture("gears-base")
    given, wanted = tensors(source / "inputs.safetensors"), tensors(source / "outputs.safetensors")
    for name in ("config.json", "model.safetensors", "gene_names.json", "pert_names.json"):
        shutil.copy(source / name, folder)
    write(folder / "graphs.safetensors", {name: array for name, array in given.items() if name.startswith("G_")})
    return scn.models.load(folder), given, wanted


def row(model, x: np.ndarray, perturbation: int) -> np.ndarray:
    return model({"x": x[None], "pert_idx": np.array([[perturbation]])})["pred"][0]


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    header, data = {}, b""
    for name, array in arrays.items():
        kind = {"f4": "F32", "i8": "I64"}[array.dtype.str[1:]]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


# ------------------------------------------------------------------------------------------------------------- bad input


def test_what_cells_can_be_wrong_with(scgpt, cells):
    names = list(cells.var_names)

    def fails(kind, status, x=cells.X, genes=names, **options):
        with pytest.raises(kind) as error:
            scgpt.embed(x, genes=genes, **options)
        assert error.value.status_name == status, error.value
        return str(error.value)

    fails(scn.ScnValueError, "SCN_ERR_GENE_NAMES", genes=None)
    fails(scn.ScnValueError, "SCN_ERR_GENE_NAMES", genes=names[:-1])
    fails(scn.ScnValueError, "SCN_ERR_VOCABULARY", genes=[f"X{i}" for i in range(len(names))])
    assert "0.968" in fails(scn.ScnValueError, "SCN_ERR_VOCABULARY", min_matched=0.99)
    fails(scn.ScnValueError, "SCN_ERR_COUNTS", x=-cells.X)
    fails(scn.ScnValueError, "SCN_ERR_COUNTS", x=cells.X * 0.5)
    fails(scn.ScnValueError, "SCN_ERR_BUDGET", max_batch_tokens=3)
    assert "max_lenght" in fails(scn.ScnValueError, "SCN_ERR_INVALID_ARGUMENT", max_lenght=10)
    spoilt = cells.X.copy()
    spoilt.data[0] = np.nan
    fails(scn.ScnValueError, "SCN_ERR_VALUE", x=spoilt)


def test_a_cell_without_known_genes_is_nan(scgpt, cells):
    x = cells.X.toarray()
    x[4, :-1] = 0
    with pytest.warns(UserWarning, match="1 "):
        vectors = scgpt.embed(x, genes=list(cells.var_names))
    assert np.isnan(vectors[4]).all() and np.isfinite(np.delete(vectors, 4, axis=0)).all()


def test_what_a_folder_can_be_wrong_with(tmp_path):
    source = fixture("scgpt-plain")

    def fails(status, change, match=None):
        folder = tmp_path / f"{status}{len(list(tmp_path.iterdir()))}"
        shutil.copytree(source, folder)
        change(folder)
        with pytest.raises(scn.ScnError, match=match) as error:
            scn.models.load(folder)
        assert error.value.status_name == status, error.value

    def config(**more):
        def change(folder):
            path = folder / "config.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), **more}))

        return change

    fails("SCN_ERR_CONFIG", config(d_modle=3), "d_modle")
    fails("SCN_ERR_CONFIG", config(model_type="llama"), "llama")
    fails("SCN_ERR_WEIGHTS", config(nlayers=9), "missing")
    fails("SCN_ERR_WEIGHTS", config(d_hid=7), "linear1")
    fails("SCN_ERR_NOT_FOUND", lambda folder: (folder / "model.safetensors").unlink())
    fails("SCN_ERR_CHECKPOINT", lambda folder: (folder / "model.safetensors").write_bytes(b"not weights at all"))
    for hostile in ("truncated.safetensors", "huge_header.safetensors", "overlapping.safetensors", "shape_overflow.safetensors"):
        fails("SCN_ERR_CHECKPOINT", lambda folder, h=hostile: shutil.copy(fixture("hostile") / h, folder / "model.safetensors"))
    with pytest.raises(scn.ScnLookupError):
        scn.models.load(tmp_path / "nowhere")


def test_what_arrays_can_be_wrong_with(scgpt):
    given = tensors(fixture("scgpt-plain") / "inputs.safetensors")
    with pytest.raises(scn.ScnValueError, match="sauce"):
        scgpt({**given, "sauce": given["src"]})
    with pytest.raises(scn.ScnValueError, match="values"):
        scgpt({"src": given["src"]})
    with pytest.raises(scn.ScnValueError, match="shape"):
        scgpt({**given, "values": given["values"][:, :-1]})
    with pytest.raises(scn.ScnValueError, match="99999"):
        scgpt({**given, "src": np.full_like(given["src"], 99999)})
    with pytest.raises(scn.ScnTypeError):
        scgpt({**given, "src": given["src"].astype("f4")})


def test_a_long_call_can_be_stopped(scgpt, cells):
    x = sp.vstack([cells.X] * 3000).tocsr()

    class Stop(Exception):
        pass

    def stop(done: float) -> None:
        raise Stop

    with scn.settings.override(progress=stop), pytest.raises(Stop):
        scgpt.embed(x, genes=list(cells.var_names))


def test_arrays_that_nobody_asks_for_are_named(scgpt, cells):
    with pytest.warns(UserWarning, match="batch_lables"):
        scgpt.embed(cells, obs={"batch_lables": "batch"})


def test_a_task_takes_arrays_of_its_own_beside_those_of_cells(scgpt, cells):
    with pytest.raises(scn.ScnValueError, match="obs: belongs to cells"):
        scgpt.run("anything", obs={"batch_labels": "batch"})
    with pytest.raises(scn.ScnValueError, match="anything"):
        scgpt.run("anything", cells)
