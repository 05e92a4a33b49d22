"""Data-Juicer: run_data_juicer.py minhash|filters|pii IN OUT WORKERS. What it keeps is OUT/kept/kept.jsonl.

By `dj-process` with a configuration, as its guide says; JSON is YAML, too. Filters: those of its recipes for text that
need no model, with their thresholds. Its caches go into OUT, so that nothing is left of another run. pii times
clean_email_mapper and clean_ip_mapper by themselves, on one core, texts in memory, and writes the seconds to
OUT/seconds.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

job, source, out, workers = sys.argv[1:]
if job == "pii":
    from data_juicer.ops.mapper import CleanEmailMapper, CleanIpMapper

    lines = [line for path in sorted(Path(source).glob("*.jsonl")) for line in path.open(encoding="utf-8")]
    samples = {"text": [json.loads(line)["text"] for line in lines]}
    mappers = [CleanEmailMapper(), CleanIpMapper()]
    started = time.process_time()
    for mapper in mappers:
        samples = mapper.process_batched(samples)
    seconds = time.process_time() - started
    Path(out).mkdir(parents=True)
    Path(out, "seconds").write_text(str(seconds), encoding="utf-8")
    sys.exit()
MINHASH = {
    "document_minhash_deduplicator": {
        "tokenization": "space",
        "window_size": 5,
        "lowercase": True,
        "num_permutations": 128,
        "num_bands": 16,
        "num_rows_per_band": 8,
        "jaccard_threshold": 0.7,
    }
}
FILTERS = {
    "alphanumeric_filter": {"tokenization": False, "min_ratio": 0.25},
    "average_line_length_filter": {"min_len": 10},
    "maximum_line_length_filter": {"min_len": 20},
    "character_repetition_filter": {"rep_len": 10, "max_ratio": 0.5},
    "word_repetition_filter": {"lang": "en", "tokenization": False, "rep_len": 10, "max_ratio": 0.5},
    "special_characters_filter": {"max_ratio": 0.5},
    "text_length_filter": {"min_len": 50},
    "words_num_filter": {"lang": "en", "tokenization": False, "min_num": 20},
}
steps = {"minhash": MINHASH, "filters": FILTERS}[job]
config = {
    "project_name": job,
    "dataset_path": source,
    "export_path": f"{out}/kept/kept.jsonl",
    "np": int(workers),
    "text_keys": "text",
    "ds_cache_dir": f"{out}/datasets",
    "open_monitor": False,
    "auto_op_parallelism": False,
    "process": [{name: options | {"num_proc": int(workers)}} for name, options in steps.items()],
}
Path(out).mkdir(parents=True)
Path(out, "config.yaml").write_text(json.dumps(config), encoding="utf-8")
caches = {"DATA_JUICER_CACHE_HOME": f"{out}/cache", "HF_HOME": f"{out}/huggingface", "HF_HUB_OFFLINE": "1"}
command = [Path(sys.executable).with_name("dj-process"), "--config", f"{out}/config.yaml"]
sys.exit(subprocess.run(command, env=os.environ | caches, check=False).returncode)
