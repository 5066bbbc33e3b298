"""Every language runs every public operation on the same input: the results are equal bit for bit, at 1, 2 and 3 threads."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "cpp")]
import needs  # noqa: E402
import table  # noqa: E402

THREADS = (1, 2, 3)


def run(*command: object, **more: str) -> str:
    environment = {**os.environ, "SCNATIVE_LIB": str(needs.LIBRARY), **more}
    if not are_there_models():
        environment.pop("SCNATIVE_MODELS_DIR", None)
    return needs.run(*command, env=environment)


def not_tested(what: str, needs: str) -> NoReturn:
    """A skip that says what is not tested; a failure where everything must be."""
    (pytest.fail if os.environ.get("SCN_REQUIRE_ALL") else pytest.skip)(f"{what} is NOT TESTED: needs {needs}")


def need(tool: str, what: str) -> str:
    """The tool's path."""
    found = shutil.which(os.environ.get(f"SCN_{what.upper()}", tool))
    return found or not_tested(what, tool)


def r_library() -> str:
    """The folder that the R package is installed in."""
    folder = ROOT / "target" / "r-library"
    return str(folder) if (folder / "scnative").is_dir() else not_tested("R", "the package in target/r-library: make r")


def compiled(language: str, folder: Path, source: Path) -> Path:
    """A C or C++ program that asks for the library by its SONAME."""
    driver, standard = {"C": ("cc", "c99"), "C++": ("c++", "c++17")}[language]
    program = folder / f"{source.stem}{source.suffix[1:]}"
    strict = [f"-std={standard}", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{needs.INCLUDE}"]
    run(need(driver, language), *strict, source, "-lm", *needs.linked_to(folder / "lib"), "-o", program)
    return program


def command(language: str, folder: Path, source: Path) -> tuple[list[object], dict[str, str]]:
    """How to start a program of a language: its file, and the environment that it needs."""
    if language == "Python":
        return [sys.executable, source], {"PYTHONPATH": str(ROOT / "bindings" / "python")}
    if language == "R":
        return [need("Rscript", "R"), source], {"R_LIBS": r_library()}
    if language == "Julia":
        return [need("julia", "Julia"), f"--project={ROOT / 'bindings' / 'julia' / 'ScNative'}", source], {}
    return [compiled(language, folder, source)], {}


SUFFIX = {"Python": "py", "R": "R", "Julia": "jl", "C": "c", "C++": "cpp"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    run(sys.executable, HERE / "inputs.py", folder, PYTHONPATH=str(ROOT / "bindings" / "python"))
    return folder


@pytest.fixture(scope="module")
def results(inputs: Path, tmp_path_factory: pytest.TempPathFactory):
    """Runs a language's runner, once for each number of threads: {file: its bytes}."""
    made: dict[tuple[str, int], dict[str, bytes]] = {}

    def of(language: str, threads: int) -> dict[str, bytes]:
        if (language, threads) not in made:
            folder = tmp_path_factory.mktemp("results")
            out = folder / "out"
            out.mkdir()
            start, environment = command(language, folder, HERE / f"run.{SUFFIX[language]}")
            run(*start, inputs, out, threads, **environment)
            made[language, threads] = {file.name.removesuffix(".bin"): file.read_bytes() for file in sorted(out.iterdir())}
        return made[language, threads]

    return of


def operation(file: str) -> str:
    """`pp_scale~groups.means` -> `scn_pp_scale`"""
    return "scn_" + file.split(".")[0].split("~")[0]


def are_there_models() -> bool:
    return (Path(os.environ.get("SCNATIVE_MODELS_DIR", "")) / "scgpt-plain" / "config.json").exists()


def test_the_models_are_there_that_the_runners_run():
    """Without them the runners leave models out: said here."""
    if not are_there_models():
        not_tested("the models of every language", "SCNATIVE_MODELS_DIR=the folder of their fixtures")


def test_every_function_of_the_header_is_run(results):
    run_here = {operation(file) for file in results("Python", 1)}
    unknown = {name for name in run_here - set(table.functions()) if not name.startswith("scn_error")}
    assert not unknown, "operations that the header does not have"
    missing = set(table.functions()) - run_here - set(table.reasons("every"))
    if not are_there_models():
        missing = {name for name in missing if not name.startswith("scn_model")}
    assert not missing, f"neither run nor listed in reasons.toml under [every]: {sorted(missing)}"


@pytest.mark.parametrize("language", SUFFIX)
def test_the_number_of_threads_changes_no_bit(results, language):
    first = results(language, 1)
    for threads in THREADS[1:]:
        other = results(language, threads)
        assert first.keys() == other.keys()
        assert [name for name in first if first[name] != other[name]] == [], f"{threads} threads"


@pytest.mark.parametrize("language", [name for name in SUFFIX if name != "Python"])
def test_every_language_gives_pythons_bits(results, language):
    reference, found = results("Python", 1), results(language, 1)
    excused = table.reasons(language)
    missing = [name for name in reference.keys() - found.keys() if operation(name) not in excused]
    assert not missing, f"operations that {language} lacks without a reason in reasons.toml: {sorted(missing)}"
    assert found.keys() <= reference.keys(), "results that Python does not have"
    assert [name for name in found if found[name] != reference[name]] == []


def test_the_results_are_worth_comparing(results):
    """Neither empty nor all the same: else equal bits would say little."""
    import numpy as np

    for name, content in results("Python", 1).items():
        assert content, name
        if name.endswith(("pvals", "scores", "out", "fitted", "distance", "squared", "log_fold_changes")):
            assert len(np.unique(np.frombuffer(content, "<f8"))) > 3, name


def test_the_table_of_operations_is_up_to_date():
    assert table.DOCUMENT.read_text() == table.document(), "run `make header`"


@pytest.mark.parametrize("language", table.LANGUAGES)
def test_no_operation_is_missing_from_a_language_without_a_reason(language):
    there = {**table.mentions(language), **table.through(language)}
    excused = table.reasons(language)
    assert [name for name in table.functions() if name not in there and name not in excused] == []
    assert [name for name in excused if name in there] == [], "reasons for functions that are there"
    known = {*table.functions()}
    assert {*excused, *table.through(language)} <= known, "reasons for functions that the header does not have"


@pytest.mark.parametrize("language", table.LANGUAGES)
def test_every_choice_can_be_made_in_every_language(language):
    """The values of flavor, method, fold_change, corr_method, metric, surface and binning, under their own names."""
    said = "\n".join(table.source(file) for file in table.sources(language)).replace("-", "_")
    choices = re.findall(r"^#define (SCN_(?:HVG|METHOD|FOLD_CHANGE|CORR|METRIC|LOESS)_\w+)", table.HEADER.read_text(), flags=re.M)
    assert len(choices) > 20
    names = {choice: re.sub(r"SCN_(HVG_BINS|HVG|METHOD|FOLD_CHANGE|CORR|METRIC|LOESS)_", "", choice).lower() for choice in choices}
    assert [choice for choice, name in names.items() if not re.search(rf"\b{name}\b", said)] == []


@pytest.fixture(scope="module")
def pbmc(tmp_path_factory: pytest.TempPathFactory, inputs: Path) -> Path:
    """The real cells as a folder of Cell Ranger's, or, without them, simulated ones with the names of real genes."""
    folder = tmp_path_factory.mktemp("pbmc")
    run(sys.executable, ROOT / "examples" / "pbmc_folder.py", folder, PYTHONPATH=str(ROOT / "bindings" / "python"), SCNATIVE_OFFLINE="1")
    return folder


@pytest.mark.parametrize("language", [name for name in SUFFIX if name != "Python"])
def test_the_examples_print_the_same(language, pbmc, tmp_path):
    def printed(language: str) -> str:
        start, environment = command(language, tmp_path, ROOT / "examples" / f"pbmc.{SUFFIX[language]}")
        return run(*start, pbmc, **environment)

    expected = printed("Python")
    assert expected.count("AUROC") == 20
    assert printed(language) == expected
