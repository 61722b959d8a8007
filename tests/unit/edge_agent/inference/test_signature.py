"""Signed versions: what is demanded, and what is found out."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from edge_agent.inference.manifest import MANIFEST, MODEL
from edge_agent.inference.registry import ModelRegistry
from edge_agent.inference.serving import ModelDirectory
from edge_agent.inference.signature import SIGNATURE, make_key, sign, signature_of
from tests.support.models import model_file, registry_with
from twin_core.errors import InputError, MissingRuntime, ModelError

pytestmark = pytest.mark.xdist_group("training")  # models are trained once


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed version, the keys of the plant, and of somebody else."""
    folder = tmp_path_factory.mktemp("plant")
    models = registry_with(folder / "models", {"pour": model_file()}).folder
    (models / "pour" / "1" / "baseline.parquet").write_bytes(b"rows")
    for name in ("ours", "theirs"):
        make_key(folder / name)
    sign("pour", 1, models / "pour" / "1", models, folder / "ours")
    return folder


@pytest.fixture
def site(plant: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plant, tmp_path / "site"))


def registry(site: Path, *keys: str) -> ModelRegistry:
    return ModelRegistry(site / "models", [site / f"{key}.pub" for key in keys])


def test_signed_by_one_of_the_trusted_keys(site: Path) -> None:
    registry(site, "theirs", "ours").load("pour", 1)
    folder = site / "models" / "pour" / "1"
    found = signature_of(folder, site / "models")
    assert found is not None
    assert set(found.files) == {MANIFEST, MODEL, "baseline.parquet"}
    assert (site / "ours").stat().st_mode & 0o077 == 0, "the private key is nobody else's"


def _edit(site: Path, **fields: object) -> None:
    path = site / "models" / "pour" / "1" / SIGNATURE
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | fields))


def _file(name: str, content: bytes | None) -> Callable[[Path], object]:
    def change(site: Path) -> None:
        path = site / "models" / "pour" / "1" / name
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)

    return change


def _manifest(site: Path) -> None:
    path = site / "models" / "pour" / "1" / MANIFEST
    path.write_text(path.read_text() + "more: 1\n")


def _by_theirs(site: Path) -> None:
    models = site / "models"
    sign("pour", 1, models / "pour" / "1", models, site / "theirs")


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no signature": (_file(SIGNATURE, None), "signature.yaml: is missing: only signed models"),
    "another key": (_by_theirs, "is none that is trusted here"),
    "our key named, theirs used": (
        lambda site: (
            ours := yaml.safe_load((site / "models/pour/1" / SIGNATURE).read_text())["key"],
            _by_theirs(site),
            _edit(site, key=ours),
        ),
        "signature: does not fit",
    ),
    "another name signed": (lambda site: _edit(site, name="other"), "signature: does not fit"),
    "no base64": (lambda site: _edit(site, signature="%%"), "signature: does not fit"),
    "a path as file": (
        lambda site: _edit(site, files={"../x": "0" * 64}), "signature: does not fit"
    ),
    "another baseline": (
        _file("baseline.parquet", b"other"),
        "baseline.parquet: was changed after it was signed",
    ),
    "a file less": (_file("baseline.parquet", None), "baseline.parquet: was signed and is missing"),
    "a file more": (_file("report.html", b"x"), "report.html: is not signed"),
    "another manifest": (_manifest, "manifest.yaml: was changed after it was signed"),
    "a damaged signature": (_file(SIGNATURE, b"format: 2"), "signature.yaml: format"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, site: Path) -> None:
    make, words = REFUSED[name]
    make(site)
    with pytest.raises((InputError, ModelError)) as found:
        registry(site, "ours").load("pour", 1)
    assert words in str(found.value)
    registry(site).load("pour", 1)  # a site that does not ask goes on


def test_a_signature_of_another_version_is_none(site: Path) -> None:
    """All files moved to another version: what was signed says which one it was."""
    models = site / "models"
    shutil.copytree(models / "pour" / "1", models / "pour" / "2")
    path = models / "pour" / "2" / MANIFEST
    path.write_text(path.read_text().replace("version: 1\n", "version: 2\n"))
    with pytest.raises(ModelError, match="signed was pour/1, not pour/2"):
        registry(site, "ours").load("pour", 2)


def test_keys_that_are_exchanged_while_it_serves(site: Path) -> None:
    directory = ModelDirectory(site / "models", [site / "ours.pub"])
    assert directory.refresh().labels == ["pour/1"]
    shutil.copy(site / "theirs.pub", site / "ours.pub")
    (refused,) = directory.refresh().refused
    assert "is none that is trusted here" in refused.words


def test_a_changed_file_is_noticed_while_it_serves(site: Path) -> None:
    directory = ModelDirectory(site / "models", [site / "ours.pub"])
    assert directory.refresh().labels == ["pour/1"]
    _file("baseline.parquet", b"some")(site)
    assert directory.refresh().labels == []


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "no public key for Ed25519"), (b"x" * 20_000, "more than 10000"), (None, "no such")],
    ids=["empty", "large", "none"],
)
def test_keys_that_are_none(content: bytes | None, words: str, site: Path) -> None:
    _ = (
        (site / "ours.pub").unlink()
        if content is None
        else (site / "ours.pub").write_bytes(content)
    )
    with pytest.raises(InputError, match=words):
        registry(site, "ours").load("pour", 1)


def test_keys_to_sign_with(site: Path) -> None:
    models = site / "models"
    with pytest.raises(InputError, match="is there already"):
        make_key(site / "ours")
    with pytest.raises(InputError, match="no private key for Ed25519"):
        sign("pour", 1, models / "pour" / "1", models, site / "ours.pub")


@pytest.mark.needs("openssl")
def test_keys_of_openssl(site: Path) -> None:
    """A key from elsewhere does; one with a passphrase says how to remove it."""
    key, models = site / "key.pem", site / "models"
    make = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)]
    subprocess.run(make, check=True, capture_output=True)
    sign("pour", 1, models / "pour" / "1", models, key)
    subprocess.run([*make, "-aes256", "-pass", "pass:x"], check=True, capture_output=True)
    with pytest.raises(InputError, match="has a passphrase"):
        sign("pour", 1, models / "pour" / "1", models, key)


def test_without_cryptography(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.inference.signature.find_spec", lambda _name: None)
    with pytest.raises(MissingRuntime, match="cryptography is not installed"):
        registry(site, "ours").load("pour", 1)
