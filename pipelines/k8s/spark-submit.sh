#!/bin/sh
# One run as a driver and executors of Spark on Kubernetes, in cluster mode: the machine that submits it may go.
#
#     kubectl create configmap curate-recipe --from-file=recipe.toml=pipelines/web.toml
#     kubectl create secret generic curate-s3 …                       # as rayjob.yaml says
#     kubectl apply -f pipelines/k8s/spark-rbac.yaml
#     pipelines/k8s/spark-submit.sh https://API:6443 REGISTRY/curate-spark:0.1.0 pipelines/cluster/spark-10.conf \
#         --input s3://my-crawl/2026-40 --out s3://my-corpus/2026-40
#
# Job and recipe lie in the image and in the ConfigMap, so nothing is uploaded. The same command again goes on from what
# lies in OUT.
set -eu

here=$(dirname "$0")
api=$1
image=$2
settings=$3
shift 3
exec spark-submit --master "k8s://$api" --deploy-mode cluster --name curate --properties-file "$settings" \
    --conf spark.kubernetes.container.image="$image" \
    --conf spark.kubernetes.authenticate.driver.serviceAccountName=curate \
    --conf spark.kubernetes.driver.podTemplateFile="$here/spark-driver.yaml" \
    --conf spark.kubernetes.executor.podTemplateFile="$here/spark-executor.yaml" \
    local:///opt/curate/pipelines/spark_job.py /etc/curate/recipe.toml "$@"
