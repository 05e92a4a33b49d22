"""A run on a Spark cluster, for `spark-submit`: the words of `curate run`, carried out by `--engine spark`.

    spark-submit --master spark://MASTER:7077 --properties-file pipelines/cluster/spark-10.conf \\
        --py-files dist/curate.zip pipelines/spark_job.py \\
        pipelines/web.toml --input /data/crawl --out /data/out

Executors need the packages that curate stands on, in the Python that PYSPARK_PYTHON names; an archive brings those too.
In cluster mode the recipe is read where the driver runs: give a path of that machine, or `--files pipelines/web.toml`
and its bare name. OUT and the input lie in an object store, or on storage that every node sees. Stopped, it
is finished by the same command. docs/cluster.md says what to set on ten and on a thousand nodes, and how executors get
the package.
"""

import sys

from curate.cli import main

if __name__ == "__main__":
    sys.argv[1:] = ["run", *sys.argv[1:], "--engine", "spark"]
    main()
