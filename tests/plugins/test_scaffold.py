from pathlib import Path

import pytest

from flashbench import scaffold
from flashbench.errors import PluginError

ROOT = Path(__file__).parents[2]


def test_the_template_in_plugins_is_what_the_scaffold_writes():
    folder = ROOT / "plugins" / "flashbench-smear"
    for path, text in scaffold.contents("smear").items():
        assert (folder / path).read_text(encoding="utf-8") == text, path


def test_a_new_plugin_has_its_own_name_everywhere(tmp_path):
    folder = scaffold.create("my-smear", tmp_path)
    assert folder == tmp_path / "flashbench-my-smear"
    text = (folder / "pyproject.toml").read_text()
    assert 'my-smear = "flashbench_my_smear:MySmearSimulator"' in text
    assert 'dependencies = ["flashbench>=0.1,<0.2"]' in text
    module = folder / "src" / "flashbench_my_smear" / "simulator.py"
    assert "class MySmearSimulator" in module.read_text()
    assert "$" not in "".join(path.read_text() for path in folder.rglob("*.*"))


def test_a_folder_that_is_there_is_not_overwritten(tmp_path):
    scaffold.create("mine", tmp_path)
    with pytest.raises(PluginError, match="is there already"):
        scaffold.create("mine", tmp_path)


@pytest.mark.parametrize("name", ["", "Mine", "my_smear", "1a", "a/b", "a--b", "..", "-a"])
def test_a_name_that_cannot_be_a_package_is_refused(name, tmp_path):
    with pytest.raises(PluginError, match="is not a name"):
        scaffold.create(name, tmp_path)
