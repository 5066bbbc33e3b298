"""What scanpy keeps in scanpy.experimental, under the same names."""

from __future__ import annotations

from . import pp

__all__ = ["pp"]
