"""Runs grouped into methods, and the names these get."""

import pathlib

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.report.results.methods import group
from deeplab_panns.report.results.scored_runs import ScoredRun
from deeplab_panns.scores.metrics import OrganScore

SETTINGS = {
  "supervision": "panns",
  "backbone": "resnet50",
  "lambda2": 0.1,
  "decoder": False,
  "scales": [1, 2],
  "seed": 0,
  "fold": 0,
  "validation_fraction": 0.0,
}


def run(folder, dice=0.5, cases=("a", "b"), summary=None, store="a", **settings):
  rows = tuple((case, OrganScore("liver", dice, 1, 2, 2, 0)) for case in cases)
  folder = pathlib.Path(folder)
  return ScoredRun(folder, folder, {**SETTINGS, **settings}, {"fingerprint": store}, summary or {}, rows)


def names(*runs):
  return [method.name for method in group(runs)]


def test_seed_fold_and_validation_do_not_make_a_method():
  methods = group(
    [
      run("0"),
      run("1", seed=1),
      run("2", fold=1),
      run("3", seed=2, validation_fraction=0.2),
      run("4", supervision="full", lambda2=0.0),
    ]
  )
  assert [(method.name, len(method.runs)) for method in methods] == [("panns", 4), ("full", 1)]
  assert methods[0].seeds == (0, 1, 2)


def test_a_method_is_named_by_what_differs_among_those_of_its_supervision():
  assert names(run("0"), run("1", supervision="full", lambda2=0.0)) == [
    "panns",
    "full",
  ]  # lambda2 follows from the mode
  assert names(run("0"), run("1", lambda2=1.0)) == ["panns, lambda2=0.1", "panns, lambda2=1.0"]
  assert names(run("0"), run("1", backbone="resnet101", decoder=True, scales=[1])) == [
    "panns, resnet50, no decoder, scales=1,2",
    "panns, resnet101, decoder, scales=1",
  ]


def test_another_checkpoint_is_another_method():
  assert names(run("0", summary={"checkpoint": "last"}), run("1", summary={"checkpoint": "best"})) == [
    "panns, last",
    "panns, best",
  ]


def test_label_files_are_named_by_their_folder():
  folder = pathlib.Path("x/totalsegmentator")
  files = ScoredRun(folder, folder, {}, {}, {}, run("0").rows)
  assert names(run("0"), files) == ["panns", "totalsegmentator"]
  assert group([files])[0].seeds == ()


def test_given_names_group_the_runs():
  methods = group([run("0"), run("1", seed=1), run("2", lambda2=1.0)], ["ours", "ours", "theirs"])
  assert [(method.name, len(method.runs)) for method in methods] == [("ours", 2), ("theirs", 1)]


def test_an_oracle_is_not_another_seed():
  """Its flags are those of full; what it was trained on is another store with the same test cases."""
  full, oracle = run("0"), run("1", seed=1, store="b")
  with pytest.raises(InputError, match=r"same cases, but was trained on another store.*--names"):
    group([full, oracle])
  assert [len(method.runs) for method in group([full, oracle], ["full", "oracle"])] == [1, 1]
  assert (
    len(group([full, run("2", seed=1, store="b", cases=("c", "d"))])) == 1
  )  # each seed with patients of its own


def test_the_same_run_twice_is_not_two_seeds():
  with pytest.raises(InputError, match=r"seed 0 and fold 0.*--names"):
    group([run("0"), run("1")])


def test_folds_are_merged_each_case_once_and_seeds_averaged():
  (method,) = group(
    [run("0", 0.4, ("a",), fold=0), run("1", 0.8, ("b",), fold=1), run("2", 0.6, ("a",), fold=0, seed=1)]
  )
  assert method.cases == ("a", "b")
  assert method.table(("a", "b"), ("liver",)).ravel() == pytest.approx([0.5, 0.8])
  assert method.table(("a", "b"), ("liver",), seed=1)[0] == pytest.approx(0.6)
  assert np.isnan(method.table(("a", "b"), ("liver",), seed=1)[1, 0])


def test_a_case_without_a_score_in_one_seed_takes_that_of_the_other():
  (method,) = group([run("0", float("nan")), run("1", 0.6, seed=1)])
  assert method.table(("a", "b"), ("liver",)).ravel() == pytest.approx([0.6, 0.6])
