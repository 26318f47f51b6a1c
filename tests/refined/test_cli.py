import json
import re

import pytest
from typer.testing import CliRunner

from flashbench.cli import extras
from flashbench.cli.main import app
from flashbench.errors import CatalogueError, PluginError

RUNNER = CliRunner()


def invoke(*arguments):
    result = RUNNER.invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return re.sub(r"\s+", " ", result.output)


def test_train_then_run_then_validate(tiers, tmp_path, monkeypatch):
    fast, full = tiers
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("hidden = 8\nbatch = 256\nkinds = ['jets']\n", encoding="utf-8")
    out = tmp_path / "weights"
    arguments = ("--fast", fast, "--full", full, "--full-again", full, "--recipe", recipe, "--epochs", 2)
    told = invoke("train", "refined", *arguments, "--workers", 1, "--out", out, "--tensorboard")
    assert "unitarity_spread" in told
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["recipe"]["hidden"], manifest["recipe"]["epochs"]) == (8, 2)
    assert list((out / "training" / "jets-mmd" / "tensorboard").iterdir())
    monkeypatch.setenv("FLASHBENCH_REFINED_WEIGHTS", str(out))
    assert "FastSim refined" in invoke("simulators")
    catalogue = tmp_path / "mine.toml"
    files = f"full = ['{full}']\nfast = ['{fast}']\n"
    catalogue.write_text(f"[processes.toy]\nlabel = 'Toy'\n[processes.toy.files]\n{files}", encoding="utf-8")
    common = ("--process", "toy", "--catalogue", catalogue)
    told = invoke("validate", "refined", *common, "--out", tmp_path / "page", "--allow-seen", "--workers", 1)
    assert "Largest" in told
    assert (tmp_path / "page" / "validation.html").exists()


def test_one_tier_alone_is_refused(tiers, tmp_path):
    with pytest.raises(CatalogueError, match="give both tiers"):
        invoke("train", "refined", "--fast", tiers[0], "--out", tmp_path)


def test_a_recipe_with_an_unknown_key_names_it(tiers, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("hiden = 8\n", encoding="utf-8")
    with pytest.raises(CatalogueError, match="hiden"):
        invoke("train", "refined", "--fast", tiers[0], "--full", tiers[1], "--recipe", recipe, "--out", tmp_path)


def test_a_missing_package_is_one_line():
    extras.need("train", "json")
    with pytest.raises(PluginError, match=r"'nothing_of_that_name' is not installed .*flashbench\[train\]"):
        extras.need("train", "json", "nothing_of_that_name")
