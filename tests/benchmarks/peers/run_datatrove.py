"""datatrove: run_datatrove.py minhash|filters|web|pii|ngrams IN OUT WORKERS. What it keeps is JSONL in OUT/kept.

As in its examples minhash_deduplication.py and fineweb.py, on one machine; a task is one worker's share of the files of
IN. 128 hashes are cut into 16 × 8 as for all tools here. Of fineweb.py the URL lists and the language model are left
out, since it downloads the latter. pii and ngrams time PIIFormatter and NGramsDecontFilter by themselves, on one core,
texts in memory, and write the seconds to OUT/seconds; the latter's index is made of the questions in
IN/../held_out.jsonl, as its indexer does it, which wants lighteval.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.decont import NGramsDecontConfig, NGramsDecontFilter
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
)
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from datatrove.utils.text import ngrams as ngrams_of
from datatrove.utils.text import simplify_text


def minhash(source: str, out: str, workers: int) -> None:
    """Signatures, buckets, clusters, and the documents once more."""
    config = MinhashConfig(n_grams=5, num_buckets=16, hashes_per_bucket=8)
    signatures, buckets, remove = f"{out}/signatures", f"{out}/buckets", f"{out}/remove"
    run([documents(source), MinhashDedupSignature(signatures, config)], workers, workers, out)
    run([MinhashDedupBuckets(signatures, buckets, config=config)], config.num_buckets, workers, out)
    run([MinhashDedupCluster(buckets, remove, config=config)], 1, 1, out)
    run([documents(source), MinhashDedupFilter(remove), kept(f"{out}/kept")], workers, workers, out)


def filters(source: str, out: str, workers: int) -> None:
    """The filters of FineWeb on texts."""
    run([documents(source), *rules(out), kept(f"{out}/kept")], workers, workers, out)


def web(source: str, out: str, workers: int) -> None:
    """Archives to texts through the filters, then MinHash."""
    pages = [WarcReader(source, glob_pattern="*.warc.gz"), Trafilatura(favour_precision=True, timeout=10)]
    run([*pages, *rules(out), kept(f"{out}/filtered")], workers, workers, out)
    minhash(f"{out}/filtered", out, workers)


def pii(source: str, out: str, workers: int) -> None:
    """E-mail and public IP addresses."""
    timed(PIIFormatter().format, [document.text for document in in_memory(source)], out)


def ngrams(source: str, out: str, workers: int) -> None:
    """12-grams of questions."""
    config = NGramsDecontConfig(find_query_ngrams=True)
    step = NGramsDecontFilter(f"{out}/index", config)
    hashes = set()
    with Path(source, "..", "held_out.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            words = step.tokenizer.word_tokenize(simplify_text(json.loads(line)["question"], config.norm_config))
            hashes |= {step.hash_func(" ".join(gram)) for gram in ngrams_of(words, config.n_grams)}
    Path(out, "index").mkdir(parents=True)
    np.array(sorted(hashes), config.hash_config.np_descr).tofile(Path(out, "index", "made.index.hashes"))
    step.load_index_hashes()
    timed(step.filter, in_memory(source), out)


def in_memory(source: str) -> list[Document]:
    """All documents of the input."""
    return list(documents(source).run())


def timed(step: Callable[[Any], Any], items: list[Any], out: str) -> None:
    """Seconds of a step over all items but the first, which it may need to get ready for."""
    step(items[0])
    started = time.process_time()
    for item in items:
        step(item)
    seconds = time.process_time() - started
    Path(out).mkdir(parents=True, exist_ok=True)
    Path(out, "seconds").write_text(str(seconds), encoding="utf-8")


def documents(folder: str) -> PipelineStep:
    """The input."""
    return JsonlReader(folder, glob_pattern="*.jsonl")


def kept(folder: str) -> PipelineStep:
    """The output, unpacked as the input is."""
    return JsonlWriter(folder, compression=None)


def rules(out: str) -> list[PipelineStep]:
    """Gopher, C4 and FineWeb, with what each drops."""
    return [
        GopherRepetitionFilter(exclusion_writer=kept(f"{out}/dropped/repetition")),
        GopherQualityFilter(exclusion_writer=kept(f"{out}/dropped/gopher")),
        C4QualityFilter(exclusion_writer=kept(f"{out}/dropped/c4"), filter_no_terminal_punct=False),
        FineWebQualityFilter(exclusion_writer=kept(f"{out}/dropped/fineweb")),
    ]


def run(steps: list[PipelineStep], tasks: int, workers: int, out: str) -> None:
    """One executor, with logs of its own, by which it would know what is done."""
    name = type(steps[min(1, len(steps) - 1)]).__name__
    LocalPipelineExecutor(steps, tasks=tasks, workers=workers, logging_dir=f"{out}/logs/{name}").run()


if __name__ == "__main__":
    job, given_source, given_out, given_workers = sys.argv[1:]
    jobs = {"minhash": minhash, "filters": filters, "web": web, "pii": pii, "ngrams": ngrams}
    jobs[job](given_source, given_out, int(given_workers))
