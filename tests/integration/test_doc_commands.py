"""The commands of README.md, docs/learning.md and docs/operations.md, run in the order of the page.

Each page has a folder of its own, in which `/etc`, `/opt` and `/var/lib` lie, too. The product's
own commands run in this process; an agent, and what is not ours, as a process. Programs of other
makers, and what takes minutes, are named in ``NOT_HERE`` with the reason; options that a test adds
in ``ADDED``.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from broker.local.loopback import free_port
from broker.local.mosquitto import find_mosquitto
from edge_agent.cli import main
from edge_agent.gateway.outbox import Outbox
from edge_agent.gateway.outbox_entry import Step
from edge_agent.learning.tables import write_table
from tests.support.doc_commands import Command, commands_of
from tests.support.drafts import START, draft
from tests.support.feature_sets import feature_set
from tests.support.models import model_file, registry_with
from tests.support.processes import ROOT, wait_for
from tests.support.shots import rows_of, write_history
from twin_core.extras import how_to_install

PAGES = {path.name: path for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))} | {
    f"integrate/{path.name}": path for path in (ROOT / "docs" / "integrate").glob("*.md")
}
RUN = {name: commands_of(PAGES[name]) for name in ("README.md", "learning.md", "operations.md")}
NOT_HERE = {
    "./twin test": "this is it",
    "./twin learn": "three minutes of simulation",
    "pip ": "needs an index of packages; test_the_wheel_is_called_as_the_docs_say",
    "/opt/pur-mold-twin/bin/pip": "the same",
    "python3 -m venv": "an environment without packages is of no use here",
    "systemctl": "needs systemd as root; tests/contract/test_deploy_service.py",
    "docker": "needs Docker; tests/contract/test_deploy_containers.py",
    "kubectl": "needs a cluster; the same",
    "python -m tests.benchmarks": "ten million frames",
    "python -m tests.support.real_molding": "a table of others; test_real_molding.py",
    "pur-mold-twin models compare": "needs a history; tests/unit/edge_agent/cli/test_train_ml.py",
}
"""First words of commands that do not run here, and why."""
ADDED = {
    "replay": "--port {port} --speed 1000",
    "record": "--port {port} --count 1",
    "virtual-plant": "--shots 8 --presses 1 --days 2",
    "train-ml": "--config quick.yaml",
    "sweep": "--samples 8",
    "optimize": "--samples 4 --candidates 8 --draws 2 --confirm-draws 4",
    "demo": "--once --speed 600",
}
"""Options that a test adds to a command, so that it ends soon and finds its broker."""
GO_ON = {"agent": "link_connected", "web": "web_link_connected"}
"""Commands that do not end, and the event with which they have begun."""
VERDICTS = {"check-drift": {0, 1, 2}, "doctor": {0, 1}}
"""Exit codes that are an answer, not a failure."""
IN_FOLDER = re.compile(r"(?<![\w.])/(?=(etc|opt|var/lib)/)")
pytestmark = [pytest.mark.needs("mosquitto", "git"), pytest.mark.timeout(300)]


def starts(command: Command, head: str) -> bool:
    """Is it a command of this kind?"""
    return command.text.startswith(head)


@dataclass
class Desk:
    """The folder in which a reader works, with what the page takes for given."""

    folder: Path
    port: int
    going_on: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, command: Command) -> None:
        """Run a command as it stands; a failure names page and line."""
        text = IN_FOLDER.sub(f"{self.folder}/", command.text)
        words = shlex.split(text)
        if words[:2] == ["./twin", "run"]:
            arguments = words[2:]
        elif words[0].endswith("pur-mold-twin") or words[:2] == ["./twin", "demo"]:
            arguments = words[1:]
        else:
            done = subprocess.run(text, shell=True, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            return
        if arguments[0] in GO_ON:
            self.start(arguments)
            return
        arguments += ADDED.get(arguments[0], "").format(port=self.port).split()
        if arguments[0] == "train-ml":  # a handful of shots teaches nothing: a table of many
            write_table(self.folder / "features.parquet", feature_set(shots=400))
        done = CliRunner().invoke(main, arguments)
        expected = VERDICTS.get(arguments[0], {0})
        assert done.exit_code in expected, f"{command}\n{done.output}\n{done.exception!r}"

    def left_behind(self) -> list[str]:
        """What a checkout would call new after these commands: they should be ignored by git."""
        return self.git("status", "--porcelain", "--untracked-files=all").splitlines()

    def git(self, *arguments: str) -> str:
        """Run git in the folder, whatever the machine's settings are."""
        who = ["-c", "user.name=reader", "-c", "user.email=reader@plant.example"]
        done = subprocess.run(
            ["git", *who, "-c", "commit.gpgsign=false", *arguments],
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self) -> None:
        """Make a checkout of the folder as it is; what stands for the machine is no part of it."""
        self.git("init", "--quiet")
        (self.folder / ".git" / "info" / "exclude").write_text("/etc/\n/opt/\n*.log\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a checkout")

    def start(self, arguments: list[str]) -> None:
        """Agent or pages go on while the reader works in another shell."""
        log = self.folder / f"{arguments[0]}.log"
        with log.open("wb") as file:
            self.going_on.append(
                subprocess.Popen(
                    [sys.executable, "-m", "edge_agent", *arguments],
                    stderr=file,
                    env=os.environ
                    | {"PYTHONPATH": str(ROOT), "TWIN_BROKER__PORT": str(self.port)}
                    | {"TWIN_HEALTH__PORT": "0", "TWIN_WEB__PORT": "0"},
                )
            )
        event = GO_ON[arguments[0]]
        wait_for(lambda: event in log.read_text(), f"{arguments[0]}: {event}")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    for folder in ("configs", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    ignored = shutil.ignore_patterns("secrets")
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy", ignore=ignored)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/mosquitto").mkdir()
    (tmp_path / "quick.yaml").write_text("learners: [ridge]\ntargets: [rho_moulded]\n")
    for number, name in enumerate(("newest", "now"), start=1):
        write_table(tmp_path / f"{name}.parquet", feature_set(shots=300, seed=number))
    found = Desk(tmp_path, free_port())
    mosquitto = find_mosquitto()
    assert mosquitto is not None
    with (tmp_path / "mosquitto.log").open("wb") as log:
        broker = subprocess.Popen([mosquitto, "-p", str(found.port)], stdout=log, stderr=log)
    try:
        yield found
        for process in found.going_on:
            process.terminate()
            assert process.wait(30) == 0
    finally:
        for process in (*found.going_on, broker):
            process.kill()
            process.wait(10)


def read_through(page: str, desk: Desk) -> None:
    """Run what can run here of a page."""
    for command in RUN[page]:
        if not any(starts(command, head) for head in NOT_HERE):
            desk.run(command)


def test_readme(desk: Desk) -> None:
    desk.commit()
    read_through("README.md", desk)
    assert desk.left_behind() == []
    assert (desk.folder / "shot.html").is_file()
    assert "BK1994" in CliRunner().invoke(main, ["history", "--mold", "CUP"]).output


@pytest.mark.peers
@pytest.mark.timeout(600)
def test_from_a_foreign_table_to_a_calibrated_press(desk: Desk) -> None:
    """Each command of the page, in its order; the lines that a reader writes are those of it."""
    page = PAGES["foreign-table-to-press.md"]
    mapping, settings = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    on = "health: {enabled: true}\n"  # the desk gives its pages a port
    (desk.folder / "agent.yaml").write_text(settings + on, encoding="utf-8")
    codes = {"import-logs": {0, 3}, "calibrate --due": {1}}
    more = {"replay": f"--port {desk.port} --speed 1000", "record": f"--port {desk.port}"}
    for command in commands_of(page):
        words = shlex.split(command.text)
        if words[0] != "pur-mold-twin":
            continue  # pip, and the broker, which runs
        arguments = [*words[1:], *more.get(words[1], "").split()]
        if arguments[0] in GO_ON:
            desk.start(arguments)
            continue
        if arguments[0] == "replay":
            assert desk.going_on
            arguments[1] = str(next((desk.folder / "var/bundles/2025-01").iterdir()))
        done = CliRunner().invoke(main, arguments)
        expected = codes.get(" ".join(arguments[:2]), codes.get(arguments[0], {0}))
        assert done.exit_code in expected, f"{command}\n{done.output}\n{done.exception!r}"
        if "--propose" in arguments:
            assert "1 to decide" in done.stderr
            place = desk.folder / "configs" / "datasources" / "mes.yaml"
            place.write_text(done.stdout + mapping, encoding="utf-8")
    assert len(desk.going_on) == len(GO_ON)
    said = (desk.folder / "prediction.jsonl").read_text()
    assert '\\"parameter_set\\":\\"SYSTEM_R1-c1\\"' in said
    assert '\\"simulated\\":true' in said


@pytest.mark.peers
@pytest.mark.xdist_group("training")
def test_learning(desk: Desk) -> None:
    rows = [row for number in range(3) for row in rows_of(number)]
    (desk.folder / "var").mkdir()
    asyncio.run(write_history(desk.folder / "var" / "history.db", rows))
    desk.commit()
    candidate = Path("var/models/pour/2")  # the page's second version
    for command in RUN["learning.md"]:
        if starts(command, "pur-mold-twin models shadow"):
            registry_with(Path("var/models"), {"pour": model_file()}, promote=False)
            assert candidate.is_dir()
        if not any(starts(command, head) for head in NOT_HERE):
            desk.run(command)
    state = yaml.safe_load(Path("var/models/pour/state.yaml").read_text())
    assert (state["promoted"], state["shadow"]) == (1, 2)
    assert desk.left_behind() == []


@pytest.mark.xdist_group("training")
def test_operations(desk: Desk) -> None:
    model = model_file()
    for _ in range(4):
        registry = registry_with(Path("var/models"), {"pour": model}, promote=False)
    registry.promote("pour", 2)
    system = yaml.safe_load(Path("configs/systems/SYSTEM_R1.yaml").read_text())
    Path("my-system-v1.yaml").write_text(yaml.safe_dump(system | {"system_id": "OWN"}))
    shutil.copytree("configs/systems", "plant/systems")
    Path("plant/systems/SYSTEM_R1-v3.yaml").write_text(yaml.safe_dump(system | {"version": 3}))
    outbox = Path("var/lib/pur-mold-twin-gateway/var/gateway.db")
    with closing(Outbox(outbox)) as kept:
        kept.commit([Step([draft()])], START)
    desk.commit()
    read_through("operations.md", desk)
    of_the_plant = {"?? plant/systems/in_use.yaml"}
    assert set(desk.left_behind()) <= of_the_plant
    assert Path("etc/pur-mold-twin/systems/my-system-v1.yaml").is_file()
    assert "version: 3" in Path("plant/systems/in_use.yaml").read_text()
    assert Path("deploy/compose/secrets/alert-webhook-url").is_file()


def test_no_exception_is_left_over() -> None:
    every = [command for commands in RUN.values() for command in commands]
    assert len(every) > 40
    for head in NOT_HERE:
        assert [command for command in every if starts(command, head)], f"{head}: remove it"
    for name in (*ADDED, *VERDICTS):
        command = re.compile(rf"(twin|twin run|pur-mold-twin) {name}\b")
        assert [found for found in every if command.search(found.text)], f"{name}: remove it"


def options_of(command: click.Command) -> set[str]:
    """Options of a command and of all that stand below it."""
    known = {option for parameter in command.params for option in parameter.opts}
    for below in getattr(command, "commands", {}).values():
        known |= options_of(below)
    return known


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_command_of_the_docs_exists(name: str) -> None:
    """Of all pages: a name of a command that is gone, an option that is."""
    for command in commands_of(PAGES[name]):
        match = re.match(r"(?:\./twin run|pur-mold-twin) +([a-z-]+)", command.text)
        if match is not None:
            found = main.get_command(None, match[1])  # type: ignore[arg-type]
            assert found is not None, command
            known = options_of(found)
            flags = {word for word in shlex.split(command.text) if word.startswith("--")}
            assert {flag.partition("=")[0] for flag in flags} <= known, command


def test_the_wheel_is_called_as_the_docs_say(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    done = subprocess.run(
        [*build, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.iterdir()
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for path in PAGES.values():
        text = path.read_text(encoding="utf-8")
        assert "'pur-mold-twin[" not in text, f"{path}: is on no index"
        for name, extras in re.findall(r"(pur_mold_twin\S*?\.whl)\[([a-z,]+)\]", text):
            assert name == wheel.name, path
            assert set(extras.split(",")) <= set(known), path
    readme = PAGES["README.md"].read_text(encoding="utf-8")
    listed = {
        name for row in re.findall(r"^\| (`[a-z`, ]+`) \|", readme, re.MULTILINE)
        for name in re.findall(r"[a-z]+", row)
    }  # fmt: skip
    assert set(known) <= listed


def test_every_hint_says_it_in_the_same_words() -> None:
    assert "pip install '.[ml]'" in how_to_install("ml")
    assert "## Installing" in PAGES["README.md"].read_text(encoding="utf-8")
    for folder in ("twin_core", "broker", "edge_agent"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name != "extras.py":
                assert "pip install" not in path.read_text(encoding="utf-8"), path
