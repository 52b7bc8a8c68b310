"""What the report reads of a run, whatever version trained it."""

import json

import pytest

from data.input_error import InputError
from deeplab_panns.report.results.scored_runs import case_id, case_key, read_scored, with_effect
from deeplab_panns.runs.flat_settings import from_flat, to_flat
from deeplab_panns.runs.setting_names import SETTINGS


@pytest.mark.parametrize("network", ["deeplab_v3", "dltk_unet3d"])
def test_runs_of_before_formats_and_of_now_have_the_same_settings(network):
  now = {"format": 2, **to_flat(from_flat({"network": network}))}
  before = {
    **dict.fromkeys(SETTINGS, "of the other network"),
    **{k: v for k, v in now.items() if k != "format"},
  }
  assert with_effect(before) == with_effect(now)
  assert "format" not in with_effect(now) and with_effect(now)["network"] == network


def test_a_key_is_the_id_and_the_hash_of_its_reference():
  key = case_key("p1", {"references": {"p1": "0123456789abcdef"}})
  assert key == "p1@01234567" and case_id(key) == "p1"
  assert case_key("p2", {}) == "p2" == case_id("p2")


@pytest.mark.parametrize(
  "content, said",
  [
    (None, "has no metrics.json; run"),
    ("{", "cannot be read as a JSON object"),
    ("[1]", "it holds a list"),
    (json.dumps({"mean_dice": 0.5}), "does not say which organs"),
  ],
)
def test_what_was_not_evaluated_is_one_line(tmp_path, content, said):
  if content is not None:
    (tmp_path / "metrics.json").write_text(content)
  with pytest.raises(InputError, match=said):
    read_scored(tmp_path)
