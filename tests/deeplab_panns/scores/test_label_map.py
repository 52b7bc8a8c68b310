"""Label values of other programs."""

import json

import pytest

from data.input_error import InputError
from deeplab_panns.scores import label_map

ORGANS = ("spleen", "liver", "aorta")


def test_a_file_and_the_words_say_the_same(tmp_path):
  path = tmp_path / "values.json"
  path.write_text(json.dumps({"1": "spleen", "5": "liver", "6": "liver"}))
  assert label_map.parse([str(path)], ORGANS, "label_map") == {1: "spleen", 5: "liver", 6: "liver"}
  assert label_map.parse(["1=spleen", "5=liver", "6=liver"], ORGANS, "label_map") == {
    1: "spleen",
    5: "liver",
    6: "liver",
  }


def test_the_default_is_the_order_of_the_list():
  assert label_map.default_map(ORGANS) == {1: "spleen", 2: "liver", 3: "aorta"}


@pytest.mark.parametrize(
  "words, says",
  [
    (["nowhere.json"], "cannot be read as JSON.*5=liver"),
    (["five=liver"], "'five'; values are whole numbers"),
    (["5=lver"], "names 'lver'.*spleen, liver, aorta"),
    (["5"], "cannot be read"),
    (["5=liver", "6"], "names ''"),
    (["²=liver"], "'²'; values are whole"),
    (["--5=liver"], "'--5'; values are whole"),
    (["5=liver", "5=spleen"], "name each value once"),
    (["0=spleen", "1=liver"], "gives 0 to 'spleen'; 0 is background"),
  ],
)
def test_a_wrong_map_is_one_line_for_the_user(words, says):
  with pytest.raises(InputError, match=says):
    label_map.parse(words, ORGANS, "label_map")


def test_a_file_that_gives_a_value_twice_is_refused(tmp_path):
  """JSON itself would take the last."""
  path = tmp_path / "values.json"
  path.write_text('{"1": "spleen", "2": "spleen", "1": "liver"}', encoding="utf-8-sig")
  with pytest.raises(InputError, match="gives the value 1 to 'spleen' and to 'liver'"):
    label_map.parse([str(path)], ORGANS, "label_map")
  path.write_text('{"1": "spleen"}', encoding="utf-8-sig")
  assert label_map.parse([str(path)], ORGANS, "label_map") == {1: "spleen"}


def test_a_file_of_another_kind(tmp_path):
  (tmp_path / "list.json").write_text("[1, 2]")
  with pytest.raises(InputError, match="holds a list"):
    label_map.parse([str(tmp_path / "list.json")], ORGANS, "label_map")


def test_of_a_long_organ_list_the_error_shows_the_first():
  organs = [f"organ_{number}" for number in range(100)]
  with pytest.raises(InputError, match=r"organ_12 and 87 more\); correct the name") as found:
    label_map.parse(["5=lver"], organs, "label_map")
  assert len(str(found.value)) <= 300
