"""What the server that workers are forked from (`curate.workers`) does early: what else waits for its first use."""

import gc

import pyarrow as pa

from curate.text.kernel import warm_up

warm_up()
pa.array([0])  # pyarrow looks for pandas, which takes half a second where there is one
gc.freeze()  # what is here now is never garbage: workers do not look it through, and go on sharing its memory
