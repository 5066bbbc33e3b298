"""Writes what the R package takes from include/scnative.h: `make header` runs it, `--check` fails when it drifted.

- scnative/src/scnative.h: a copy, so that the package compiles by itself;
- scnative/src/abi.h: the names of all functions and the fields of all option structs, as X macros;
- scnative/R/abi.R: the constants and the fields of option structs, for R.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from pycparser import c_ast

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "scnative"

spec = importlib.util.spec_from_file_location("python_abi", HERE.parent / "python" / "generate_abi.py")
python_abi = importlib.util.module_from_spec(spec)
spec.loader.exec_module(python_abi)

MADE = "Made by bindings/r/generate_abi.py (`make header`): do not edit."


def option_fields(types) -> dict[str, list[tuple[str, str]]]:
    """The numbers that a user sets, (name, C type), of each struct that holds options. Arrays and their lengths are not
    among them: a function that takes some hands them over as arguments of its own."""
    found = {}
    for name, struct in types.structs.items():
        if name.endswith("Options"):
            arrays = {d.name for d in struct.decls if isinstance(d.type, c_ast.PtrDecl)}
            lengths = {f"{array}_len" for array in arrays}
            numbers = [d for d in struct.decls if d.name not in {"struct_size", "reserved"} | arrays | lengths]
            found[name] = [(d.name, d.type.type.names[0]) for d in numbers]
    return found


def initializer(struct: str, functions) -> str:
    """ScnNormalizeTotalOptions -> scn_normalize_total_options_init, found by its letters."""
    wanted = struct[len("Scn") :].lower()
    (name,) = [n for n in functions if n.endswith("_init") and n[len("scn_") : -len("_init")].replace("_", "") == wanted]
    return name


def macro(name: str, lines: list[str]) -> str:
    return f"#define {name}(X) \\\n" + " \\\n".join(f"    X({line})" for line in lines) + "\n"


def c_header(types) -> str:
    options = option_fields(types)
    parts = [
        f"/* {MADE} */\n#ifndef SCNATIVE_R_ABI_H\n#define SCNATIVE_R_ABI_H\n",
        "/* Every function of scnative.h. */\n" + macro("SCN_FUNCTIONS", list(types.functions)),
        "/* Every struct of options, with the function that writes its defaults. */\n"
        + macro("SCN_OPTIONS", [f"{name}, {initializer(name, types.functions)}" for name in options]),
        "/* The fields of each that a user sets: struct, type, field. */",
    ]
    for name, fields in options.items():
        parts.append(macro(f"SCN_FIELDS_{name}", [f"{name}, {kind}, {field}" for field, kind in fields]))
    return "\n".join([*parts, "#endif\n"])


def r_source(text: str, types) -> str:
    lines = [f"# {MADE}", "", "# The constants of scnative.h.", "abi <- list("]
    constants = [f"  {name} = {value}L" for name, value in python_abi.constants(text).items()]
    lines += [",\n".join(constants), ")", "", "# The fields of its option structs, with their C types.", "abi_options <- list("]
    structs = []
    for name, fields in option_fields(types).items():
        body = ",\n".join(f'    {field} = "{kind}"' for field, kind in fields)
        structs.append(f"  {name} = c(\n{body}\n  )")
    return "\n".join([*lines, ",\n".join(structs), ")", ""])


def generate() -> dict[Path, str]:
    text = python_abi.HEADER.read_text()
    types = python_abi.Types(python_abi.parse(text))
    return {
        PACKAGE / "src" / "scnative.h": text,
        PACKAGE / "src" / "abi.h": c_header(types),
        PACKAGE / "R" / "abi.R": r_source(text, types),
    }


if __name__ == "__main__":
    made = generate()
    if sys.argv[1:] == ["--check"]:
        drifted = [str(path) for path, content in made.items() if not path.exists() or path.read_text() != content]
        sys.exit(f"{', '.join(drifted)}: not what the header says, run `make header`" if drifted else 0)
    for path, content in made.items():
        path.write_text(content)
