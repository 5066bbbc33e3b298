"""Writes what follows from include/scnative.h: `make header` runs it, tests/python/test_abi.py fails when it drifted.

- scnative/_abi.py: the declarations for ctypes;
- tests/abi/structs.rs: the fields of each struct, for the Rust side of the layout test.

Needs pycparser and a C compiler for its preprocessor.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pycparser import c_ast, c_parser

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "include" / "scnative.h"
DECLARATIONS = Path(__file__).resolve().parent / "scnative" / "_abi.py"
STRUCTS = ROOT / "tests" / "abi" / "structs.rs"

SCALARS = {
    "int8_t": "c_int8",
    "uint8_t": "c_uint8",
    "int32_t": "c_int32",
    "uint32_t": "c_uint32",
    "int64_t": "c_int64",
    "uint64_t": "c_uint64",
    "size_t": "c_size_t",
    "double": "c_double",
    "float": "c_float",
    "char": "c_char",
}

PRELUDE = """\
typedef signed char int8_t; typedef unsigned char uint8_t; typedef int int32_t; typedef unsigned int uint32_t;
typedef long int64_t; typedef unsigned long uint64_t; typedef unsigned long size_t;
"""


def parse(text: str) -> c_ast.FileAST:
    body = re.sub(r"^#include.*$", "", text, flags=re.M)
    done = subprocess.run(["cc", "-E", "-P", "-x", "c", "-"], input=body, capture_output=True, text=True, check=True)
    return c_parser.CParser().parse(PRELUDE + done.stdout)


def constants(text: str) -> dict[str, int | float]:
    found = re.findall(r"^#define (SCN_\w+) (\S+)$", text, flags=re.M)
    return {name: (float(value) if "." in value else int(value, 0)) for name, value in found}


class Types:
    def __init__(self, tree: c_ast.FileAST):
        self.aliases: dict[str, c_ast.Node] = {}
        self.callbacks: dict[str, c_ast.FuncDecl] = {}
        self.structs: dict[str, c_ast.Struct] = {}
        self.functions: dict[str, c_ast.FuncDecl] = {}
        for item in tree.ext:
            if isinstance(item, c_ast.Typedef):
                kind = item.type
                if isinstance(kind, c_ast.PtrDecl) and isinstance(kind.type, c_ast.FuncDecl):
                    self.callbacks[item.name] = kind.type
                elif isinstance(kind, c_ast.TypeDecl) and isinstance(kind.type, c_ast.Struct):
                    if kind.type.decls:
                        self.structs[item.name] = kind.type
                elif item.name not in SCALARS:
                    self.aliases[item.name] = kind
            elif isinstance(item, c_ast.Decl) and isinstance(item.type, c_ast.FuncDecl):
                self.functions[item.name] = item.type

    def ctype(self, node: c_ast.Node, returned: bool = False) -> str:
        """The ctypes expression of a type; every data pointer is a c_void_p, text that is returned a c_char_p."""
        if isinstance(node, c_ast.PtrDecl):
            target = node.type
            name = getattr(getattr(target, "type", None), "names", [""])[0]
            return "c_char_p" if returned and name == "char" else "c_void_p"
        if isinstance(node, c_ast.ArrayDecl):
            return f"{self.ctype(node.type)} * {node.dim.value}"
        kind = node.type
        name = kind.name if isinstance(kind, c_ast.Struct) else kind.names[0]
        if name == "void":
            return "None"
        if name in SCALARS:
            return SCALARS[name]
        if name in self.callbacks:
            return name
        if name in self.structs:
            return name
        if name in self.aliases:
            return self.ctype(self.aliases[name])
        raise SystemExit(f"{HEADER}: the type {name} is not known")

    def parameters(self, function: c_ast.FuncDecl) -> list[str]:
        params = [p.type for p in function.args.params] if function.args else []
        kinds = [self.ctype(p) for p in params]
        return [] if kinds == ["None"] else kinds


def declarations(text: str, types: Types) -> str:
    out = [
        '"""Declarations of include/scnative.h for ctypes. Made by generate_abi.py (`make header`): do not edit."""',
        "",
        "from ctypes import (",
        "    CFUNCTYPE,",
        "    Structure,",
        *(f"    {c}," for c in sorted({*SCALARS.values(), "c_char_p", "c_void_p"})),
        ")",
        "",
    ]
    out += [f"{name} = {value!r}" for name, value in constants(text).items()]
    out.append("")
    for name, function in types.callbacks.items():
        kinds = [types.ctype(function.type), *types.parameters(function)]
        out.append(f"{name} = CFUNCTYPE({', '.join(kinds)})")
    for name, struct in types.structs.items():
        out += ["", "", f"class {name}(Structure):", "    _fields_ = ["]
        out += [f'        ("{d.name}", {types.ctype(d.type)}),' for d in struct.decls]
        out.append("    ]")
    out += ["", "", "#: name -> (what it returns, what it takes)", "FUNCTIONS = {"]
    for name, function in types.functions.items():
        out.append(f'    "{name}": ({types.ctype(function.type, returned=True)}, [{", ".join(types.parameters(function))}]),')
    out += ["}", ""]
    return "\n".join(out)


def structs(types: Types) -> str:
    lines = ["// The structs of include/scnative.h and their fields. Made by generate_abi.py (`make header`): do not edit.", "layouts! {"]
    lines += [f"    {name}: {' '.join(d.name for d in struct.decls)};" for name, struct in types.structs.items()]
    return "\n".join([*lines, "}", ""])


def generate() -> dict[Path, str]:
    text = HEADER.read_text()
    types = Types(parse(text))
    return {DECLARATIONS: declarations(text, types), STRUCTS: structs(types)}


if __name__ == "__main__":
    made = generate()
    if sys.argv[1:] == ["--check"]:
        drifted = [str(path) for path, content in made.items() if not path.exists() or path.read_text() != content]
        sys.exit(f"{', '.join(drifted)}: not what the header says, run `make header`" if drifted else 0)
    for path, content in made.items():
        path.write_text(content)
