"""The C ABI: the header compiles everywhere, and header, library, ctypes and the recorded ABI say the same."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import ROOT

from scnative import _abi as abi
from scnative import _lib
from scnative._matrix import View

HEADER = ROOT / "include" / "scnative.h"
RECORDED = ROOT / "tests" / "abi"

sys.path.insert(0, str(ROOT / "bindings" / "python"))
import generate_abi  # noqa: E402

TYPES = generate_abi.Types(generate_abi.parse(HEADER.read_text()))


def run(*command: object, **kwargs: object) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("standard", ["c99", "c11", "c17", "c++11", "c++17"])
def test_the_header_compiles_alone_and_in_two_units(compiler, standard, tmp_path):
    cxx = standard.startswith("c++")
    driver = {"gcc": "g++", "clang": "clang++"}[compiler] if cxx else compiler
    if not shutil.which(driver):
        pytest.skip(f"needs {driver}")
    suffix = ".cpp" if cxx else ".c"
    (tmp_path / f"one{suffix}").write_text('#include "scnative.h"\n#include "scnative.h"\nint other(void);\nint main(void) { return other(); }\n')
    (tmp_path / f"two{suffix}").write_text('#include "scnative.h"\nint other(void);\nint other(void) { return (int)sizeof(ScnMatrix) & 0; }\n')
    flags = [f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{HEADER.parent}"]
    run(driver, *flags, tmp_path / f"one{suffix}", tmp_path / f"two{suffix}", "-o", tmp_path / "linked")
    run(tmp_path / "linked")


def build_c(source, folder, *flags: str):
    """A C program linked against the library that is under test."""
    library = Path(_lib.path()).resolve()
    # the linker wants the file under the name that programs ask for
    (folder / f"libscnative.so.{abi.SCN_ABI_VERSION}").symlink_to(library)
    (folder / "libscnative.so").symlink_to(library)
    program = folder / source.stem
    warnings = ["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    run("cc", *warnings, *flags, f"-I{HEADER.parent}", source, f"-L{folder}", "-lscnative", f"-Wl,-rpath,{folder}", "-o", program)
    return program


def test_a_c_program_on_the_raw_abi(tmp_path):
    assert run(build_c(ROOT / "tests" / "c" / "abi.c", tmp_path), cwd=tmp_path) == "ok\n"


@pytest.mark.skipif(not shutil.which("valgrind"), reason="needs valgrind: apt-get install valgrind")
def test_a_c_program_on_the_raw_abi_under_valgrind(tmp_path):
    program = build_c(ROOT / "tests" / "c" / "abi.c", tmp_path, "-g")
    check = ["--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite", "--show-leak-kinds=definite"]
    assert run("valgrind", "--quiet", *check, program, "without fork", cwd=tmp_path) == "ok\n"


def test_what_is_made_from_the_header_is_up_to_date():
    for path, content in generate_abi.generate().items():
        assert path.read_text() == content, f"{path}: run `make header`"


@pytest.mark.parametrize("language", ["r", "julia"])
def test_the_tables_of_the_other_bindings_are_the_headers(language):
    """Julia's declarations are made from the header; R's are the header itself, and a list of its functions and structs."""
    run(sys.executable, ROOT / "bindings" / language / "generate_abi.py", "--check")


def test_the_header_defines_nothing_that_is_not_its_own():
    names = re.findall(r"^#define (\w+)", HEADER.read_text(), flags=re.M)
    assert [name for name in names if not name.startswith(("SCN_", "SCNATIVE_"))] == []


def c_layout(folder) -> str:
    lines = []
    for name, struct in TYPES.structs.items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        lines += [f'printf("{name}.{d.name} %zu\\n", offsetof({name}, {d.name}));' for d in struct.decls]
    source = folder / "layout.c"
    source.write_text('#include "scnative.h"\n#include <stdio.h>\nint main(void) {\n' + "\n".join(lines) + "\nreturn 0; }\n")
    run("cc", f"-I{HEADER.parent}", source, "-o", folder / "layout")
    return run(folder / "layout")


def test_struct_layouts_are_the_recorded_ones(tmp_path):
    found = c_layout(tmp_path)
    record = RECORDED / "layout.txt"
    if os.environ.get("SCN_UPDATE"):
        record.write_text(found)
    assert found == record.read_text(), "the C ABI changed: raise SCN_ABI_VERSION if programs break, then `make abi`"
    ours = []
    for name in TYPES.structs:
        struct = getattr(abi, name)
        ours.append(f"{name} {ctypes.sizeof(struct)}")
        ours += [f"{name}.{field} {getattr(struct, field).offset}" for field, _ in struct._fields_]
    assert "\n".join(ours) + "\n" == found


def test_every_option_struct_starts_with_its_size_and_has_an_init():
    for name in TYPES.structs:
        struct = getattr(abi, name)
        assert struct._fields_[0] == ("struct_size", ctypes.c_uint32), name
        made = _lib.options(name)
        assert made.struct_size == ctypes.sizeof(struct)
        # an older header's struct is smaller: only as much as it has is written
        small = (ctypes.c_uint8 * (ctypes.sizeof(struct) + 8))(*([7] * (ctypes.sizeof(struct) + 8)))
        init = getattr(_lib.library(), _lib._init_name(name))
        assert init(ctypes.addressof(small), ctypes.sizeof(struct)) == 0
        assert bytes(small)[ctypes.sizeof(struct) :] == b"\7" * 8
        assert init(ctypes.addressof(small), 2) == abi.SCN_ERR_STRUCT_SIZE
        assert init(None, ctypes.sizeof(struct)) == abi.SCN_ERR_NULL


def test_exported_symbols_are_the_headers_and_the_recorded_ones():
    nm = run("nm", "-D", "--defined-only", _lib.path())
    exported = sorted(line.split()[-1] for line in nm.splitlines())
    assert exported == sorted(TYPES.functions), "the library exports what the header does not declare, or lacks something"
    record = RECORDED / "symbols.txt"
    if os.environ.get("SCN_UPDATE"):
        record.write_text("\n".join(exported) + "\n")
    assert exported == record.read_text().split(), "functions came or went: `make abi` records it"


def test_soname_and_needed_libraries():
    dynamic = run("readelf", "-d", _lib.path())
    assert f"soname: [libscnative.so.{abi.SCN_ABI_VERSION}]" in dynamic
    needed = set(re.findall(r"\(NEEDED\).*\[(.+?)\]", dynamic))
    assert needed <= {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "libpthread.so.0", "libdl.so.2"}


def matrix_functions() -> list[str]:
    """Functions whose first matrix comes right after the context."""
    found = []
    for name, function in TYPES.functions.items():
        if [pointed_at(p.type) for p in (function.args.params if function.args else [])][:2] == ["ScnContext", "ScnMatrix"]:
            found.append(name)
    assert "scn_matrix_validate" in found
    return found


def test_every_function_and_field_is_documented():
    text = HEADER.read_text()
    for name in TYPES.functions:
        comment = re.search(rf"((?://[^\n]*\n)+)[^;{{}}/]*\b{name}\(", text)
        assert comment and "@since" in comment[1], f"{name}: needs a description with @since"
    for name, struct in TYPES.structs.items():
        body = text[text.index(f"typedef struct {name} {{") : text.index(f"}} {name};")]
        for field in struct.decls:
            assert re.search(rf"//[^\n]*\n[^\n]*\b{field.name}\b", body), f"{name}.{field.name}: needs a description"


def pointed_at(kind) -> str:
    """The name of the struct that a parameter points to, or an empty text."""
    return getattr(getattr(getattr(kind, "type", None), "type", None), "name", None) or ""


def broken_descriptors() -> dict[str, tuple[dict, int]]:
    """What is wrong -> (changes to a good sparse 3 x 4 descriptor, the status)."""
    bad = ctypes.c_void_p(1)
    return {
        "struct_size 0": ({"struct_size": 0}, abi.SCN_ERR_STRUCT_SIZE),
        "struct_size of nothing known": ({"struct_size": 12}, abi.SCN_ERR_STRUCT_SIZE),
        "struct_size of garbage": ({"struct_size": 2**32 - 1}, abi.SCN_ERR_STRUCT_SIZE),
        "unknown storage": ({"storage": 7}, abi.SCN_ERR_INVALID_ARGUMENT),
        "unknown major": ({"major": -1}, abi.SCN_ERR_INVALID_ARGUMENT),
        "unknown base": ({"index_base": 2}, abi.SCN_ERR_INVALID_ARGUMENT),
        "unknown flags": ({"flags": 1 << 30}, abi.SCN_ERR_INVALID_ARGUMENT),
        "negative n_obs": ({"n_obs": -3}, abi.SCN_ERR_SHAPE),
        "negative n_vars": ({"n_vars": -1}, abi.SCN_ERR_SHAPE),
        "negative nnz": ({"nnz": -1}, abi.SCN_ERR_SHAPE),
        "n_obs of all 64 bits": ({"n_obs": 2**63 - 1}, abi.SCN_ERR_OVERFLOW),
        "unknown value type": ({"value_type": 0}, abi.SCN_ERR_TYPE),
        "a value type of the future": ({"value_type": 99}, abi.SCN_ERR_TYPE),
        "unknown indptr type": ({"indptr_type": abi.SCN_F64}, abi.SCN_ERR_TYPE),
        "unknown index type": ({"index_type": abi.SCN_U8}, abi.SCN_ERR_TYPE),
        "null indptr": ({"indptr": None}, abi.SCN_ERR_NULL),
        "null indices": ({"indices": None}, abi.SCN_ERR_NULL),
        "null values": ({"values": None}, abi.SCN_ERR_NULL),
        "values not aligned": ({"values": bad.value}, abi.SCN_ERR_INVALID_ARGUMENT),
        "nnz past what indptr ends at": ({"nnz": 4}, abi.SCN_ERR_MATRIX),
        "nnz past what i32 offsets hold": ({"nnz": 2**31, "indptr_type": abi.SCN_I32}, abi.SCN_ERR_OVERFLOW),
        "more columns than i32 indices hold": ({"n_vars": 2**31 + 1}, abi.SCN_ERR_OVERFLOW),
        "dense with a wrong nnz": ({"storage": abi.SCN_DENSE, "nnz": 5}, abi.SCN_ERR_SHAPE),
        "dense with a stride too short": ({"storage": abi.SCN_DENSE, "nnz": 12, "stride": 2}, abi.SCN_ERR_SHAPE),
        "dense with a stride past memory": ({"storage": abi.SCN_DENSE, "nnz": 12, "stride": 2**62}, abi.SCN_ERR_OVERFLOW),
    }


def good() -> tuple[sp.csr_matrix, View]:
    matrix = sp.csr_matrix(
        (np.array([1, 2, 3, 4, 5], "f4"), np.array([0, 2, 1, 0, 3], "i4"), np.array([0, 2, 3, 5], "i8")), shape=(3, 4)
    )
    matrix.indptr = matrix.indptr.astype("i8")
    return matrix, View(matrix)


def call_with_nothing_else(name: str, *first: object) -> int:
    """Calls a function with these arguments and zeros and nulls for the rest."""
    function = getattr(_lib.library(), name)
    rest = function.argtypes[len(first) :]
    return function(*first, *(None if t in (ctypes.c_void_p, ctypes.c_char_p) else t(0) for t in rest))


@pytest.mark.parametrize("name", matrix_functions())
@pytest.mark.parametrize("what", broken_descriptors())
def test_a_malformed_descriptor_gives_its_status_from_every_function(name, what):
    changes, expected = broken_descriptors()[what]
    matrix, view = good()
    before = (matrix.data.copy(), matrix.indices.copy(), matrix.indptr.copy())
    for field, value in changes.items():
        setattr(view.struct, field, value)
    status = call_with_nothing_else(name, None, ctypes.addressof(view.struct))
    if name == "scn_matrix_validate":
        assert status == expected, _message()
        assert _message()
    # elsewhere an output that must be there may be missed first; a crash, a panic or an OK is never right
    assert status not in (abi.SCN_OK, abi.SCN_ERR_PANIC), _message()
    for a, b in zip(before, (matrix.data, matrix.indices, matrix.indptr)):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", sorted(TYPES.functions))
def test_nulls_and_zeros_for_all_arguments_do_no_harm(name):
    status = call_with_nothing_else(name)
    if getattr(_lib.library(), name).restype is ctypes.c_int32 and name != "scn_default_threads":
        assert status in range(abi.SCN_ERR_PANIC), _message()
    if name == "scn_set_log_callback":  # put back what the package needs
        _lib.library().scn_set_log_callback(_lib._on_log, None)


def test_a_struct_of_a_newer_header_is_taken_while_what_is_new_in_it_is_zero():
    matrix, view = good()
    size = ctypes.sizeof(abi.ScnMatrix)
    newer = (ctypes.c_uint8 * (size + 16))(*bytes(view.struct), *([0] * 16))
    ctypes.c_uint32.from_buffer(newer).value = size + 16
    validate = _lib.library().scn_matrix_validate
    assert validate(None, ctypes.addressof(newer)) == abi.SCN_OK, _message()
    newer[size + 3] = 1
    assert validate(None, ctypes.addressof(newer)) == abi.SCN_ERR_STRUCT_SIZE
    assert f"byte {size + 3} is set" in _message()


def test_messages_are_per_thread_and_cut_where_the_buffer_ends():
    lib = _lib.library()
    assert lib.scn_matrix_validate(None, None) == abi.SCN_ERR_NULL
    whole = _message()
    assert whole.startswith("matrix: is null")
    needed = ctypes.c_size_t()
    small = ctypes.create_string_buffer(8)
    assert lib.scn_last_error_message(ctypes.addressof(small), 8, ctypes.addressof(needed)) == abi.SCN_OK
    assert small.value.decode() == whole[:7] and needed.value == len(whole) + 1
    import threading

    elsewhere: list[str] = []
    thread = threading.Thread(target=lambda: elsewhere.append(_message()))
    thread.start()
    thread.join()
    assert elsewhere == [""] and _message() == whole


def _message() -> str:
    buffer = ctypes.create_string_buffer(2000)
    _lib.library().scn_last_error_message(ctypes.addressof(buffer), len(buffer), None)
    return buffer.value.decode()


def test_a_cancel_token_stops_a_call_and_can_be_used_again():
    lib = _lib.library()
    token = ctypes.c_void_p()
    assert lib.scn_cancel_token_new(ctypes.addressof(token)) == abi.SCN_OK
    context = _lib.options("ScnContext")
    context.cancel = token.value
    _, view = good()
    assert lib.scn_cancel_token_set(token) == abi.SCN_OK
    assert lib.scn_matrix_validate(ctypes.addressof(context), ctypes.addressof(view.struct)) == abi.SCN_ERR_CANCELLED
    assert lib.scn_cancel_token_reset(token) == abi.SCN_OK
    assert lib.scn_matrix_validate(ctypes.addressof(context), ctypes.addressof(view.struct)) == abi.SCN_OK
    lib.scn_cancel_token_free(token)
