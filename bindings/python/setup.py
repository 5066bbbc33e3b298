"""The wheel holds a library but no extension module: one wheel for every Python, of the platform that it was built for.

`make wheel` builds the library against glibc 2.17 and puts it into scnative/_lib; without one there, the wheel is pure
Python and finds the library where `scnative._lib.candidates` says.
"""

from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel

LIBRARY = Path(__file__).parent / "scnative" / "_lib" / "libscnative.so"


class PlatformDistribution(Distribution):
    def has_ext_modules(self):
        return LIBRARY.exists()


class PlatformWheel(bdist_wheel):
    def get_tag(self):
        return ("py3", "none", "manylinux2014_x86_64") if LIBRARY.exists() else ("py3", "none", "any")


setup(distclass=PlatformDistribution, cmdclass={"bdist_wheel": PlatformWheel})
