"""A run on a Ray cluster, for `ray job submit`: the words of `curate run`, carried out by `--engine ray`.

    ray job submit --address http://HEAD:8265 --runtime-env-json '{"py_modules": ["curate-0.1.0-py3-none-any.whl"]}' \\
        --working-dir . -- python pipelines/ray_job.py pipelines/web.toml --input /data/crawl --out /data/out

OUT and the input lie on storage that every node has under the same path. Stopped, it is finished by the same command.
docs/cluster.md says what to set on ten and on a thousand nodes.
"""

import sys

from curate.cli import main

if __name__ == "__main__":
    sys.argv[1:] = ["run", *sys.argv[1:], "--engine", "ray"]
    main()
