"""What Spark forks Python workers from on this machine: pyspark's own daemon, with the imports of the workers done.

Of itself that daemon imports next to nothing, and each worker then imports numpy, pyarrow, Numba and the stages anew,
which takes a second of a core. After every task a worker looks all of it through for garbage, which takes another 60
ms. As in `curate.workers` there must be one thread when a worker is forked; so this does not lie in `curate.engines`,
which imports pyarrow before it could be told.
"""

import gc
import importlib
import os

from pyspark.daemon import manager

from curate import workers


def prepare() -> None:
    """Import what workers need, for all of them."""
    os.environ.update(workers.ONE_THREAD)
    for module in ("pyspark.worker", "curate.engines.spark", *workers.NEEDED):
        importlib.import_module(module)
    gc.freeze()


if __name__ == "__main__":
    prepare()
    manager()
