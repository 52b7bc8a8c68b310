"""Whatever a JSON file holds, it is read as what it should be, or refused in one line."""

import json

import pytest

from data.input_error import InputError
from deeplab_panns.report.results.result_json import IN_EVERY_METRICS, METRICS, SETTINGS, read_json

GOOD = {"label_organs": ["liver"], "mean_dice": None, "excluded": 0, "missed": 1, "more": {"a": 1}}


def test_what_evaluate_writes_is_read(tmp_path):
  (tmp_path / "metrics.json").write_text(json.dumps(GOOD))
  assert read_json(tmp_path / "metrics.json", METRICS, IN_EVERY_METRICS) == GOOD


@pytest.mark.parametrize("key", IN_EVERY_METRICS)
def test_a_missing_key_is_named(tmp_path, key):
  (tmp_path / "metrics.json").write_text(json.dumps({name: GOOD[name] for name in GOOD if name != key}))
  with pytest.raises(InputError, match=f"metrics.json: cannot be read as .*it has no '{key}'"):
    read_json(tmp_path / "metrics.json", METRICS, IN_EVERY_METRICS)


@pytest.mark.parametrize(
  "key, value",
  [
    ("label_organs", "liver"),
    ("label_organs", [1]),
    ("mean_dice", "0.8"),
    ("excluded", True),
    ("missed", None),
    ("references", {"a": 1}),
    ("run_dirs", "run"),
    ("seen_in_training", {}),
  ],
)
def test_a_value_of_another_kind_is_named(tmp_path, key, value):
  (tmp_path / "metrics.json").write_text(json.dumps({**GOOD, key: value}))
  with pytest.raises(InputError, match=f"its '{key}' is "):
    read_json(tmp_path / "metrics.json", METRICS, IN_EVERY_METRICS)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe{}", b"[" * 100_000, b'{"seed": 1e400}'])
def test_damage_is_one_line(tmp_path, content):
  (tmp_path / "experiment.json").write_bytes(content)
  with pytest.raises(InputError, match=r"experiment\.json: cannot be read"):
    read_json(tmp_path / "experiment.json", SETTINGS)
