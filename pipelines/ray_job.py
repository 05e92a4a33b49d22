"""A run on a Ray cluster, for `ray job submit`: the words of `curate run`, carried out by `--engine ray`.

    ray job submit --address http://HEAD:8265 --working-dir . \\
        --runtime-env-json '{"py_modules": ["dist/curate-0.1.0-py3-none-any.whl"]}' \\
        -- python pipelines/ray_job.py pipelines/web.toml --input /data/crawl --out /data/out

Ray carries the working folder and the wheel (`make wheel`) to its nodes, which need the packages that the wheel stands
on, and Ray, in the Python that `ray start` was called in. OUT and the input lie in
an object store, or on storage that every node sees. Stopped, it is finished by the same command. docs/cluster.md
says what to set on ten and on a thousand nodes.
"""

import sys

from curate.cli import main

if __name__ == "__main__":
    sys.argv[1:] = ["run", *sys.argv[1:], "--engine", "ray"]
    main()
