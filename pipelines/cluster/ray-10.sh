#!/bin/sh
# A Ray cluster of some ten nodes, one command a node, by hand, by ssh or as a service of the system:
#
#     pipelines/cluster/ray-10.sh head             on the node that jobs are sent to (port 8265); it works as well
#     pipelines/cluster/ray-10.sh node HEAD        on every other one
#
# What follows goes to `ray start` and overrides what is said here. The command stays in the foreground and ends with
# the node; whoever started it starts it again. Who reaches port 8265 or 6379 of the head runs code on all nodes: let no
# network but the cluster's own do so, or set RAY_AUTH_MODE=token (Ray 2.52 or later) on every node and laptop.
set -eu

# One task a core, and 2 GB of memory for each: a bucket of an exchange, a slice of texts, a page and its parser.
cores=$(nproc)
if [ -r /proc/meminfo ]; then
    fitting=$(awk '/^MemTotal/ { print int($2 / 2000000) }' /proc/meminfo)
    [ "$fitting" -ge "$cores" ] || cores=$((fitting > 1 ? fitting : 1))
fi
# Exchanges go by files in OUT. Ray's object store holds tasks and manifests alone; unasked it takes a third of the memory.
object_store_bytes=1000000000
# Every worker holds some ten files and sockets.
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -H -n)"

kind=$1
shift
if [ "$kind" = head ]; then
    set -- --head --port=6379 --dashboard-host=0.0.0.0 "$@"
else
    head=$1
    shift
    set -- --address="$head:6379" "$@"
fi
exec ray start --block --disable-usage-stats --num-cpus="$cores" --object-store-memory="$object_store_bytes" "$@"
