# Images for Kubernetes, with the versions of constraints.txt; nothing runs as root.
#
#     docker build --target ray   -t REGISTRY/curate-ray:0.1.0 .
#     docker build --target spark -t REGISTRY/curate-spark:0.1.0 .
#
# A newer Python or Spark: --build-arg PYTHON=3.13, --build-arg SPARK=… (the version that constraints.txt has).
ARG PYTHON=3.12
ARG SPARK=4.3.0

FROM python:${PYTHON}-slim-bookworm AS wheel
WORKDIR /source
COPY pyproject.toml LICENSE README.md ./
COPY curate curate
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

# What changes seldom comes first: the packages that curate stands on are a layer that a new wheel leaves as it is.
FROM python:${PYTHON}-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PATH=/opt/venv/bin:$PATH
RUN useradd --uid 1000 --create-home curate && python -m venv /opt/venv
COPY constraints.txt /opt/curate/

FROM base AS ray
# wget: the probes that KubeRay gives its pods ask with it.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends wget && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /opt/curate/constraints.txt "$(echo /wheels/curate-*.whl)[ray,s3]"
COPY pipelines /opt/curate/pipelines
USER 1000
WORKDIR /home/curate

FROM apache/spark:${SPARK} AS spark-scripts

FROM base AS spark
# tini: what Spark's entrypoint starts its processes under. procps: Spark asks `ps` for the memory of Python workers.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends openjdk-17-jre-headless procps tini \
    && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /opt/curate/constraints.txt "$(echo /wheels/curate-*.whl)[spark,s3]" \
    && ln -s "$(python -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')" /opt/spark
# Spark starts drivers and executors through this script, which the package on PyPI lacks; `decom.sh` is run by a pod
# that is told to go.
COPY --from=spark-scripts /opt/entrypoint.sh /opt/decom.sh /opt/
ENV SPARK_HOME=/opt/spark PYSPARK_PYTHON=/opt/venv/bin/python
COPY pipelines /opt/curate/pipelines
USER 1000
WORKDIR /home/curate
ENTRYPOINT ["/opt/entrypoint.sh"]
