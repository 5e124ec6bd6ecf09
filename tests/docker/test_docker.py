"""What lies in docker/ agrees with the code, with itself and with the tools it is for; no engine is needed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from export.cli.commands import train
from export.models.registry import OURS
from serving.cli.commands import app
from serving.config import config_files
from serving.server.server import Config

DOCKER = Path(__file__).parents[2] / "docker"
CONFIG = DOCKER / "config"
K8S = DOCKER / "k8s"
DOCKERFILES = sorted(DOCKER.glob("*Dockerfile"))
KUSTOMIZATIONS = sorted(DOCKER.rglob("kustomization.yaml"))
OVERLAYS = ("baked", "volume", "canary")
KUBERNETES = "1.34"
KSERVE = ("modelFormat", "protocolVersion", "runtime", "runtimeVersion", "storageUri", "storage")


def entry_point(dockerfile: str) -> list[str]:
    """Read what an image runs."""
    text = (DOCKER / dockerfile).read_text().replace("\\\n", "")
    return json.loads(re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[0])


def documents(text: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(text) if document]


def deployment() -> dict[str, Any]:
    (found,) = documents((K8S / "base" / "deployment.yaml").read_text())
    return found["spec"]["template"]["spec"]["containers"][0]


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, *DOCKERFILES], capture_output=True, text=True, check=False)
    assert (len(DOCKERFILES), done.returncode, done.stdout) == (3, 0, "")


def test_the_configuration_is_what_configure_writes_for_the_models_of_the_registry(tmp_path):
    env = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    subprocess.run([DOCKER / "configure.sh", tmp_path], env=env, capture_output=True, timeout=120, check=True)
    written = [path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*.config"))]
    assert len(written) == 4
    for path in written:
        assert (DOCKER / path).read_text() == (tmp_path / path).read_text(), "run docker/configure.sh"
    served = config_files.read_model_config(CONFIG / "models.config").model_config_list.config
    assert [model.name for model in served] == sorted(OURS)


def test_the_training_job_trains_what_several_machines_can_train_together():
    (pods,) = [one for one in documents((K8S / "train-job.yaml").read_text()) if one["kind"] == "Job"]
    command, *arguments = pods["spec"]["template"]["spec"]["containers"][0]["args"]
    assert command == "train"
    assert train.make_context(command, arguments).params["distribute"] is True


def test_the_image_and_the_deployment_run_the_same_command():
    container = deployment()
    assert [*container["command"], *container["args"]] == entry_point("Dockerfile")
    named = {flag.split("=")[1] for flag in container["args"] if "/etc/triptych/" in flag}
    assert named == {"/etc/triptych/models.config", "/etc/triptych/monitoring.config"}


def test_the_local_image_runs_a_command_there_is_on_the_same_ports():
    program, command, *flags = entry_point("local.Dockerfile")
    assert program == "triptych"
    given = app.commands[command].make_context(command, flags).params
    assert (given["rest_port"], given["grpc_port"]) == (8501, 8500) == (Config.rest_port, Config.grpc_port)
    assert given["model_config_file"] == Path("/etc/triptych/models.config")


@pytest.mark.parametrize("name", ["Dockerfile", "local.Dockerfile"])
def test_an_image_is_nobodys_exposes_both_ports_and_asks_for_its_health(name):
    lines = (DOCKER / name).read_text().splitlines()
    assert "USER 65534:65534" in lines
    assert "EXPOSE 8500 8501" in lines
    assert '    CMD ["bash", "/etc/triptych/healthy.sh"]' in lines


def test_what_the_images_copy_is_in_the_build_context():
    kept = {line[1:] for line in (DOCKER.parent / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for dockerfile in DOCKERFILES:
        for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile.read_text(), re.MULTILINE):
            for source in sources.split():
                assert any(source == path or source.startswith(f"{path}/") for path in kept), source


def test_the_servers_threads_suffice_for_more_callers_than_cpus_and_the_file_is_read_seldom():
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in entry_point("Dockerfile")[1:])
    assert int(flags["grpc_max_threads"]) == 64
    assert int(flags["model_config_file_poll_wait_seconds"]) == 30


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: path.parent.name)
def test_what_a_kustomization_names_is_there(path):
    (read,) = documents(path.read_text())
    patches = [patch["path"] for patch in read.get("patches", [])]
    files = [file for generator in read.get("configMapGenerator", []) for file in generator["files"]]
    for name in [*read.get("resources", []), *patches, *files]:
        assert (path.parent / name).exists(), name


@pytest.mark.parametrize("path", [*sorted(K8S.glob("base/[!k]*")), K8S / "volume/models.yaml", K8S / "train-job.yaml"])
def test_manifests_are_what_kubernetes_takes_and_with_a_word_misspelt_are_not(path):
    for document in documents(path.read_text()):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
        with pytest.raises(kubernetes_validate.ValidationError, match="spek"):
            kubernetes_validate.validate(document | {"spek": {}}, KUBERNETES, strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed: the overlays were not built")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_build_to_what_kubernetes_takes(overlay):
    command = ["kubectl", "kustomize", str(K8S / overlay)]
    built = documents(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    for document in built:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    by_kind = {document["kind"]: document for document in built}
    files = by_kind["ConfigMap"]["data"]
    source = K8S / "canary" if overlay == "canary" else CONFIG
    assert files["models.config"] == (source / "models.config").read_text()
    container = by_kind["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == ("triptych:latest" if overlay == "baked" else "tensorflow/serving:2.20.0")
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"/etc/triptych"} | ({"/models"} if overlay != "baked" else set())


def test_the_canary_overlay_serves_both_labels_and_is_else_the_same():
    canary = config_files.read_model_config(K8S / "canary" / "models.config").model_config_list.config
    plain = config_files.read_model_config(CONFIG / "models.config").model_config_list.config
    (two_tower,) = [model for model in canary if model.name == "two_tower"]
    assert dict(two_tower.version_labels) == {"stable": 1, "canary": 2}
    assert list(two_tower.model_version_policy.specific.versions) == [1, 2]
    two_tower.ClearField("version_labels")
    two_tower.ClearField("model_version_policy")
    assert list(canary) == list(plain)


def test_compose_mounts_what_is_there_and_builds_both_images():
    (compose,) = documents((DOCKER / "compose.yaml").read_text())
    services = compose["services"]
    assert services["local"]["profiles"] == ["local"]
    for name, dockerfile in (("serving", "docker/Dockerfile"), ("local", "docker/local.Dockerfile")):
        service = services[name]
        assert service["build"] == {"context": "..", "dockerfile": dockerfile}
        assert service["volumes"] == ["../models:/models:ro"]
        assert (service["read_only"], service["user"], service["cap_drop"]) == (True, "65534:65534", ["ALL"])
    for name in ("prometheus", "grafana"):
        sources = [volume.split(":")[0] for volume in services[name]["volumes"] if volume.startswith("./")]
        assert [source for source in sources if not (DOCKER / source).is_file()] == []


def test_every_service_of_compose_has_a_memory_limit_and_its_ports_on_this_machine_only():
    (compose,) = documents((DOCKER / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        assert re.fullmatch(r"(\$\{\w+:-)?\d+[gm]\}?", service["mem_limit"]), name
        assert [port for port in service["ports"] if not port.startswith("127.0.0.1:")] == []


def test_no_command_shown_for_docker_publishes_a_port_to_every_network():
    shown = [path.read_text() for path in (*DOCKERFILES, DOCKER / "README.md")]
    published = re.findall(r"docker run.*? -p (\S+)", "\n".join(shown)) + re.findall(r" -p (\d\S*)", "\n".join(shown))
    assert len(published) >= 4
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_the_inference_service_is_what_kserve_describes_and_serves_the_volumes_models():
    (service,) = documents((K8S / "kserve" / "inferenceservice.yaml").read_text())
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    model = service["spec"]["predictor"]["model"]
    assert (model["modelFormat"]["name"], model["protocolVersion"]) == ("tensorflow", "v1")
    _, tag = deployment()["image"].split(":")
    assert model["runtimeVersion"] == tag
    claim, folder = model["storageUri"].removeprefix("pvc://").split("/")
    volumes = documents((K8S / "volume" / "models.yaml").read_text())
    assert claim in {one["metadata"]["name"] for one in volumes if one["kind"] == "PersistentVolumeClaim"}
    assert folder == "two_tower"
    # KServe's PredictorExtensionSpec is these fields and a container's, whose arguments it adds to the runtime's.
    container = {name: value for name, value in model.items() if name not in KSERVE} | {"name": "kserve-container"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": [container]}}
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    assert set(service["spec"]["predictor"]) == {"minReplicas", "maxReplicas", "model"}
