"""What `make install` installs is found and used from outside: by CMake, by pkg-config, moved elsewhere, by gcc and clang, shared and static."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cpp"))
from needs import INCLUDE, LIBRARY, ROOT, attempt, missing, need, need_library, run  # noqa: E402

VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), flags=re.M)[1]
ABI = re.search(r"^#define SCN_ABI_VERSION (\d+)", (INCLUDE / "scnative.h").read_text(), flags=re.M)[1]
FUNCTIONS = set(re.findall(r"^[A-Za-z].*?\b\*?(scn_[a-z0-9_]+)\(", (INCLUDE / "scnative.h").read_text(), flags=re.M))
COMPILERS = {"gcc": "g++", "clang": "clang++"}


def static_library() -> Path:
    """The static library that was built with the shared one."""
    path = LIBRARY.with_suffix(".a")
    if not path.exists():
        missing(str(path), "(no package: `make build` makes it; a copy of libscnative.so alone is not enough)")
    return path


def make(*arguments: str) -> str:
    need("gcc")
    return run("make", "--silent", "-C", ROOT, *arguments)


def install(prefix: Path, *more: str, static: bool = True) -> Path:
    make("install", f"PREFIX={prefix}", f"LIB={need_library()}", f"STATIC_LIB={static_library() if static else ''}", *more)
    return prefix


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    return install(tmp_path_factory.mktemp("install") / "pre fix")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


EXPECTED = {
    "include/scnative.h",
    "include/scnative.hpp",
    "lib/libscnative.so",
    f"lib/libscnative.so.{ABI}",
    f"lib/libscnative.so.{VERSION}",
    "lib/libscnative.a",
    "lib/cmake/scnative/scnativeConfig.cmake",
    "lib/cmake/scnative/scnativeConfigVersion.cmake",
    "lib/pkgconfig/scnative.pc",
    "share/doc/scnative/README.md",
    "share/doc/scnative/CPP.md",
    "share/doc/scnative/LICENSE",
    "share/doc/scnative/CHANGELOG.md",
}


def test_what_is_installed(installed):
    assert files(installed) == EXPECTED
    assert os.readlink(installed / "lib" / "libscnative.so") == f"libscnative.so.{ABI}"
    assert os.readlink(installed / "lib" / f"libscnative.so.{ABI}") == f"libscnative.so.{VERSION}"
    assert (installed / "lib" / f"libscnative.so.{VERSION}").read_bytes() == LIBRARY.read_bytes()
    assert (installed / "include" / "scnative.hpp").read_text() == (INCLUDE / "scnative.hpp").read_text()
    for path in (*installed.glob("lib/cmake/*/*"), *installed.glob("lib/pkgconfig/*")):
        text = path.read_text()
        assert str(installed) not in text and str(ROOT) not in text, f"{path} has a path of this machine in it"
        assert "@VERSION@" not in text and VERSION in text


def test_uninstalling_leaves_what_is_not_ours(tmp_path):
    prefix = install(tmp_path / "usr")
    for other in ("lib/cmake/other.cmake", "include/other.h"):
        (prefix / other).write_text("")
    make("uninstall", f"PREFIX={prefix}")
    assert files(prefix) == {"lib/cmake/other.cmake", "include/other.h"}
    assert not (prefix / "lib" / "cmake" / "scnative").exists() and not (prefix / "share" / "doc" / "scnative").exists()


def test_the_shared_library_exports_the_c_abi_alone(installed):
    path = installed / "lib" / "libscnative.so"
    assert f"soname: [libscnative.so.{ABI}]" in run("readelf", "-d", path, env={**os.environ, "LC_ALL": "C"})
    assert {line.split()[-1] for line in run("nm", "-D", "--defined-only", path).splitlines()} == FUNCTIONS


def test_the_static_library_exports_the_c_abi_alone(installed):
    """Rust's own symbols, which another library written in Rust has as well, are nobody else's business."""
    names = run("nm", "--extern-only", "--defined-only", installed / "lib" / "libscnative.a").splitlines()
    assert {line.split()[-1] for line in names if len(line.split()) == 3} == FUNCTIONS
    sections = run("readelf", "--section-headers", "--wide", installed / "lib" / "libscnative.a")
    assert ".llvmbc" not in sections and ".debug" not in sections


def configure(folder: Path, prefix: Path, compiler: str, *more: str, check: bool = True):
    """The consumer's project in a folder of its own, away from the checkout."""
    need("cmake", compiler, COMPILERS[compiler])
    source = folder / "source"
    shutil.copytree(HERE / "consumer", source, dirs_exist_ok=True)
    settings = [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_C_COMPILER={compiler}", f"-DCMAKE_CXX_COMPILER={COMPILERS[compiler]}"]
    command = ("cmake", "-S", source, "-B", folder / "build", *settings, *more)
    return run(*command) if check else attempt(*command)


def outputs(build: Path, names: list[str]) -> set[str]:
    """What the programs print: run without any help to find the library."""
    environment = {name: value for name, value in os.environ.items() if name not in ("LD_LIBRARY_PATH", "SCNATIVE_LIB")}
    return {run(build / name, env=environment) for name in names}


@pytest.mark.parametrize("compiler", COMPILERS)
def test_cmake_builds_c_and_cpp_shared_and_static(installed, compiler, tmp_path):
    assert f"scnative {VERSION}" in configure(tmp_path, installed, compiler, f"-DWANTED={VERSION}")
    build = tmp_path / "build"
    run("cmake", "--build", build, "--parallel", "2")
    printed = outputs(build, ["c_scnative", "c_static", "cpp_scnative", "cpp_static"])
    assert len(printed) == 1 and printed.pop().startswith(f"{VERSION} ")
    for name in ("c_scnative", "cpp_scnative"):
        assert f"[libscnative.so.{ABI}]" in run("readelf", "-d", build / name)
    for name in ("c_static", "cpp_static"):
        assert "libscnative" not in run("readelf", "-d", build / name)


def test_a_moved_installation_still_works(tmp_path):
    install(tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    configure(tmp_path, tmp_path / "there", "gcc")
    run("cmake", "--build", tmp_path / "build", "--target", "c_scnative", "cpp_static")
    assert len(outputs(tmp_path / "build", ["c_scnative", "cpp_static"])) == 1
    need("pkg-config")
    flags = pkg_config(tmp_path / "there", "--cflags", "--libs", "scnative")
    assert str(tmp_path / "here") not in flags


def test_debians_folders_and_a_staged_installation(tmp_path):
    stage, multiarch = tmp_path / "stage", "lib/x86_64-linux-gnu"
    install(Path("/usr"), f"DESTDIR={stage}", f"LIBDIR=/usr/{multiarch}", "INCLUDEDIR=/usr/include/single-cell", static=False)
    expected = {name.replace("lib/", f"{multiarch}/", 1) if name.startswith("lib/") else name for name in EXPECTED}
    expected = {name.replace("include/", "include/single-cell/") for name in expected if not name.endswith(".a")}
    assert files(stage / "usr") == expected and files(stage) == {f"usr/{name}" for name in expected}
    configure(tmp_path, stage / "usr", "gcc", f"-Dscnative_DIR={stage}/usr/{multiarch}/cmake/scnative")
    run("cmake", "--build", tmp_path / "build", "--target", "c_scnative", "cpp_scnative")
    assert len(outputs(tmp_path / "build", ["c_scnative", "cpp_scnative"])) == 1
    assert not (tmp_path / "build" / "c_static").exists()
    make("uninstall", "PREFIX=/usr", f"DESTDIR={stage}", f"LIBDIR=/usr/{multiarch}", "INCLUDEDIR=/usr/include/single-cell")
    assert files(stage) == set()


@pytest.mark.parametrize("wanted", ["99", "0.2", "0.0.1", "1.0", "0.1.99", "0.2...0.9", "0.0...<0.1"])
def test_other_versions_are_refused(installed, wanted, tmp_path):
    done = configure(tmp_path, installed, "gcc", f"-DWANTED={wanted}", check=False)
    assert done.returncode != 0 and f"version: {VERSION}" in done.stderr


@pytest.mark.parametrize("wanted", ["0.1", "0.1.0", f"{VERSION};EXACT", "0.1...0.9", "0.0...<0.2"])
def test_versions_that_fit_are_found(installed, wanted, tmp_path):
    assert f"scnative {VERSION}" in configure(tmp_path, installed, "gcc", f"-DWANTED={wanted}")


def test_components(installed, tmp_path):
    configure(tmp_path / "both", installed, "gcc", "-DPARTS=shared;static")
    unknown = configure(tmp_path / "unknown", installed, "gcc", "-DPARTS=gpu", check=False)
    assert unknown.returncode != 0 and "component gpu is not in" in unknown.stderr
    shared_only = install(tmp_path / "shared", static=False)
    assert not (shared_only / "lib" / "libscnative.a").exists()
    none = configure(tmp_path / "none", shared_only, "gcc", "-DPARTS=static", check=False)
    assert none.returncode != 0 and "component static is not in" in none.stderr
    configure(tmp_path / "there", shared_only, "gcc", "-DPARTS=shared")


def pkg_config(prefix: Path, *arguments: str) -> str:
    need("pkg-config")
    return run("pkg-config", *arguments, env={**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}).strip()


@pytest.mark.parametrize("compiler", COMPILERS)
def test_pkg_config(compiler, tmp_path):
    need(compiler)
    prefix = install(tmp_path / "prefix")
    assert pkg_config(prefix, "--modversion", "scnative") == VERSION
    flags = pkg_config(prefix, "--cflags", "--libs", "scnative").split()
    source = HERE / "consumer" / "program.c"
    run(compiler, "-std=c99", source, *flags, f"-Wl,-rpath,{prefix}/lib", "-o", tmp_path / "shared")
    assert f"[libscnative.so.{ABI}]" in run("readelf", "-d", tmp_path / "shared")
    (prefix / "lib" / "libscnative.so").unlink()  # then -lscnative means the archive
    flags = pkg_config(prefix, "--static", "--cflags", "--libs", "scnative").split()
    run(compiler, "-std=c99", source, *flags, "-o", tmp_path / "static")
    assert "libscnative" not in run("readelf", "-d", tmp_path / "static")
    assert len(outputs(tmp_path, ["shared", "static"])) == 1


def test_a_library_that_is_not_there_or_of_another_abi_is_refused(tmp_path):
    done = attempt("make", "--silent", "-C", ROOT, "install", f"PREFIX={tmp_path}", f"LIB={tmp_path}/none.so")
    assert done.returncode != 0 and "run `make build` first" in done.stderr
    need("gcc")
    (tmp_path / "other.c").write_text("int nothing(void) { return 0; }\n")
    run("gcc", "-shared", "-fPIC", "-Wl,-soname,libscnative.so.9", tmp_path / "other.c", "-o", tmp_path / "other.so")
    done = attempt("make", "--silent", "-C", ROOT, "install", f"PREFIX={tmp_path}/p", f"LIB={tmp_path}/other.so")
    assert done.returncode != 0 and f"has not the SONAME libscnative.so.{ABI}" in done.stderr
    done = attempt("make", "--silent", "-C", ROOT, "install", "PREFIX=relative", f"LIB={LIBRARY}")
    assert done.returncode != 0 and "relative is not an absolute path" in done.stderr
    assert not (tmp_path / "p").exists()
