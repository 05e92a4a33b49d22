"""text-dedup: run_text_dedup.py minhash IN OUT WORKERS. What it keeps is a data set in OUT/kept, as Arrow files.

By `python -m text_dedup.minhash` in a folder with config.toml, as its README says, pairs checked as there; without the
check version 0.4.1 drops every member of a cluster, the first one, too.
"""

import os
import subprocess
import sys
from pathlib import Path

_, source, out, workers = sys.argv[1:]
CONFIG = f"""
[input]
input_type = "local_files"
file_type = "json"
[input.read_arguments]
path = "json"
data_files = "{source}/*.jsonl"
split = "train"
[algorithm]
algorithm_name = "minhash"
text_column = "text"
seed = 42
batch_size = 10000
num_proc = {workers}
num_perm = 128
bands = 16
rows = 8
threshold = 0.7
hash_bits = 64
ngram_size = 5
check_false_positive = true
[output]
output_dir = "{out}/kept"
clean_cache = false
save_clusters = true
[debug]
enable_profiling = false
"""
Path(out).mkdir(parents=True)
Path(out, "config.toml").write_text(CONFIG, encoding="utf-8")
offline = os.environ | {"HF_HOME": f"{out}/huggingface", "HF_HUB_OFFLINE": "1"}
sys.exit(subprocess.run([sys.executable, "-m", "text_dedup.minhash"], cwd=out, env=offline, check=False).returncode)
