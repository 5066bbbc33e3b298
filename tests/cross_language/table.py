"""Which function of the C header is had from which language, read off the bindings' sources. Writes docs/operations.md.

A function counts as there if a public function of the binding calls it. What a language does not have, and why, is in reasons.toml.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from pathlib import Path

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HEADER = ROOT / "include" / "scnative.h"
DOCUMENT = ROOT / "docs" / "operations.md"
BINDINGS = ROOT / "bindings"
LANGUAGES = ("Python", "R", "Julia", "C++")
CALL = re.compile(r"\b(?:C_)?(scn_[a-z0-9_]+)\b")


@lru_cache(maxsize=None)
def functions() -> list[str]:
    text = HEADER.read_text()
    return re.findall(r"^[A-Za-z].*?\b\*?(scn_[a-z0-9_]+)\(", text, flags=re.M)


@lru_cache(maxsize=None)
def _told() -> dict[str, dict]:
    return tomllib.loads((HERE / "reasons.toml").read_text())


def reasons(language: str) -> dict[str, str]:
    """Function -> why this language does not have it; `every`: why it is no operation of its own in any."""
    return {name: why for name, why in _told().get(language, {}).items() if isinstance(why, str)}


def through(language: str) -> dict[str, str]:
    """Function -> what has it in this language, where its name is put together and so not found in the source."""
    return _told().get(language, {}).get("through", {})


def source(file: Path) -> str:
    """A source without its comments and docstrings: what is mentioned in them is not called."""
    text = file.read_text()
    if file.suffix in (".py", ".jl"):
        text = re.sub(r'""".*?"""', "", text, flags=re.S)
    if file.suffix in (".c", ".hpp"):
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        return re.sub(r"//.*$", "", text, flags=re.M)
    return re.sub(r"^ *#.*$", "", text, flags=re.M)


def sources(language: str) -> list[Path]:
    """A binding's own sources, without what is made from the header."""
    folder, suffixes, made = {
        "Python": (BINDINGS / "python" / "scnative", (".py",), "_abi.py"),
        "R": (BINDINGS / "r" / "scnative", (".R", ".c"), "abi.R"),
        "Julia": (BINDINGS / "julia" / "ScNative" / "src", (".jl",), "abi.jl"),
        "C++": (ROOT / "include", (".hpp",), ""),
    }[language]
    found = sorted(file for file in folder.rglob("*") if file.suffix in suffixes and file.name != made)
    return [file for file in found if "tests" not in file.relative_to(folder).parts]


def blocks(text: str, begins: str) -> list[tuple[str, str]]:
    """The functions of a source as (name, text from there to the next one)."""
    found = list(re.finditer(begins, text, flags=re.M))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [(next(g for g in match.groups() if g), text[match.start() : end]) for match, end in zip(found, ends)]


@lru_cache(maxsize=None)
def mentions(language: str) -> dict[str, list[str]]:
    """Function of the header -> the public functions of the language whose bodies name it."""
    found: dict[str, list[str]] = {}

    def note(name: str, function: str) -> None:
        if name in functions() and function not in found.setdefault(name, []):
            found[name].append(function)

    if language == "Python":
        for file in sources(language):
            folder = file.parent.name
            prefix = "" if folder == "scnative" else f"{folder}."
            for function, body in blocks(source(file), r"^(?:def|class) (\w+)"):
                for name in CALL.findall(body):
                    note(name, f"{prefix}{function}")
    elif language == "Julia":
        for file in sources(language):
            for function, body in blocks(source(file), r"^(?:@inline )?(?:function (?:Base\.)?([\w!]+)|(?:Base\.)?([\w!]+)\(.*\)(?: where .*)? *=(?!=))"):
                for name in CALL.findall(body):
                    note(name, function)
    elif language == "R":
        shim = {}  # the function of the C shim -> those of the library that it calls
        for file in (file for file in sources(language) if file.suffix == ".c"):
            for function, body in blocks(source(file), r"^(?:static )?(?:SEXP|void|int|double|const char \*)\s*\*?(\w+)\("):
                shim.setdefault(function, set()).update(CALL.findall(body))
        for file in (file for file in sources(language) if file.suffix == ".R"):
            for function, body in blocks(source(file), r"^`?([\w.]+)`? <- function"):
                for word in set(re.findall(r"\b\w+\b", body)):
                    for name in shim.get(word, shim.get(word.removeprefix("C_"), ())):
                        note(name, function)
    else:
        text = "\n".join(map(source, sources(language)))
        text = re.sub(r"^namespace detail \{.*?^\}.*?$", lambda inner: re.sub(r"^(?=\S)", "\t", inner[0], flags=re.M), text, flags=re.M | re.S)
        for function, body in blocks(text, r"^(?:class|struct) (\w+)|^(?!template|//|#|\}|namespace|using)\S.*?\b(\w+)\("):
            for name in CALL.findall(body):
                note(name, function)
    return found


def cell(language: str, name: str) -> str:
    """What the table says of a function in a language: public names, *inside*, or a footnote."""
    if name in through(language):
        return f"`{through(language)[name]}`" if "inside" not in through(language)[name] else "*inside*"
    public = [function for function in mentions(language).get(name, []) if not function.split(".")[-1].startswith(("_", "~"))]
    if public:
        return ", ".join(f"`{function}`" for function in public[:3])
    if name in mentions(language):
        return "*inside*"
    return f"[^{language.replace('+', 'p')}-{name}]"


def document() -> str:
    lines = [
        "# Operations and languages",
        "",
        "Made from the bindings by `make header`: do not edit. C has all of them, as they are in `include/scnative.h`. Where a function",
        "serves others of its language and has no name of its own there, it says *inside*.",
        "",
        f"| C | {' | '.join(LANGUAGES)} |",
        "|---" * (len(LANGUAGES) + 1) + "|",
    ]
    notes = []
    for name in functions():
        cells = [cell(language, name) for language in LANGUAGES]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
        for language, c in zip(LANGUAGES, cells):
            if c.startswith("[^"):
                notes.append(f"{c}: {language}: {reasons(language).get(name, 'not there')}")
    return "\n".join([*lines, "", *notes, ""])


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if DOCUMENT.exists() and DOCUMENT.read_text() == document() else f"{DOCUMENT}: run `make header`")
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(document())
