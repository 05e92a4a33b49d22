"""Where workers come from: a server process that has imported what they need, and forks them.

A worker that starts from nothing imports numpy, pyarrow and Numba and sets Numba up before its first task: 0.8 s of a
core, for every worker and again for each one that takes the place of a killed one. Forked from the server it begins at
once and shares that memory. The server has one thread, so forking it is safe, as forking the driver would not be; it
ends with the driver, however that ends.

This module imports nothing of weight: the server can be started first, and gets ready while the driver does.
"""

import os
import sys
from collections.abc import Sequence
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerContext

NEEDED = ("curate.publish", "curate.sources.parquet", "curate.engines.warm")
# Of numpy's BLAS, of OpenMP, and none of the allocator that pyarrow brings along without using it.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


def server(imports: Sequence[str] = ()) -> ForkServerContext:
    """The context that workers are started in. The first call starts the server, which imports these as well."""
    context = get_context("forkserver")
    context.set_forkserver_preload([*NEEDED, *imports])
    before = dict(os.environ)
    os.environ.update(ONE_THREAD)
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return context


def python_path() -> str:
    """PYTHONPATH with which another Python finds the modules that this one finds."""
    return os.pathsep.join(path or os.getcwd() for path in sys.path)
