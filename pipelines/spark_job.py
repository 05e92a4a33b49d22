"""A run on a Spark cluster, for `spark-submit`: the words of `curate run`, carried out by `--engine spark`.

    spark-submit --master spark://MASTER:7077 pipelines/spark_job.py \\
        pipelines/web.toml --input /data/crawl --out /data/out

OUT and the input lie on storage that every node has under the same path. Stopped, it is finished by the same command.
docs/cluster.md says what to set on ten and on a thousand nodes, and how executors get the package.
"""

import sys

from curate.cli import main

if __name__ == "__main__":
    sys.argv[1:] = ["run", *sys.argv[1:], "--engine", "spark"]
    main()
