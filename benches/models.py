"""Foundation models beside PyTorch: the published shapes with random weights, the same weights, cells and threads on both sides.

Ours goes from counts to vectors, tokens and all. PyTorch gets its tokens ready-made and runs its own layers: nn.TransformerEncoder for scGPT, and
for Geneformer a BERT with scaled_dot_product_attention, which is what transformers runs on a CPU.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from agreement import close
from operations import Call, Traffic, operation, tool


@dataclass(frozen=True)
class Shape:
    """A model's published shape, and the cells that it is given."""

    family: str
    title: str
    config: dict[str, Any]
    n_cells: int
    #: Genes that each cell expresses.
    n_genes: int
    n_vocabulary: int


def bert(layers: int, hidden: int, heads: int, inner: int, positions: int, vocabulary: int) -> dict[str, Any]:
    return {
        "model_type": "geneformer",
        "architectures": ["BertForMaskedLM"],
        "hidden_act": "relu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        "type_vocab_size": 2,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "max_position_embeddings": positions,
        "vocab_size": vocabulary,
    }


SCGPT = {
    "model_type": "scgpt",
    "ntoken": 60_697,
    "d_model": 512,
    "nhead": 8,
    "d_hid": 512,
    "nlayers": 12,
    "nlayers_cls": 3,
    "n_cls": 1,
    "pad_token": "<pad>",
    "pad_value": -2,
    "n_input_bins": 51,
    "cell_emb_style": "cls",
}

SHAPES = {
    "model_scgpt": Shape("scgpt", "scGPT, 51 M parameters, 4 cells of 1,200 tokens", SCGPT, 4, 1199, 60_694),
    "model_geneformer_v1": Shape(
        "geneformer", "Geneformer V1-10M, 4 cells of 2,048 tokens", bert(6, 256, 4, 512, 2048, 25_426), 4, 2048, 25_424
    ),
    "model_geneformer_v2": Shape(
        "geneformer", "Geneformer V2-104M, 2 cells of 2,048 tokens", bert(12, 768, 12, 3072, 4096, 20_275), 2, 2046, 20_271
    ),
}

for name, shape in SHAPES.items():
    operation(
        name,
        shape.title,
        "small",
        # The weights must be read; what limits is arithmetic.
        traffic=lambda w, s=shape: Traffic(1),
        agreement=close(x=2e-3),
        bars=[(1.0, "PyTorch")],
        references=("PyTorch",),
        small=False,
        scales=False,
    )


@dataclass(frozen=True)
class Prepared:
    """A model's folder and its cells, made once."""

    name: str
    folder: Path

    @property
    def shape(self) -> Shape:
        return SHAPES[self.name]

    @cached_property
    def genes(self) -> list[str]:
        return [f"ENSG{i:011d}" for i in range(self.shape.n_vocabulary)]

    @cached_property
    def counts(self) -> Any:
        """Cells x genes, CSR: no two counts of a cell alike, so that ranks and bins leave no choice."""
        import numpy as np
        import scipy.sparse as sp

        s, random = self.shape, np.random.default_rng(11)
        rows = []
        for _ in range(s.n_cells):
            columns = np.sort(random.choice(s.n_vocabulary, s.n_genes, replace=False))
            values = random.permutation(np.arange(1, s.n_genes + 1)).astype("f4")
            rows.append(sp.csr_matrix((values, (np.zeros(s.n_genes, int), columns)), shape=(1, s.n_vocabulary)))
        return sp.vstack(rows).tocsr()

    def files(self) -> None:
        """config.json and the vocabulary."""
        self.folder.mkdir(parents=True, exist_ok=True)
        s = self.shape
        (self.folder / "config.json").write_text(json.dumps(s.config))
        if s.family == "scgpt":
            vocabulary = {gene: i for i, gene in enumerate([*self.genes, "<pad>", "<cls>", "<eoc>"])}
            (self.folder / "vocab.json").write_text(json.dumps(vocabulary))
            return
        special = ["<pad>", "<mask>"] if s.n_vocabulary == 25_424 else ["<pad>", "<mask>", "<cls>", "<eos>"]
        tokens = {token: i for i, token in enumerate([*special, *self.genes])}
        (self.folder / "token_dictionary.json").write_text(json.dumps(tokens))
        (self.folder / "gene_median_dictionary.json").write_text(json.dumps(dict.fromkeys(self.genes, 1.0)))


def prepared(name: str, w: Any) -> Prepared:
    """Saved by our own `save`, with weights drawn by the library."""
    import scnative as scn

    folder = w.folder.parent / "models" / name
    if not (folder / "model.safetensors").exists():
        made = Prepared(name, folder.with_suffix(".new"))
        made.files()
        scn.models.load(made.folder, weights="random").save(folder, overwrite=True)
    return Prepared(name, folder)


OPTIONS = {"scgpt": {"binning": "deterministic"}, "geneformer": {"emb_layer": 0}}


@tool("scnative", *SHAPES)
def ours(op: str, w: Any, threads: int) -> Call:
    import scnative as scn

    p = prepared(op, w)
    model = scn.models.load(p.folder)
    options = OPTIONS[p.shape.family]
    return Call(lambda _: model.embed(p.counts, genes=p.genes, **options), answer=lambda r: {"x": r})


@tool("PyTorch", *SHAPES)
def pytorch(op: str, w: Any, threads: int) -> Call:
    import torch

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    p = prepared(op, w)
    weights = tensors(p.folder / "model.safetensors")
    run = scgpt(p, weights) if p.shape.family == "scgpt" else geneformer(p, weights)
    return Call(lambda _: run(), answer=lambda r: {"x": r.numpy()}, note="tokens ready-made, the same weights")


def tensors(path: Path) -> dict[str, Any]:
    """A safetensors file of f32, as tensors."""
    import numpy as np
    import torch

    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        begin, end = (8 + length + at for at in entry["data_offsets"])
        kind = {"F32": "<f4", "I64": "<i8"}[entry["dtype"]]
        found[name] = torch.from_numpy(np.frombuffer(raw[begin:end], kind).reshape(entry["shape"]).copy())
    return found


def scgpt(p: Prepared, weights: dict[str, Any]) -> Any:
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional as F

    c = p.shape.config
    layer = nn.TransformerEncoderLayer(c["d_model"], c["nhead"], c["d_hid"], batch_first=True)
    encoder = nn.TransformerEncoder(layer, c["nlayers"], enable_nested_tensor=False).eval()
    encoder.load_state_dict({k[len("transformer_encoder.") :]: v for k, v in weights.items() if k.startswith("transformer_encoder.")})

    src, values = [], []
    for row in p.counts:
        edges = np.quantile(row.data.astype("f8"), np.linspace(0, 1, c["n_input_bins"] - 1))
        left, right = np.searchsorted(edges, row.data, "right"), np.searchsorted(edges, row.data, "left")
        src.append(np.concatenate([[c["ntoken"] - 2], row.indices]))
        values.append(np.concatenate([[c["pad_value"]], np.ceil(0.5 * (right - left) + left)]))
    src, values = torch.tensor(np.array(src)), torch.tensor(np.array(values), dtype=torch.float32)

    def part(name: str) -> tuple[Any, Any]:
        return weights[f"{name}.weight"], weights[f"{name}.bias"]

    def run() -> Any:
        width = (c["d_model"],)
        genes = F.layer_norm(weights["encoder.embedding.weight"][src], width, *part("encoder.enc_norm"))
        x = F.relu(F.linear(values.clamp(max=512)[..., None], *part("value_encoder.linear1")))
        x = F.layer_norm(F.linear(x, *part("value_encoder.linear2")), width, *part("value_encoder.norm"))
        return F.normalize(encoder(genes + x)[:, 0], dim=1)

    return run


def geneformer(p: Prepared, weights: dict[str, Any]) -> Any:
    import numpy as np
    import torch
    from torch.nn import functional as F

    c, special = p.shape.config, 2 if p.shape.n_vocabulary == 25_424 else 4
    ids = np.array([row.indices[np.argsort(-row.data)] + special for row in p.counts])
    if special == 4:
        ids = np.column_stack([np.full(len(ids), 2), ids, np.full(len(ids), 3)])
    ids = torch.tensor(ids)
    width, eps = (c["hidden_size"],), c["layer_norm_eps"]

    def part(name: str) -> tuple[Any, Any]:
        return weights[f"bert.{name}.weight"], weights[f"bert.{name}.bias"]

    def heads(x: Any) -> Any:
        return x.unflatten(-1, (c["num_attention_heads"], -1)).transpose(1, 2)

    def run() -> Any:
        tables = (f"bert.embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type"))
        word, position, kind = (weights[name] for name in tables)
        x = F.layer_norm(word[ids] + position[: ids.shape[1]] + kind[0], width, *part("embeddings.LayerNorm"), eps)
        for i in range(c["num_hidden_layers"]):
            at = f"encoder.layer.{i}"
            q, k, v = (heads(F.linear(x, *part(f"{at}.attention.self.{name}"))) for name in ("query", "key", "value"))
            y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            y = F.linear(y, *part(f"{at}.attention.output.dense"))
            x = F.layer_norm(x + y, width, *part(f"{at}.attention.output.LayerNorm"), eps)
            y = F.linear(F.relu(F.linear(x, *part(f"{at}.intermediate.dense"))), *part(f"{at}.output.dense"))
            x = F.layer_norm(x + y, width, *part(f"{at}.output.LayerNorm"), eps)
        genes = x[:, 1:-1] if special == 4 else x
        return genes.mean(dim=1)

    return run
