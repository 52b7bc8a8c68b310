"""Label values of other programs."""

import json

import numpy as np
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


def test_translation_by_hand():
  labels = np.array([[0, 1, 5], [6, -3, 70000]], np.int32)
  values = {1: "spleen", 5: "liver", 6: "liver", 70000: "aorta"}
  assert label_map.translate(labels, values, ORGANS).tolist() == [[0, 1, 2], [2, 0, 3]]
  assert label_map.translate(labels, values, ("aorta", "liver")).tolist() == [[0, 0, 2], [2, 0, 1]]
  small = np.array([[0, 1, 5], [6, 4, 255]], np.uint8)
  assert label_map.translate(small, values, ORGANS).tolist() == [[0, 1, 2], [2, 0, 0]]
  assert label_map.translate(labels, {}, ORGANS).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_the_default_is_the_order_of_the_list():
  labels = np.arange(4, dtype=np.uint8)
  assert label_map.translate(labels, label_map.default_map(ORGANS), ORGANS).tolist() == [0, 1, 2, 3]


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
  ],
)
def test_a_wrong_map_is_one_line_for_the_user(words, says):
  with pytest.raises(InputError, match=says):
    label_map.parse(words, ORGANS, "label_map")


def test_a_file_of_another_kind(tmp_path):
  (tmp_path / "list.json").write_text("[1, 2]")
  with pytest.raises(InputError, match="holds a list"):
    label_map.parse([str(tmp_path / "list.json")], ORGANS, "label_map")
