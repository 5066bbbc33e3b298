"""The README's lines for each language do what they say."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from test_cross_language import ROOT, compiled, inputs, need, r_library, run  # noqa: F401 (inputs is a fixture)

README = (ROOT / "README.md").read_text()


def block(language: str, having: str) -> str:
    """The README's one block of this language with this text in it."""
    found = [text for text in re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.M | re.S) if having in text]
    assert len(found) == 1
    return found[0]


@pytest.fixture
def here(inputs: Path, tmp_path: Path) -> Path:  # noqa: F811
    """A folder to run in, with counts under the names that the README uses."""
    for name in ("filtered_gene_bc_matrices/hg19", "filtered_feature_bc_matrix"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(inputs / "10x")
    return tmp_path


def n_cells(folder: Path) -> int:
    with gzip.open(folder / "filtered_feature_bc_matrix" / "barcodes.tsv.gz") as lines:
        return len(lines.readlines())


def test_julia(here):
    lines = block("julia", "rank_genes_groups").replace('"filtered', f'"{here}/filtered')
    first, rest = lines.split("normalize_log1p!", 1)
    program = here / "readme.jl"
    labels = "cell_types = [isodd(i) ? :A : :B for i in 1:size(counts, 2)]"
    program.write_text(f"{first}{labels}\nnormalize_log1p!{rest}\nprintln(length(first(values(table))))\n")
    assert run(need("julia", "Julia"), f"--project={ROOT / 'bindings' / 'julia' / 'ScNative'}", program) == "40\n"


def test_r(here):
    program = here / "readme.R"
    made = "suppressMessages(library(Seurat)); data('pbmc_small', package = 'SeuratObject'); pbmc <- pbmc_small"
    program.write_text(f"{made}\n{block('r', 'ScnFindAllMarkers')}\ncat(nrow(markers) > 0, length(VariableFeatures(pbmc)) > 0)\n")
    assert run(need("Rscript", "R"), program, R_LIBS=r_library()).endswith("TRUE TRUE")


def test_cpp(here):
    include, rest = block("cpp", "rank_genes_groups").split("\n", 1)
    rest = rest.replace('"filtered', f'"{here}/filtered')
    main = f"std::vector<int> clusters({n_cells(here)}); for (std::size_t i = 0; i < clusters.size(); i++) clusters[i] = int(i % 2);"
    program = here / "readme.cpp"
    program.write_text(f'{include}\n#include <cstdio>\nint main() {{ {main}\n{rest}\nstd::printf("%zu", test.scores.size()); }}\n')
    assert run(compiled("C++", here, program)) == str(2 * 600)


def test_c(here):
    body = block("c", "scn_matrix_init")
    program = here / "readme.c"
    data = "int64_t cells = 1, genes = 2, nnz = 1, offsets[2] = {0, 1}; int32_t columns[1] = {7}; float counts[1] = {1};"
    program.write_text(f"#include <scnative.h>\n#include <stdio.h>\nint main(void) {{ {data}\n{body}\nreturn 0; }}\n")
    assert "is 7" in run(compiled("C", here, program)), "the gene 7 of 2 is refused, and the message printed"
