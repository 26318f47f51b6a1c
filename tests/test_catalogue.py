import pytest

from flashbench.catalogue import BUILT_IN, built_in, find, load
from flashbench.errors import CatalogueError, UnknownNameError
from flashbench.events import Tier

PROCESSES = ("vbf_hmm", "vbf_hmm_alt", "dy2j", "ewk_lljj", "ttbar", "t1tttt")


def write(folder, text):
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_built_in_holds_the_six_processes():
    assert set(PROCESSES) <= set(built_in())
    assert all(p.origin == BUILT_IN and p.label and p.role and not p.files for p in built_in().values())


def test_user_entry_replaces_the_built_in_one(tmp_path):
    path = write(
        tmp_path,
        """
        [processes.dy2j]
        label = "mine"
        cross_section = 6077.22
        files.full = ["dy/*.root", "root://host//x.root"]
        """,
    )
    dy = load(path)["dy2j"]
    assert (dy.label, dy.cross_section, dy.origin) == ("mine", 6077.22, str(path))
    assert dy.patterns(Tier.FULL) == (str(tmp_path / "dy/*.root"), "root://host//x.root")
    assert dy.patterns(Tier.GEN) == dy.patterns(Tier.FULL)
    with pytest.raises(CatalogueError, match=r"processes\.dy2j\.files: names no files of tier fast"):
        dy.patterns(Tier.FAST)
    assert load(path)["ttbar"] == built_in()["ttbar"]


def test_environment_names_a_catalogue_and_the_option_wins(tmp_path, monkeypatch):
    env = write(tmp_path, '[processes.a]\nlabel = "env"\nfiles.full = ["x.root"]\n')
    monkeypatch.setenv("FLASHBENCH_CATALOGUE", str(env))
    assert load()["a"].label == "env"
    option = tmp_path / "option.toml"
    option.write_text('[processes.a]\nlabel = "option"\nfiles.full = ["x.root"]\n')
    assert load(option)["a"].label == "option"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[processes.a\n", "is not TOML"),
        ('[processes.a]\nfiles.full = ["x"]\n', r"processes\.a\.label: Field required"),
        ('[processes.a]\nlabel = "a"\nxsec = 1\n', r"processes\.a\.xsec: Extra inputs"),
        ('[processes.a]\nlabel = "a"\ncross_section = -1\n', r"processes\.a\.cross_section: .*greater than 0"),
        ('[processes.a]\nlabel = "a"\ncross_section = nan\n', r"processes\.a\.cross_section"),
        ('[processes.a]\nlabel = "a"\nfiles.full = "x"\n', r"processes\.a\.files\.full: .*list"),
        ('[processes.a]\nlabel = "a"\nfiles.gen = ["x"]\n', r"processes\.a\.files\.gen: Extra inputs"),
        ('[processes.a]\nlabel = "a"\n', r"processes\.a\.files: missing"),
        ("[process.a]\n", r"processes: Field required"),
    ],
)
def test_wrong_catalogue_names_file_key_and_reason(tmp_path, text, problem):
    path = write(tmp_path, text)
    with pytest.raises(CatalogueError, match=problem) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_catalogue_that_is_not_there(tmp_path):
    with pytest.raises(CatalogueError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_unknown_process_suggests_the_near_one():
    with pytest.raises(UnknownNameError, match=r"no process named 'vbf_hm' \(did you mean vbf_hmm"):
        find(built_in(), "vbf_hm")
