"""The table of scores and its summary."""

import csv
import json
import math

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.scores.score_table import read_csv, summary, write_csv

NAN = math.nan
ROWS = [
  ("a", OrganScore("liver", 0.9, 1.0, 10.0, 4.0, -20.0)),
  ("a", OrganScore("aorta", 0.8, 2.0, 6.0, 3.0, 5.0)),
  ("b", OrganScore("liver", 0.7, 3.0, 20.0, 8.0, 10.0)),
  ("b", OrganScore("aorta", 0.0, NAN, NAN, NAN, -12.0)),  # missed
  ("c", OrganScore("aorta", NAN, NAN, NAN, NAN, 0.0)),  # in neither map
  ("c", OrganScore("bladder", NAN, NAN, NAN, NAN, 0.0)),
]


def plain(rows):
  """NaN equals nothing, in a dataclass neither; its text does."""
  return [(case, repr(score)) for case, score in rows]


def test_summary_by_hand():
  found = summary(ROWS)
  assert found["organs"]["liver"] == pytest.approx(
    {
      "dice": 0.8,
      "dice_sd": math.sqrt(0.02),
      "mean_surface_distance_mm": 2,
      "hausdorff_mm": 15,
      "hausdorff95_mm": 6,
      "volume_error_ml": -5,
      "cases": 2,
      "excluded": 0,
      "missed": 0,
    }
  )
  aorta = found["organs"]["aorta"]
  assert aorta["dice"] == pytest.approx(0.4)  # the miss counts, the absent organ does not
  assert aorta["mean_surface_distance_mm"] == 2  # the one case that has both
  assert aorta["volume_error_ml"] == pytest.approx(-7 / 3)
  assert (aorta["cases"], aorta["excluded"], aorta["missed"]) == (3, 1, 1)
  assert found["mean_dice"] == pytest.approx((0.8 + 0.4) / 2)  # over organs, not over the four values
  assert (found["excluded"], found["missed"], found["cases"], found["organs_without_dice"]) == (2, 1, 3, 1)


def test_mean_dice_is_the_plain_mean_where_all_is_defined():
  values = np.random.default_rng(0).random((5, 3))
  rows = [
    (f"case{case}", OrganScore(f"organ{organ}", values[case, organ], 1, 1, 1, 0))
    for case in range(5)
    for organ in range(3)
  ]
  assert summary(rows)["mean_dice"] == pytest.approx(values.mean())
  assert summary(rows)["organs"]["organ1"]["dice_sd"] == pytest.approx(values[:, 1].std(ddof=1))


def test_summary_is_valid_json_with_null_for_the_undefined():
  found = json.loads(json.dumps(summary(ROWS), allow_nan=False))
  assert found["organs"]["bladder"] == {
    "dice": None,
    "mean_surface_distance_mm": None,
    "hausdorff_mm": None,
    "hausdorff95_mm": None,
    "volume_error_ml": 0,
    "dice_sd": None,
    "cases": 1,
    "excluded": 1,
    "missed": 0,
  }


def test_summary_of_numpy_numbers_is_json_too():
  rows = [("a", OrganScore("liver", *np.array([0.5, 1, 2, 3, 4], np.float32)))]
  json.dumps(summary(rows), allow_nan=False)


def test_summary_of_nothing():
  assert summary([]) == {
    "mean_dice": None,
    "organs": {},
    "organs_without_dice": 0,
    "excluded": 0,
    "missed": 0,
    "cases": 0,
  }


def test_csv_round_trip_keeps_every_digit_and_nan(tmp_path):
  rows = ROWS + [("d, 1", OrganScore('left "upper", lobe', 1 / 3, math.pi, 1e-12, 1e9 / 7, -0.1))]
  write_csv(tmp_path / "metrics.csv", rows)
  assert plain(read_csv(tmp_path / "metrics.csv")) == plain(rows)
  assert summary(read_csv(tmp_path / "metrics.csv")) == summary(rows)


def test_csv_as_another_program_reads_it(tmp_path):
  write_csv(tmp_path / "metrics.csv", ROWS[3:4])
  text = (tmp_path / "metrics.csv").read_bytes().decode()
  assert text == (
    "case,organ,dice,mean_surface_distance_mm,hausdorff_mm,hausdorff95_mm,volume_error_ml\n"
    "b,aorta,0.0,nan,nan,nan,-12.0\n"
  )
  with open(tmp_path / "metrics.csv", newline="") as file:
    assert next(csv.DictReader(file))["organ"] == "aorta"


def test_a_write_that_fails_leaves_the_old_table_and_nothing_else(tmp_path):
  path = tmp_path / "metrics.csv"
  write_csv(path, ROWS)

  def breaks_off():
    yield ROWS[0]
    raise RuntimeError("the second case could not be scored")

  with pytest.raises(RuntimeError):
    write_csv(path, breaks_off())
  assert plain(read_csv(path)) == plain(ROWS)
  assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.csv"]


HEADER = "case,organ,dice,mean_surface_distance_mm,hausdorff_mm,hausdorff95_mm,volume_error_ml\n"


@pytest.mark.parametrize(
  "text, found",
  [
    ("", "none"),
    ("case,dice\n", "case,dice"),
    (HEADER + "a,liver,0.5,1,2,3\n", "line 2"),
    (HEADER + "a,liver,0.5,1,2,3,4,5\n", "line 2"),
    (HEADER + "a,liver,good,1,2,3,4\n", "good"),
  ],
)
def test_a_damaged_table_is_one_line_for_the_user(tmp_path, text, found):
  path = tmp_path / "metrics.csv"
  path.write_text(text)
  with pytest.raises(InputError, match=found) as error:
    read_csv(path)
  assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_missing_table_is_one_line_for_the_user(tmp_path):
  with pytest.raises(InputError, match=r"nowhere\.csv"):
    read_csv(tmp_path / "nowhere.csv")
