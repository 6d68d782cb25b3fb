"""Frozen evidence: comes back as it was, says how it was made, and cannot be changed by hand."""

import pandas as pd
import pytest

from actfun import frozen

TABLE = pd.DataFrame({"activation": ["relu", "tanh"], "error": [0.25, 1 / 3], "epochs": [3, 4]})


@pytest.fixture
def folder(tmp_path):
    given = {"command": "make small", "seconds": 1.6, "folder": tmp_path, "why": "test"}
    frozen.freeze("kept/small.json", {"small.csv": TABLE}, **given)
    return tmp_path


def test_tables_come_back_with_their_origin(folder):
    tables, record = frozen.thaw("kept/small.json", folder)
    pd.testing.assert_frame_equal(tables["small.csv"], TABLE, rtol=1e-5)
    assert record["command"] == "make small" and record["why"] == "test"
    assert record["seconds"] == 2 and "numpy" in record["environment"]


def test_a_table_changed_by_hand_is_refused(folder):
    path = folder / "kept/small.csv"
    path.write_text(path.read_text().replace("0.25", "0.35"))
    with pytest.raises(ValueError, match=r"small.csv is not.*make small"):
        frozen.thaw("kept/small.json", folder)


def test_an_unknown_name_is_answered_with_the_known_ones(folder):
    with pytest.raises(FileNotFoundError, match="'nothing', expected one of .*kept/small.json"):
        frozen.thaw("nothing", folder)


FROZEN = sorted(p.name for p in (frozen.PACKAGE / "evidence").glob("*.json"))


@pytest.mark.parametrize("name", FROZEN)
def test_what_is_committed_is_what_was_frozen(name):
    tables, record = frozen.thaw(f"evidence/{name}")
    assert tables and all(len(table) for table in tables.values())
    assert record["command"].startswith("python -m actfun.")
