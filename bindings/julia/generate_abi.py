"""Writes ScNative/src/abi.jl, what Julia must know of include/scnative.h: constants, structs, functions.

`--check` writes nothing and fails if the file is not what the header says. Reads the header with the parser of
bindings/python/generate_abi.py, and needs what that needs: pycparser and a C compiler for its preprocessor.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from pycparser import c_ast

HERE = Path(__file__).resolve().parent
DECLARATIONS = HERE / "ScNative" / "src" / "abi.jl"


def _header_parser():
    """bindings/python/generate_abi.py, which has this file's name and so cannot be had by a plain import."""
    spec = importlib.util.spec_from_file_location("header_parser", HERE.parent / "python" / "generate_abi.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


header = _header_parser()

SCALARS = {
    "int8_t": "Int8",
    "uint8_t": "UInt8",
    "int32_t": "Int32",
    "uint32_t": "UInt32",
    "int64_t": "Int64",
    "uint64_t": "UInt64",
    "size_t": "Csize_t",
    "double": "Float64",
    "float": "Float32",
    "char": "UInt8",
    "void": "Cvoid",
}

#: Words that Julia keeps for itself.
RESERVED = {"end", "function", "global", "local", "module", "type"}


class JuliaTypes:
    """The Julia types of the header's declarations."""

    def __init__(self, types):
        self.types = types
        self.opaque: set[str] = set()

    def of(self, node: c_ast.Node) -> str:
        if isinstance(node, c_ast.PtrDecl):
            return self._pointer(node)
        if isinstance(node, c_ast.ArrayDecl):
            return f"NTuple{{{node.dim.value},{self.of(node.type)}}}"
        kind = node.type
        name = kind.name if isinstance(kind, c_ast.Struct) else kind.names[0]
        if name in SCALARS:
            return SCALARS[name]
        if name in self.types.callbacks:
            return "Ptr{Cvoid}"
        if name in self.types.aliases:
            return self.of(self.types.aliases[name])
        if name not in self.types.structs:
            self.opaque.add(name)
        return name

    def _pointer(self, node: c_ast.PtrDecl) -> str:
        target = node.type
        if getattr(getattr(target, "type", None), "names", None) == ["char"] and "const" in target.quals:
            return "Cstring"
        return f"Ptr{{{self.of(target)}}}"

    def parameters(self, function: c_ast.FuncDecl) -> list[tuple[str, str]]:
        params = function.args.params if function.args else []
        found = [(p.name, self.of(p.type)) for p in params]
        return [] if [kind for _, kind in found] == ["Cvoid"] else found


def name_of(parameter: str) -> str:
    return parameter + "_" if parameter in RESERVED else parameter


def declarations(text: str, types) -> str:
    julia = JuliaTypes(types)
    structs, table, wrappers = [], [], []
    for name, struct in types.structs.items():
        fields = [f"    {d.name}::{julia.of(d.type)}" for d in struct.decls]
        structs += ["", f"mutable struct {name} <: ScnStruct", *fields, f"    {name}() = new()", "end"]
    for i, (name, function) in enumerate(types.functions.items(), 1):
        params = julia.parameters(function)
        names = [name_of(parameter) for parameter, _ in params]
        kinds = [kind for _, kind in params]
        tuple_of_kinds = f"({', '.join(kinds)}{',' if len(kinds) == 1 else ''})"
        table.append(f"    :{name},")
        call = f"ccall(entry({i}), {', '.join([julia.of(function.type), tuple_of_kinds, *names])})"
        wrappers += [f"{name}({', '.join(names)}) =", f"    {call}"]
    inits = {name: function for name, function in types.functions.items() if name.endswith("_init")}
    init_of = []
    for name, function in inits.items():
        struct = function.args.params[0].type.type.type.name
        init_of.append(f"init_function(::Type{{{struct}}}) = {name}")
    numbers = [f"const {name} = {number(value)}" for name, value in header.constants(text).items()]
    return "\n".join(
        [
            "# Declarations of include/scnative.h. Made by bindings/julia/generate_abi.py: do not edit.",
            "",
            *numbers,
            "",
            "# Handles: what they point to is the library's own.",
            *(f"struct {name} end" for name in sorted(julia.opaque)),
            *structs,
            "",
            "# The functions, in the order of their places in the table that the loader fills.",
            "const FUNCTIONS = (",
            *table,
            ")",
            "",
            *wrappers,
            "",
            "# The function that writes a struct's defaults.",
            *init_of,
            "",
        ]
    )


def number(value: int | float) -> str:
    return f"Int32({value})" if isinstance(value, int) else repr(value)


def generate() -> str:
    text = header.HEADER.read_text()
    return declarations(text, header.Types(header.parse(text)))


if __name__ == "__main__":
    made = generate()
    if sys.argv[1:] == ["--check"]:
        drifted = not DECLARATIONS.exists() or DECLARATIONS.read_text() != made
        sys.exit(f"{DECLARATIONS}: not what the header says, run {Path(__file__).resolve()}" if drifted else 0)
    DECLARATIONS.write_text(made)
