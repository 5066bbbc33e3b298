"""The ground that everything stands on: finding the library, errors, import, interrupts, views."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import ROOT

import scnative as scn
from scnative import _lib
from scnative._matrix import View, sparse_handle, to_scipy

PACKAGE = str(ROOT / "bindings" / "python")


def fresh(code: str, **env: str) -> subprocess.CompletedProcess:
    """Runs code in a new interpreter that finds the package and the library as this one does."""
    env = {**os.environ, "PYTHONPATH": PACKAGE, "SCNATIVE_LIB": _lib.path(), **env}
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=env, capture_output=True, text=True, timeout=120)


def test_import_takes_milliseconds_and_the_standard_library_alone():
    done = fresh(
        """
        import sys, time
        before = set(sys.modules)
        begun = time.perf_counter()
        import scnative
        took = time.perf_counter() - begun
        new = {name.partition(".")[0] for name in set(sys.modules) - before}
        foreign = sorted(n for n in new if n not in sys.stdlib_module_names and n != "scnative")
        print(took, *foreign)
        """
    )
    took, *foreign = done.stdout.split()
    assert foreign == [], done.stderr
    assert min(float(fresh("import time; t = time.perf_counter(); import scnative; print(time.perf_counter() - t)").stdout) for _ in range(5)) < 0.02


def test_build_info():
    info = scn.build_info()
    assert info["version"] == info["package_version"] == scn.__version__
    assert os.path.exists(info["path"]) and info["threads"] >= 1


def test_a_missing_library_says_what_was_tried():
    done = fresh("import scnative; scnative.build_info()", SCNATIVE_LIB="/nowhere/libscnative.so")
    assert "ScnLibraryError" in done.stderr and "/nowhere/libscnative.so (SCNATIVE_LIB)" in done.stderr
    libc = fresh("import scnative; scnative.build_info()", SCNATIVE_LIB="libc.so.6")
    assert "is not scnative" in libc.stderr


def test_a_library_of_another_abi_is_refused(tmp_path):
    source = tmp_path / "other.c"
    source.write_text("unsigned scn_abi_version(void) { return 4711; }")
    other = tmp_path / "libscnative.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", other, source], check=True)
    done = fresh("import scnative; scnative.build_info()", SCNATIVE_LIB=str(other))
    assert f"{other} (SCNATIVE_LIB): has ABI 4711, this package needs" in done.stderr


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "u1", "?", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("index", ["i4", "i8"])
@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_matrix, sp.csr_array, sp.csc_array])
def test_unsorted_and_repeated_indices_become_canonical_as_scipy_does(dtype, index, kind):
    rng = np.random.default_rng(0)
    shape = (7, 5) if "csr" in kind.__name__ else (5, 7)
    indices = rng.integers(0, 5, 40).astype(index)
    indptr = np.array([0, 3, 3, 10, 20, 33, 39, 40], index)
    values = rng.integers(0, 2 if dtype == "?" else 90, 40).astype(dtype)
    matrix = kind((values, indices, indptr), shape=shape)
    matrix.indices, matrix.indptr = indices.copy(), indptr.copy()  # scipy's constructor may narrow them
    handle = sparse_handle()
    _lib.invoke("scn_matrix_sum_duplicates", View(matrix), handle.out)
    ours = to_scipy(handle)
    theirs = kind((values.astype("u1" if dtype == "?" else dtype), indices.copy(), indptr.copy()), shape=shape)
    theirs.sum_duplicates()
    assert ours.format == theirs.format and ours.indices.dtype == index
    np.testing.assert_array_equal(ours.indptr, theirs.indptr)
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_array_equal(ours.data, theirs.data)
    # the caller's arrays are as they were
    np.testing.assert_array_equal(matrix.indices, indices)


BROKEN = {
    "an index out of range": (lambda m: m.indices.__setitem__(5, 99), scn.ScnValueError, r"indices\[5\]: is 99 .* must be from 0 to 5"),
    "a negative index": (lambda m: m.indices.__setitem__(2, -1), scn.ScnValueError, r"indices\[2\]: is -1"),
    "offsets that decrease": (lambda m: m.indptr.__setitem__(2, 0), scn.ScnValueError, r"indptr\[2\]: is 0, less than indptr\[1\]"),
    "offsets that do not start at 0": (lambda m: m.indptr.__setitem__(0, 1), scn.ScnValueError, r"indptr\[0\]: is 1, must be 0"),
    "NaN": (lambda m: m.data.__setitem__(3, np.nan), scn.ScnValueError, "is NaN, must be finite"),
    "infinity": (lambda m: m.data.__setitem__(3, np.inf), scn.ScnValueError, "is inf, must be finite"),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("threads", [1, 3])
def test_validate_says_which_element_is_wrong(what, threads):
    breaks, error, message = BROKEN[what]
    matrix = sp.random(8, 6, density=0.5, format="csr", random_state=0, dtype="f8")
    _lib.invoke("scn_matrix_validate", View(matrix))
    breaks(matrix)
    with scn.settings.override(n_threads=threads), pytest.raises(error, match=message):
        _lib.invoke("scn_matrix_validate", View(matrix))


@pytest.mark.parametrize(
    "matrix, message",
    [
        (sp.random(3, 3, format="coo"), "coo format, must be csr or csc"),
        (np.zeros(3), "has 1 dimensions, must have 2"),
        (np.zeros((2, 2), complex), "has dtype complex128"),
        (np.array([["a"]]), "has dtype <U1"),
        ([[1, 2]], "is a builtins.list, must be"),
    ],
)
def test_objects_that_are_no_matrix(matrix, message):
    with pytest.raises((TypeError, ValueError), match=message):
        View(matrix)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.arange(40.0).reshape(5, 8)[1:4, 2:6],
        np.arange(40.0).reshape(5, 8).T[2:6, 1:4],
        np.arange(40.0).reshape(5, 8)[::2, ::2],
        np.arange(40.0).reshape(5, 8)[::-1],
        np.arange(12.0).reshape(3, 4).astype(">f8"),
        np.zeros((0, 4)),
        np.zeros((4, 0)),
        np.zeros((1, 5)),
        np.zeros((5, 1)),
    ],
)
def test_dense_views_of_every_stride(array):
    view = View(array)
    _lib.invoke("scn_matrix_validate", view)
    assert view.shape == array.shape
    with_nan = array.copy() if array.dtype.isnative else array.astype("f8")
    if with_nan.size:
        with_nan[-1, -1] = np.nan
        with pytest.raises(scn.ScnValueError, match=f"obs {array.shape[0] - 1}, var {array.shape[1] - 1} is NaN"):
            _lib.invoke("scn_matrix_validate", View(with_nan))


def test_errors_carry_their_status():
    with pytest.raises(ValueError) as caught:
        with scn.settings.override(n_threads=-3):
            _lib.invoke("scn_matrix_validate", View(np.zeros((2, 2))))
    assert caught.value.status_name == "SCN_ERR_INVALID_ARGUMENT" and "n_threads: is -3" in str(caught.value)


def big() -> sp.csr_matrix:
    """A matrix whose sorting takes seconds."""
    rng = np.random.default_rng(0)
    n = 20_000_000
    indices = rng.integers(0, 30_000, n).astype("i4")
    return sp.csr_matrix((np.ones(n, "f4"), indices, np.linspace(0, n, 2001).astype("i4")), shape=(2000, 30_000))


def test_ctrl_c_stops_a_call_within_a_fifth_of_a_second():
    done = fresh(
        """
        import os, signal, threading, time
        import sys
        sys.path.insert(0, %r)
        from test_base import big
        import scnative
        from scnative import _lib
        from scnative._matrix import View, sparse_handle
        # Shells start background jobs with SIGINT ignored, which children inherit: ask for Python's own handler.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        view = View(big())
        _lib.library()
        sent = []
        def kill():
            time.sleep(0.15)
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=kill).start()
        try:
            while True:
                handle = sparse_handle()
                _lib.invoke("scn_matrix_sum_duplicates", view, handle.out)
                handle.free()
        except KeyboardInterrupt:
            print(time.monotonic() - sent[0])
        """
        % str(ROOT / "tests" / "python")
    )
    assert done.stdout, done.stderr
    assert float(done.stdout) < 0.2
    assert "ignored" not in done.stderr


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN, signal.SIG_DFL, lambda *_: None])
def test_the_handler_of_ctrl_c_is_as_it_was_after_a_call(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        _lib.invoke("scn_matrix_validate", View(np.zeros((2, 2))))
        assert signal.getsignal(signal.SIGINT) is handler
        with pytest.raises(scn.ScnValueError):
            _lib.invoke("scn_matrix_validate", View(np.full((2, 2), np.nan)))
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_ones_own_is_called_when_the_call_has_ended():
    called = []

    def handler(number: int, frame: object) -> None:
        called.append((number, signal.getsignal(signal.SIGINT)))

    def report(done: float) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert not called

    before = signal.signal(signal.SIGINT, handler)
    try:
        view = View(big())
        with scn.settings.override(progress=report), pytest.raises(scn.ScnCancelled):
            while True:
                _lib.invoke("scn_matrix_sum_duplicates", view, sparse_handle().out)
    finally:
        signal.signal(signal.SIGINT, before)
    assert called == [(signal.SIGINT, handler)]


def test_addresses_are_numpys(tmp_path):
    array = np.arange(12.0).reshape(3, 4)
    sealed = array.copy()
    sealed.flags.writeable = False
    mapped = np.memmap(tmp_path / "values", "f4", "w+", shape=5)
    days = np.zeros(3, "M8[D]")
    for one in (array, array.T, array[1:], array[:, 1], array[::-1], sealed, mapped, days, np.zeros((0, 3)), np.ones(())):
        assert _lib.address(one) == one.ctypes.data


def test_a_scipy_that_keeps_shapes_elsewhere(monkeypatch):
    class Elsewhere(sp.csr_matrix):
        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            self.place = super().shape

        @property
        def shape(self):
            return self.__dict__.get("place", super().shape)

    matrix = sp.random(5, 7, density=0.5, format="csr", random_state=1)
    smallest = Elsewhere((1, 1))
    monkeypatch.setattr("scnative._matrix._smallest", lambda major: smallest)
    handle = sparse_handle()
    _lib.invoke("scn_matrix_sum_duplicates", View(matrix), handle.out)
    made = to_scipy(handle)
    assert type(made) is Elsewhere and made.shape == (5, 7) and made.dtype == matrix.dtype
    np.testing.assert_array_equal(made.toarray(), matrix.toarray())


def test_progress_is_reported_and_an_exception_in_it_cancels():
    seen: list[float] = []

    class Enough(Exception):
        pass

    def report(done: float) -> None:
        seen.append(done)
        if len(seen) == 3:
            raise Enough

    view = View(big())
    with scn.settings.override(progress=report), pytest.raises(Enough):
        while True:
            _lib.invoke("scn_matrix_sum_duplicates", view, sparse_handle().out)
    assert all(0 <= done <= 1 for done in seen)


def test_calls_from_several_threads_at_once():
    matrix = sp.random(500, 400, density=0.3, format="csr", random_state=1)
    expected = None
    results = []

    def work() -> None:
        for _ in range(20):
            handle = sparse_handle()
            _lib.invoke("scn_matrix_sum_duplicates", View(matrix), handle.out)
            results.append(to_scipy(handle))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 80
    expected = results[0]
    assert all((r.data == expected.data).all() and (r.indices == expected.indices).all() for r in results)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_computes():
    matrix = sp.random(500, 400, density=0.3, format="csr", random_state=1)
    with scn.settings.override(n_threads=2):
        _lib.invoke("scn_matrix_validate", View(matrix))  # the pool is there before the fork
        child = os.fork()
        if child == 0:
            try:
                _lib.invoke("scn_matrix_validate", View(matrix))
                os._exit(0)
            except BaseException:
                os._exit(1)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                assert os.waitstatus_to_exitcode(status) == 0
                return
            time.sleep(0.05)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
