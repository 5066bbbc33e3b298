"""Whether two tools' results are the same, as far as they can be expected to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: (answer, reference) -> (whether it is right, how it compares in words)
Agreement = Callable[[dict[str, Any], dict[str, Any]], tuple[bool, str]]

#: p-values below it, and other numbers this near to zero, may differ by as much: peers that compute 1 - F(z) have no smaller ones.
FLOOR = 1e-12


def close(**tolerances: float) -> Agreement:
    """Every array that both have, within a relative tolerance."""

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
            scale = np.maximum(np.abs(b[both]), FLOOR / max(tolerance, FLOOR))
            off = float(np.max(np.abs(a[both] - b[both]) / scale, initial=0))
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
