"""What strangers' machines run: the workflow follows the project's own command and the Pythons it says it takes.

And the set-up, as pip is told to there.
"""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / name).read_text())


def test_the_workflow_runs_what_ci_runs_on_each_python_that_the_project_takes():
    jobs = read("workflows/ci.yml")["jobs"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    takes = [line.rsplit(" ", 1)[1] for line in project["classifiers"] if "Python :: 3." in line]
    assert jobs["test"]["strategy"]["matrix"]["python"] == takes
    runs = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert runs == {"test": [".ci/run"], "audit": ["make audit"]}
    assert "\naudit:" in (ROOT / "Makefile").read_text()


def test_the_workflow_may_write_nothing_and_keeps_no_credentials():
    workflow = read("workflows/ci.yml")
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        (checkout,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert checkout["with"] == {"persist-credentials": False}


def test_what_the_workflow_keeps_between_runs_is_no_part_of_the_project():
    kept = {step["with"]["path"] for job in read("workflows/ci.yml")["jobs"].values() for step in job["steps"]
            if step.get("uses", "").startswith("actions/cache@")}  # fmt: skip
    assert kept == {".cache"}
    assert ".cache/" in (ROOT / ".gitignore").read_text().splitlines()


def test_updates_are_asked_for_where_folders_are():
    for update in read("dependabot.yml")["updates"]:
        assert (ROOT / update["directory"].strip("/")).is_dir()


def test_set_up_is_told_what_pip_is_told_by_its_files_and_before_them_by_the_environment(tmp_path, monkeypatch):
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://a.example/simple\ncert = /a.pem\nextra-index-url = https://b.example/simple\n"
        "[install]\nindex-url = https://c.example/simple\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_CERT", "/d.pem")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    told = runpy.run_path(str(ROOT / ".ci" / "setup"))["pip_told"]()
    assert (told["index-url"], told["cert"]) == ("https://c.example/simple", "/d.pem")
