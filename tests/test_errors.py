import inspect
import pickle

import pytest

from flashbench import errors


def concrete():
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.FlashbenchError)]
    return [c for c in classes if not c.__name__.startswith("_") and c is not errors.FlashbenchError]


def made(cls):
    if cls is errors.UnknownNameError:
        return cls("process", "dyj", ["dy2j", "ttbar"])
    if cls is errors.SchemaError:
        return cls("x.root", "Jet_pt", "missing", "is it NanoAOD?")
    return cls("x.root", "is a directory", "give the files in it")


@pytest.mark.parametrize("cls", concrete())
def test_an_error_is_one_line_and_survives_a_process_border(cls):
    error = made(cls)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("cls", concrete())
def test_the_tree_in_the_docstring_names_every_error(cls):
    assert cls.__name__ in errors.__doc__


def test_unknown_name_without_a_near_one_lists_the_known():
    assert "known: a, b" in str(errors.UnknownNameError("simulator", "zzzz", ["b", "a"]))
