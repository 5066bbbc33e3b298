"""scnative.hpp: compiles everywhere without a warning, has all of the C header, and computes what plain loops compute."""

from __future__ import annotations

import os
import re
import sys
from functools import partial
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from needs import INCLUDE, ROOT, attempt, linked_to, need, need_eigen, need_models, run, together  # noqa: E402

HEADER = (INCLUDE / "scnative.hpp").read_text()
SOURCES = sorted(HERE.glob("*.cpp"))
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wold-style-cast", "-Werror", f"-I{INCLUDE}"]

#: Functions of the C header that C++ does without, and why.
NOT_NEEDED: dict[str, str] = {}


def code(text: str) -> str:
    """C++ without comments and literals."""
    return re.sub(r"//[^\n]*|\"(?:\\.|[^\"\\])*\"", "", text)


def test_every_function_of_the_c_header_is_there():
    declared = set(re.findall(r"^[A-Za-z].*?\b\*?(scn_[a-z0-9_]+)\(", (INCLUDE / "scnative.h").read_text(), flags=re.M))
    used = set(re.findall(r"\bscn_[a-z0-9_]+\b", code(HEADER)))
    assert len(declared) > 60
    assert used <= declared, "names that the C header does not declare"
    assert declared - used == set(NOT_NEEDED), "functions that C++ lacks without a reason, or reasons for functions that it has"


def test_every_constant_of_the_c_header_is_there():
    constants = set(re.findall(r"^#define (SCN_[A-Z0-9_]+) ", (INCLUDE / "scnative.h").read_text(), flags=re.M))
    named = {name for name in constants if re.match(r"SCN_(OBS|VAR|[FIU]\d|HVG|METHOD|CORR|FOLD_CHANGE|LOESS|METRIC|PHASE|LOG|10X)", name)}
    assert len(named) > 30
    assert named - set(re.findall(r"\bSCN_[A-Z0-9_]+\b", code(HEADER))) == set()


def test_everything_public_is_documented():
    """Each class, function, enum and alias outside `detail` has a comment above it."""
    public = re.sub(r"^namespace detail \{.*?^\}  // namespace detail$", "", HEADER, flags=re.M | re.S)
    lines = public.split("\n")
    begins = re.compile(r"(?:class|struct|enum|inline|using \w+ =|\[\[nodiscard\]\]|template <)")
    found = [i for i, line in enumerate(lines) if begins.match(line) and not re.fullmatch(r"(?:class|struct) \w+;", line)]
    starts = [i for i in found if not lines[i - 1].startswith("template <")]
    assert len(starts) > 60
    assert [lines[i] for i in starts if not lines[i - 1].startswith("///")] == []


@pytest.mark.parametrize("standard", ["c++17", "c++20"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_the_header_compiles_alone_and_again(compiler, standard, tmp_path):
    need(compiler)
    source = tmp_path / "alone.cpp"
    source.write_text('#include "scnative.hpp"\n#include "scnative.hpp"\nint main() { return scn::build_info().version.empty(); }\n')
    documentation = ["-Wdocumentation"] if compiler == "clang++" else []
    run(compiler, f"-std={standard}", *STRICT, *documentation, "-fsyntax-only", source)
    assert "igen" not in run(compiler, f"-std={standard}", f"-I{INCLUDE}", "-MM", source), "Eigen is for those who ask for it"


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_before_cpp17_the_header_says_what_it_needs(compiler, tmp_path):
    need(compiler)
    (tmp_path / "old.cpp").write_text('#include "scnative.hpp"\n')
    done = attempt(compiler, "-std=c++14", f"-I{INCLUDE}", "-fsyntax-only", tmp_path / "old.cpp")
    assert done.returncode != 0 and "needs C++17: compile with -std=c++17" in done.stderr


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_eigen_is_there_when_asked_for(compiler, tmp_path):
    need(compiler)
    eigen = need_eigen()
    use = "int main() { Eigen::SparseMatrix<double> m(2, 2); return scn::stats(m).sum.empty(); }\n"
    for name, text in {
        "before": "#include <Eigen/SparseCore>\n#include <scnative.hpp>\n",
        "dense_before": "#include <Eigen/Core>\n#include <scnative.hpp>\n",
        "defined": "#define SCNATIVE_EIGEN\n#include <scnative.hpp>\n",
        "between": "#include <scnative.hpp>\n#include <Eigen/SparseCore>\n#include <scnative.hpp>\n",
    }.items():
        (tmp_path / f"{name}.cpp").write_text(text + use)
        run(compiler, "-std=c++17", *STRICT, eigen, "-fsyntax-only", tmp_path / f"{name}.cpp")
    (tmp_path / "without.cpp").write_text("#define SCNATIVE_EIGEN\n#include <scnative.hpp>\n")
    done = attempt(compiler, "-std=c++17", f"-I{INCLUDE}", "-fsyntax-only", tmp_path / "without.cpp")
    assert done.returncode != 0 and "libeigen3-dev" in done.stderr


def snippets(language: str) -> list[str]:
    """The pieces of code in the README."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "bindings" / "cpp" / "README.md").read_text(), flags=re.M | re.S)


def split(snippet: str) -> tuple[str, str]:
    """Its #include lines, and the rest."""
    lines = snippet.splitlines(keepends=True)
    return "".join(x for x in lines if x.startswith("#")), "".join(x for x in lines if not x.startswith("#"))


def test_the_readme_compiles(tmp_path):
    need("gcc", "g++")
    cpp, c = snippets("cpp"), snippets("c")
    assert len(cpp) == 2 and len(c) == 1
    given = "const scn::matrix_view& view, const std::vector<int>& clusters"
    (tmp_path / "one.cpp").write_text("{}int main() {{\nconst std::vector<int> clusters;\n{}\n}}\n".format(*split(cpp[0])))
    (tmp_path / "two.cpp").write_text(f"#include <scnative.hpp>\n#include <cstdio>\nvoid two({given});\nvoid two({given}) {{\n{cpp[1]}\n}}\n")
    (tmp_path / "three.c").write_text("{}int main(void) {{\n{}\nreturn 0;\n}}\n".format(*split(c[0])))
    for source in ("one.cpp", "two.cpp"):
        run("g++", "-std=c++17", "-Wall", "-Wextra", "-Wno-unused-variable", "-Wno-unused-but-set-variable", "-Werror", f"-I{INCLUDE}", "-fsyntax-only", tmp_path / source)
    run("gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{INCLUDE}", "-fsyntax-only", tmp_path / "three.c")


def build(folder: Path, compiler: str, standard: str, *flags: str) -> Path:
    """The test program, which is several translation units that all include the header."""
    need(compiler)
    eigen = need_eigen()
    options = [compiler, f"-std={standard}", *STRICT, eigen, "-pthread", *flags]
    together([partial(run, *options, "-c", source, "-o", folder / f"{source.stem}.o") for source in SOURCES])
    run(compiler, *flags, *(folder / f"{source.stem}.o" for source in SOURCES), "-pthread", *linked_to(folder / "lib"), "-o", folder / "tests")
    return folder / "tests"


def listed() -> int:
    """How many tests the sources have."""
    return sum(len(re.findall(r"^TEST\(", source.read_text(), flags=re.M)) for source in SOURCES)


def passes(program: Path, *before: object, names: tuple[str, ...] = (), **environment: str) -> None:
    scratch = program.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    printed = run(*before, program, scratch, *names, env={**os.environ, **environment})
    assert names or f"{listed()} tests, 0 failed" in printed


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("plain"), "g++", "c++17", "-g", "-O1")


def test_gcc_cpp17(plain):
    passes(plain)


def test_the_models_are_there_that_the_programs_run():
    """Without them the programs' tests of models pass and have tested nothing: said here."""
    need_models()


def test_clang_cpp20(tmp_path):
    passes(build(tmp_path, "clang++", "c++20"))


def test_address_and_undefined_behaviour_sanitizers(tmp_path):
    program = build(tmp_path, "g++", "c++17", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    assert "__asan_init" in run("nm", program) and "__ubsan_handle" in run("nm", program)
    passes(program, ASAN_OPTIONS="detect_leaks=1:halt_on_error=1")


def test_valgrind_finds_nothing(plain):
    need("valgrind")
    check = ["--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite", "--show-leak-kinds=definite"]
    quick = ("handles", "views_of", "errors", "folders", "matrix_market", "cells_and_genes", "in_place", "eigen", "warnings", "wilcoxon", "tensors", "models_refuse")
    passes(plain, "valgrind", "--quiet", *check, names=quick)
