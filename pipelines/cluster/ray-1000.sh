#!/bin/sh
# A Ray cluster of some thousand nodes: ray-10.sh with a head that only schedules, and with more patience.
#
#     pipelines/cluster/ray-1000.sh head           on the node that jobs are sent to: 16 cores, 64 GB, no work
#     pipelines/cluster/ray-1000.sh node HEAD      on every other one
set -eu

# The head asks every node whether it is alive, every 3 seconds, and gives up a node after 5 silent ones. A shared file
# system that stalls for a minute would cost half the cluster: 20 times instead.
export RAY_health_check_failure_threshold=20
# Nodes report what they have free ten times a second: at a thousand nodes once a second is enough for tasks of a minute.
export RAY_raylet_report_resources_period_milliseconds=1000

kind=$1
shift
if [ "$kind" = head ]; then
    # The driver of a job runs here as well, and needs a core and 8 GB that no task takes from it.
    set -- head --num-cpus=0 "$@"
else
    set -- "$kind" "$@"
fi
exec "$(dirname "$0")/ray-10.sh" "$@"
