"""Whether two tools' results are the same, as far as they can be expected to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: (answer, reference) -> (whether it is right, how it compares in words)
Agreement = Callable[[dict[str, Any], dict[str, Any]], tuple[bool, str]]

#: p-values may differ by this much whatever they are: peers that compute 1 - F(z) know no smaller ones.
P_FLOOR = 1e-9


def close(**tolerances: float) -> Agreement:
    """Every array that both have, within a relative tolerance: p-values below `P_FLOOR` relative to that, values of a matrix (x) that are nearer to
    zero than most relative to most."""

    def compare(answer: dict[str, Any], reference: dict[str, Any]) -> tuple[bool, str]:
        import numpy as np

        right, words = True, []
        for name, tolerance in tolerances.items():
            if name not in answer or name not in reference:
                continue
            a, b = (np.asarray(x[name], "f8") for x in (answer, reference))
            if a.shape != b.shape:
                return False, f"{name} has shape {a.shape}, not {b.shape}"
            # NaN stands for what was not computed, where a part of the work was run.
            both = np.isfinite(a) & np.isfinite(b)
            whole = not (answer.get("partial") or reference.get("partial"))
            unlike = int((np.isfinite(a) != np.isfinite(b)).sum()) if whole else 0
            least = {"p": P_FLOOR, "x": np.sqrt(np.mean(b[both] ** 2)) if both.any() else 0}.get(name, 0)
            off = np.abs(a[both] - b[both])
            off = float(np.max(off[off > 0] / np.maximum(np.abs(b[both][off > 0]), max(least, 1e-300)), initial=0))
            right = right and off <= tolerance and both.any() and unlike <= 0.001 * a.size
            words.append(f"{name} {off:.0e}" if off else f"{name} the same")
            if unlike:
                words.append(f"{unlike} NaN in one only")
        return (right, ", ".join(words)) if words else (False, "nothing to compare")

    return compare


def overlap(at_least: float = 0.99) -> Agreement:
    """Of the chosen genes, how many the reference chose."""

    def compare(answer: dict[str, Any], reference: dict[str, Any]) -> tuple[bool, str]:
        import numpy as np

        a, b = (np.asarray(x["chosen"], bool) for x in (answer, reference))
        if a.shape != b.shape:
            return False, f"{a.size} genes, not {b.size}"
        same = int((a & b).sum())
        return bool(same >= at_least * b.sum() and a.sum() == b.sum()), f"{same:,} of {int(b.sum()):,} genes"

    return compare
