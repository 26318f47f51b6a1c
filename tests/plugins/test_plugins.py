import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from flashbench import catalogue, plugins
from flashbench.analysis import OBSERVABLES, all_observables, find_observable
from flashbench.compare.metrics import METRICS, all_metrics
from flashbench.errors import CatalogueError, PluginError, UnknownNameError
from flashbench.simulators import get
from plugins.distributions import SIMULATOR, install

COMMAND = Path(sys.executable).with_name("flashbench")
OBSERVABLE = """
from flashbench.analysis import Observable
def _sum(c): return c.jet1.pt + c.jet2.pt
HT = Observable("dijet_ht", "HT", "GeV", 20, 0, 500, ("PreSel",), _sum)
TAKEN = Observable("jet1_pt", "pT", "GeV", 20, 0, 500, ("PreSel",), _sum)
FAULTY = Observable("faulty", "x", "", 20, 0, 1, ("PreSel",), lambda c: c.nothing)
"""
METRIC = """
from flashbench.compare import Metric
def _shift(a, b, _): return a.values.mean() - b.values.mean(), None
MEAN = Metric("mean_shift", "Δ", "Difference of the means.", None, _shift)
"""
CATALOGUE = '[processes.{key}]\nlabel = "x"\nfiles.full = ["{key}.root"]\n'
COMMANDS = """
import typer
app = typer.Typer()
@app.command()
def hello(): print("hello from", __name__)
@app.command()
def bye(): print("bye")
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    all_observables.cache_clear()
    all_metrics.cache_clear()
    yield folder
    all_observables.cache_clear()
    all_metrics.cache_clear()
    for name in set(sys.modules) - before:
        if (folder / f"{name}.py").exists():
            del sys.modules[name]


def call(site, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "240"}
    return subprocess.run([COMMAND, *arguments], cwd=site, env=environment, capture_output=True, text=True, check=False)


def test_simulator_of_another_distribution_is_found(site):
    install(site, "fb-mine", {"simulators": ["mine = mine_plugin:Mine"]}, {"mine_plugin.py": SIMULATOR})
    assert get("mine").info.label == "Mine"
    (plugin,) = [p for p in plugins.available("simulator") if p.name == "mine"]
    assert plugin.origin == "fb-mine 1.0 (mine_plugin:Mine)"
    assert plugin.file == str(site / "mine_plugin.py")


def test_two_plugins_with_one_name_are_refused_by_both_names(site):
    for name in ("fb-one", "fb-two"):
        module = name.replace("-", "_")
        install(site, name, {"simulators": [f"mine = {module}:Mine"]}, {f"{module}.py": SIMULATOR})
    with pytest.raises(PluginError, match=r"'mine': claimed by fb-one 1.0 .* and fb-two 1.0 .*uninstall one"):
        get("mine")
    assert get("gen").info.name == "gen"


def test_plugin_cannot_take_the_name_of_a_built_in_simulator(site):
    install(site, "fb-mine", {"simulators": ["gen = mine_plugin:Mine"]}, {"mine_plugin.py": SIMULATOR})
    with pytest.raises(PluginError, match=r"'gen': claimed by fb-mine 1.0 .* and flashbench"):
        get("gen")


def test_plugin_for_another_major_flashbench_is_refused_before_it_is_imported(site):
    points = {"simulators": ["mine = mine_plugin:Mine"]}
    install(site, "fb-mine", points, {"mine_plugin.py": "raise SystemExit"}, requires=("flashbench<8,>=7",))
    with pytest.raises(PluginError, match=r"fb-mine 1.0 .*is for flashbench <8,>=7, this is 0"):
        get("mine")


def test_plugin_without_its_dependency_says_what_to_install(site):
    points, text = {"simulators": ["mine = mine_plugin:Mine"]}, "import delphinium"
    requires = ("flashbench", "delphinium>=3", 'other; extra == "more"')
    install(site, "fb-mine", points, {"mine_plugin.py": text}, requires=requires)
    with pytest.raises(PluginError, match=r"No module named 'delphinium' \(pip install 'delphinium>=3'\)"):
        get("mine")


@pytest.mark.parametrize("fault", ["1 / 0", "raise SystemExit(3)", "assert False, 'why'"])
def test_plugin_that_raises_on_import_is_an_error_where_it_is_asked_for_only(site, fault):
    install(site, "fb-mine", {"simulators": ["mine = mine_plugin:Mine"]}, {"mine_plugin.py": fault})
    with pytest.raises(PluginError, match=r"simulator 'mine' of fb-mine 1.0 .*raised \w+ when it was imported"):
        get("mine")
    assert get("gen").info.name == "gen"
    with pytest.raises(UnknownNameError, match="did you mean mine"):
        get("minee")


def test_simulator_that_raises_when_made_names_its_plugin(site):
    text = SIMULATOR + "    def __init__(self): 1 / 0\n"
    install(site, "fb-mine", {"simulators": ["mine = mine_plugin:Mine"]}, {"mine_plugin.py": text})
    with pytest.raises(PluginError, match=r"fb-mine 1.0 .*raised ZeroDivisionError when it was made"):
        get("mine")


def test_observables_of_plugins_stand_beside_the_built_in_ones(site):
    points = {"observables": ["ht = observable_plugin:HT"]}
    install(site, "fb-ht", points, {"observable_plugin.py": OBSERVABLE})
    assert [o.name for o in all_observables()] == [*(o.name for o in OBSERVABLES), "dijet_ht"]
    assert find_observable("dijet_ht").unit == "GeV"


@pytest.mark.parametrize(
    ("target", "problem"),
    [("TAKEN", "a name of flashbench itself"), ("NOTHING", "cannot be imported|raised"), ("_sum", "not a Observable")],
)
def test_observable_that_cannot_be_taken_is_left_out_with_a_warning(site, target, problem):
    install(site, "fb-ht", {"observables": [f"x = observable_plugin:{target}"]}, {"observable_plugin.py": OBSERVABLE})
    with pytest.warns(plugins.PluginWarning, match=problem):
        assert all_observables() == OBSERVABLES


def test_observable_that_two_plugins_bring_belongs_to_neither(site):
    for name in ("one", "two"):
        points, modules = {"observables": [f"{name} = {name}_plugin:HT"]}, {f"{name}_plugin.py": OBSERVABLE}
        install(site, f"fb-{name}", points, modules)
    with pytest.warns(plugins.PluginWarning, match="'dijet_ht', a name of another plugin"):
        assert all_observables() == OBSERVABLES


def test_failing_observable_names_its_plugin(site):
    install(site, "fb-ht", {"observables": ["x = observable_plugin:FAULTY"]}, {"observable_plugin.py": OBSERVABLE})
    with pytest.raises(PluginError, match=r"observable 'faulty' of fb-ht 1.0 .*raised AttributeError"):
        find_observable("faulty").evaluate(None)


def test_metrics_of_plugins_stand_beside_the_built_in_ones(site):
    install(site, "fb-mean", {"metrics": ["mean = metric_plugin:MEAN"]}, {"metric_plugin.py": METRIC})
    assert [m.name for m in all_metrics()] == [*(m.name for m in METRICS), "mean_shift"]


def test_process_of_a_plugin_is_in_the_catalogue_with_its_origin(site):
    (site / "fragment.toml").write_text(CATALOGUE.format(key="zh"))
    module = "from pathlib import Path\nFRAGMENT = Path(__file__).with_name('fragment.toml')\n"
    install(site, "fb-zh", {"processes": ["zh = zh_plugin:FRAGMENT"]}, {"zh_plugin.py": module})
    process = catalogue.find(catalogue.load(), "zh")
    assert process.origin == "fb-zh 1.0"
    assert process.patterns("full") == (str(site / "zh.root"),)


def test_process_that_is_claimed_twice_is_settled_by_the_users_catalogue_alone(site, tmp_path):
    (site / "fragment.toml").write_text(CATALOGUE.format(key="dy2j"))
    module = f"FRAGMENT = {str(site / 'fragment.toml')!r}\n"
    install(site, "fb-dy", {"processes": ["dy = dy_plugin:FRAGMENT"]}, {"dy_plugin.py": module})
    known = catalogue.load()
    with pytest.raises(CatalogueError, match=r"'dy2j': claimed by built-in and fb-dy 1\.0"):
        catalogue.find(known, "dy2j")
    assert catalogue.find(known, "ttbar").origin == catalogue.BUILT_IN
    mine = tmp_path / "mine.toml"
    mine.write_text(CATALOGUE.format(key="dy2j"))
    assert catalogue.find(catalogue.load(mine), "dy2j").origin == str(mine)


@pytest.mark.parametrize("text", ["FRAGMENT = 3\n", "FRAGMENT = 'none.toml'\n", "1 / 0\n"])
def test_faulty_fragment_is_left_out_with_a_warning(site, text):
    install(site, "fb-zh", {"processes": ["zh = zh_plugin:FRAGMENT"]}, {"zh_plugin.py": text})
    with pytest.warns(plugins.PluginWarning, match="process 'zh' of fb-zh 1.0"):
        assert catalogue.load() == catalogue.built_in()


def test_nothing_is_said_where_there_is_nothing_to_say(site):
    with warnings.catch_warnings():
        warnings.simplefilter("error", plugins.PluginWarning)
        all_observables(), all_metrics(), catalogue.load()


def test_command_of_a_plugin_is_listed_and_runs(site):
    points = {"commands": ["greet = greet_plugin:app", "run = greet_plugin:app"]}
    install(site, "fb-greet", points, {"greet_plugin.py": COMMANDS})
    shown = call(site, "--help")
    assert "Of fb-greet 1.0." in shown.stdout
    assert "command 'run' of fb-greet 1.0" in shown.stderr
    assert call(site, "greet", "hello").stdout == "hello from greet_plugin\n"
    assert "No such command" in call(site, "greeet").stderr


def test_listing_tells_every_plugin_and_its_fault(site):
    install(site, "fb-good", {"simulators": ["mine = mine_plugin:Mine"]}, {"mine_plugin.py": SIMULATOR})
    install(site, "fb-bad", {"simulators": ["bad = bad_plugin:X"]}, {"bad_plugin.py": "1 / 0"})
    install(
        site,
        "fb-old",
        {"metrics": ["old = metric_plugin:MEAN"]},
        {"metric_plugin.py": METRIC},
        requires=("flashbench>7",),
    )
    points = {"observables": ["x = observable_plugin:TAKEN"], "commands": ["compare = greet_plugin:app"]}
    install(site, "fb-taken", points, {"observable_plugin.py": OBSERVABLE, "greet_plugin.py": COMMANDS})
    done = call(site, "plugins")
    assert done.returncode == 0, done.stderr
    shown = {line.split("│")[3].strip(): line for line in done.stdout.splitlines() if line.count("│") > 5}
    assert "ok" in shown["fb-good"]
    assert "mine_plugin.py" in done.stdout
    assert "raised ZeroDivisionError when it was imported" in shown["fb-bad"]
    assert "is for flashbench >7" in shown["fb-old"]
    assert "brings jet1_pt, which flashbench has itself" in done.stdout
    assert "flashbench has that name itself" in done.stdout
