"""GPUs on a Spark cluster: a step that asks for them runs under a resource profile of its own (stage-level scheduling).

Where executors have GPUs (`spark.executor.resource.gpu.amount`), the profile says what a task takes of them. Where
allocation is dynamic and GPUs are asked for (`--gpus`), it also says what executors it wants, and Spark adds some for
the length of the step. Spark on one machine (`local[*]`) knows no resources: such steps work without a GPU there.
"""

from math import ceil

from pyspark import SparkContext, TaskContext
from pyspark.resource import ExecutorResourceRequests, ResourceProfile, ResourceProfileBuilder, TaskResourceRequests

from curate.engines.machine import show_gpus
from curate.resources import Resources

GPU = "gpu"
_OF_EXECUTORS = "spark.executor.resource.gpu"


def gpus(context: SparkContext, asked: int | None) -> int:
    """GPUs of an executor, or those asked for where Spark may add executors that have some."""
    if asked == 0 or str(context.master).startswith("local"):
        return 0
    there = int(_setting(context, f"{_OF_EXECUTORS}.amount", "0"))
    return there or (asked or 0 if _is_dynamic(context) else 0)


def profile(context: SparkContext, needs: Resources) -> ResourceProfile:
    """What a task of the step takes and, where executors have no GPU, what executors it wants."""
    made = ResourceProfileBuilder().require(TaskResourceRequests().cpus(needs.cpus).resource(GPU, needs.gpus))
    if not int(_setting(context, f"{_OF_EXECUTORS}.amount", "0")):
        made = made.require(_executors(context, needs))
    return made.build


def _executors(context: SparkContext, needs: Resources) -> ExecutorResourceRequests:
    """Executors as the others are, each with the GPUs of one task; with a part of one, as many tasks as share it."""
    wanted = ExecutorResourceRequests().resource(
        GPU, ceil(needs.gpus), _setting(context, f"{_OF_EXECUTORS}.discoveryScript", ""),
        _setting(context, f"{_OF_EXECUTORS}.vendor", ""),
    )  # fmt: skip
    at_a_time = max(1, int(1 / needs.gpus))
    wanted = wanted.cores(needs.cpus * at_a_time).memory(_setting(context, "spark.executor.memory", "1g"))
    if needs.memory_bytes:
        return wanted.memoryOverhead(f"{needs.memory_bytes * at_a_time >> 20}m")
    return wanted


def show_gpus_of_task() -> None:
    """Make the GPUs that Spark has given this task all that its worker sees."""
    context = TaskContext.get()
    given = context.resources().get(GPU) if context is not None else None
    show_gpus(",".join(given.addresses) if given else "")


def _is_dynamic(context: SparkContext) -> bool:
    return _setting(context, "spark.dynamicAllocation.enabled", "false") == "true"


def _setting(context: SparkContext, name: str, default: str) -> str:
    return context.getConf().get(name, default) or default
