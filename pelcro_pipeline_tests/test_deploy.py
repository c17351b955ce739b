"""What runs in production agrees with the project: no container engine and no PostgreSQL needed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parent.parent
DEPLOY = PROJECT / "deploy"
MODULE = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["dagster"]["module_name"]


def read(name: str) -> dict:
    return yaml.safe_load((DEPLOY / name).read_text())


@pytest.fixture(scope="module")
def instance() -> dict:
    return read("dagster.yaml")


@pytest.fixture(scope="module")
def services() -> dict:
    return read("compose.yaml")["services"]


@pytest.fixture(scope="module")
def values() -> dict:
    return read("helm-values.yaml")


@pytest.fixture(scope="module")
def code(values) -> dict:
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    return deployment


@pytest.fixture(scope="module")
def runs(values) -> dict:
    assert values["runLauncher"]["type"] == "K8sRunLauncher"
    return values["runLauncher"]["config"]["k8sRunLauncher"]


def mounted(volumes: list[str]) -> dict[str, str]:
    """Where a compose service sees what: a source may hold a colon of its own, as a variable's default."""
    return {re.sub(r":ro$", "", each).rsplit(":", 1)[1]: each for each in volumes}


def test_every_yaml_file_parses():
    files = sorted(DEPLOY.glob("*.yaml"))
    assert [each.name for each in files] == ["compose.yaml", "dagster.yaml", "helm-values.yaml", "workspace.yaml"]
    for each in files:
        assert yaml.safe_load(each.read_text())


def test_telemetry_is_off_everywhere(instance, values):
    assert instance["telemetry"] == values["telemetry"] == {"enabled": False}
    assert instance["nux"] == values["additionalInstanceConfig"]["nux"] == {"enabled": False}


def test_as_many_runs_side_by_side_as_on_a_workstation(instance, values, tmp_path):
    from pelcro_pipeline.workspace.instance import prepare

    workstation = yaml.safe_load((prepare(tmp_path) / "dagster.yaml").read_text())
    assert instance["concurrency"] == workstation["concurrency"]
    limit = instance["concurrency"]["runs"]["max_concurrent_runs"]
    queue = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert queue == {"maxConcurrentRuns": limit}


def test_no_run_is_started_again_by_itself(instance, values):
    assert instance["run_monitoring"]["max_resume_run_attempts"] == 0 and "run_retries" not in instance
    daemon = values["dagsterDaemon"]
    assert daemon["runMonitoring"]["maxResumeRunAttempts"] == 0 and daemon["runRetries"] == {"enabled": False}


def test_the_instance_takes_its_postgresql_from_the_environment(instance, services):
    database = instance["storage"]["postgres"]["postgres_db"]
    assert database.pop("scheme") == "postgresql+psycopg2"
    wanted = {each["env"] for each in database.values()}
    for name in ("code", "webserver", "daemon"):
        assert wanted | {"DAGSTER_HOME"} <= services[name]["environment"].keys(), name


def test_compose_runs_the_code_as_a_service_of_its_own(services):
    (location,) = read("workspace.yaml")["load_from"]
    server = location["grpc_server"]
    assert server["host"] in services
    command = services[server["host"]]["command"][-1]
    assert f"--module-name {MODULE}" in command
    assert f"--location-name {server['location_name']}" in command
    assert f"--port {server['port']}" in command
    for name in ("webserver", "daemon"):
        assert "/srv/dagster/workspace.yaml" in services[name]["command"]


def test_compose_shows_the_publishers_data_to_the_code_alone(services):
    home = services["code"]["environment"]["PELCRO_HOME"]
    for name, service in services.items():
        sees = home in mounted(service.get("volumes", []))
        assert sees == (name == "code"), name
        assert ("PELCRO_HOME" in service["environment"]) == sees, name


def test_only_the_ui_is_published_and_every_service_is_watched(services):
    assert [name for name, service in services.items() if "ports" in service] == ["webserver"]
    assert services["webserver"]["ports"] == ["${PELCRO_UI_ADDRESS:-127.0.0.1:3000}:3000"]
    assert all("healthcheck" in service for service in services.values())


def test_the_image_is_pinned_unprivileged_and_starts_the_code():
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert "--only-binary :all: --constraint constraints.txt '.[deploy]'" in dockerfile
    assert re.search(r"^USER [1-9][0-9]*:[1-9][0-9]*$", dockerfile, re.MULTILINE)
    assert re.search(r"^ENV PELCRO_HOME=/srv/pelcro DAGSTER_HOME=/srv/dagster ", dockerfile, re.MULTILINE)
    assert f'"--module-name", "{MODULE}"' in dockerfile
    for line in re.findall(r"^COPY (.+)$", dockerfile, re.MULTILINE):
        for each in line.split()[:-1]:
            assert (PROJECT / each).exists(), each
            assert f"!{each}\n" in (DEPLOY / "Dockerfile.dockerignore").read_text(), each


def test_a_pod_of_a_run_sees_what_the_code_sees(values, code, runs):
    assert code["dagsterApiGrpcArgs"] == ["--module-name", MODULE]
    (home,) = [each["value"] for each in code["env"] if each["name"] == "PELCRO_HOME"]
    assert f"PELCRO_HOME={home}" in runs["envVars"]
    assert values["global"]["dagsterHome"] == "/srv/dagster"
    assert [each["mountPath"] for each in code["volumeMounts"]] == [home]
    assert runs["volumeMounts"] == code["volumeMounts"] and runs["volumes"] == code["volumes"]
    assert runs["runK8sConfig"]["podSpecConfig"]["securityContext"] == code["podSecurityContext"]
    assert f"USER {code['podSecurityContext']['runAsUser']}:" in (DEPLOY / "Dockerfile").read_text()


def test_one_image_in_every_pod(values, code):
    assert values["dagsterWebserver"]["image"] == values["dagsterDaemon"]["image"] == code["image"]
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    assert code["image"]["tag"] == version


def test_no_password_is_written_down(instance, services, values):
    assert instance["storage"]["postgres"]["postgres_db"]["password"] == {"env": "DAGSTER_POSTGRES_PASSWORD"}
    required = "${DAGSTER_POSTGRES_PASSWORD:?set it in .env}"
    for name, service in services.items():
        given = {value for key, value in service["environment"].items() if key.endswith("PASSWORD")}
        assert given == {required}, name
    assert "DAGSTER_POSTGRES_PASSWORD=\n" in (DEPLOY / ".env.example").read_text()
    assert (DEPLOY / ".gitignore").read_text().split() == [".env"]
    assert values["generatePostgresqlPasswordSecret"] is False
    assert "password" not in " ".join(values["postgresql"]).lower()


def test_what_the_image_needs_is_pinned():
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pinned = dict(line.split("==") for line in (PROJECT / "constraints.txt").read_text().split())
    assert set(extras["deploy"]) <= pinned.keys()
    assert pinned["dagster-postgres"] == pinned["dagster-k8s"] == pinned["dagster-pandas"]


def test_dagster_takes_the_instance(instance, tmp_path, monkeypatch):
    pytest.importorskip("dagster_postgres")
    from dagster._core.instance.ref import InstanceRef

    for name in ("HOST", "USER", "PASSWORD", "DB"):
        monkeypatch.setenv(f"DAGSTER_POSTGRES_{name}", "x")
    monkeypatch.setenv("DAGSTER_POSTGRES_PORT", "5432")
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "dagster.yaml").read_text())
    storage = InstanceRef.from_dir(str(tmp_path)).storage_data
    assert (storage.module_name, storage.class_name) == ("dagster_postgres", "DagsterPostgresStorage")


def test_the_run_launcher_takes_its_settings(runs):
    launcher = pytest.importorskip("dagster_k8s").K8sRunLauncher
    from dagster._config import process_config, resolve_to_config_type

    def snake(name: str) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()

    # As the chart writes them into its dagster.yaml.
    config = {snake(key): value for key, value in runs.items()}
    config["run_k8s_config"] = {snake(key): value for key, value in runs["runK8sConfig"].items()}
    config |= {"service_account_name": "x", "instance_config_map": "x", "dagster_home": "/srv/dagster"}
    config |= {"postgres_password_secret": "x"}
    result = process_config(resolve_to_config_type(launcher.config_type()), config)
    assert result.success, result.errors
