"""What docker/ asks of a server that runs: its health check whether models answer, and Grafana how it does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from live import ask, live

DOCKER = Path(__file__).parents[2] / "docker"
CONFIG = DOCKER / "config"


def documents(text: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(text) if document]


def test_healthy_tells_whether_every_model_answers(tiny_version, tmp_path):
    script = tmp_path / "healthy.sh"
    shutil.copy(CONFIG / "healthy.sh", script)

    def healthy(*models: str) -> tuple[int, str]:
        lines = "".join(f'config {{ name: "{model}" base_path: "/models/{model}" }}\n' for model in models)
        (tmp_path / "models.config").write_text(f"model_config_list {{\n{lines}}}\n")
        command = ["bash", str(script), str(where.rest_port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return done.returncode, done.stdout

    with live(models=tiny_version.folder.parent.parent) as where:
        assert healthy("plain", "user_biases") == (0, "")
        assert healthy("plain", "nope") == (1, "nope has no version that answers\n")
        assert healthy() == (1, "")
    assert healthy("plain") == (1, "")


def test_healthy_reads_the_file_and_the_port_that_the_server_was_given(tiny_version, tmp_path):
    def config(name: str, *models: str) -> str:
        lines = "".join(f'config {{ name: "{model}" base_path: "/models/{model}" }}\n' for model in models)
        (tmp_path / name).write_text(f"model_config_list {{\n{lines}}}\n")
        return str(tmp_path / name)

    def healthy(*flags: str) -> tuple[int, str]:
        with subprocess.Popen([sys.executable, "-c", "input()", *flags], stdin=subprocess.PIPE) as server:
            command = ["bash", str(CONFIG / "healthy.sh"), "", "", str(server.pid)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
            server.kill()
        return done.returncode, done.stdout

    good, bad = config("good", "plain", "user_biases"), config("bad", "nope")
    with live(models=tiny_version.folder.parent.parent) as where:
        port = f"--rest_api_port={where.rest_port}"
        assert healthy(port, f"--model_config_file={good}") == (0, "")
        assert healthy(port, f"--model_config_file={good}", "--model_config_file", bad)[0] == 1
        several = [f"--model-config-file={bad}", f"--model-config-file={good}"]
        assert healthy("--rest-port", str(where.rest_port), *several) == (0, "")
        assert healthy(port, f"--model_config_file={bad}") == (1, "nope has no version that answers\n")


def test_prometheus_scrapes_and_the_dashboard_shows_what_a_server_tells(tiny_version):
    (scrape,) = documents((DOCKER / "prometheus.yml").read_text())[0]["scrape_configs"]
    dashboard = json.loads((DOCKER / "grafana" / "triptych.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    with live(models=tiny_version.folder.parent.parent, monitoring_config_file=CONFIG / "monitoring.config") as where:
        assert ask(where, "POST", "/v1/models/plain:predict", '{"instances": ["1"]}').status == 200
        told = ask(where, "GET", scrape["metrics_path"]).body.decode()
    known = set(re.findall(r"^([\w:]+)", told, re.MULTILINE))
    asked = {name for query in queries for name in re.findall(r":tensorflow:[\w:]+|triptych_\w+", query)}
    assert asked - {"triptych_unloads_total"} <= known  # which nothing has counted yet
    assert len({name for name in asked if name.startswith("triptych_")}) == 11
    assert len(queries) == len({panel["id"] for panel in dashboard["panels"]}) == 13
