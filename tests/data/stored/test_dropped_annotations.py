"""Full cases that lose labels at random: the setting PaNN*."""

import dataclasses
import pathlib

import numpy as np
import pytest

from data.cases import Case, Manifest
from data.dataset_json.manifest_file import read_manifest
from data.input_error import InputError
from data.organs import BTCV_ORGANS
from data.stored.dropped_annotations import Drop, drop_annotations
from data.stored.stored_case import Preparation, prepare_case
from tests.conftest import TINY_ORGANS, write_raw


def manifest(full=30, partial=4, folds=None):
  cases = [
    Case(
      f"f{i:02d}",
      pathlib.Path("i"),
      pathlib.Path("l"),
      BTCV_ORGANS,
      dict(enumerate(BTCV_ORGANS, 1)),
      folds and i % folds,
    )
    for i in range(full)
  ]
  cases += [
    Case(f"p{i}", pathlib.Path("i"), pathlib.Path("l"), ("liver",), {6: "liver"}) for i in range(partial)
  ]
  return Manifest(pathlib.Path("dataset.json"), BTCV_ORGANS, tuple(cases))


def lost(before, after):
  """{case id: organs it lost}, of the cases that changed at all."""
  return {
    ours.id: set(ours.annotated) - set(theirs.annotated)
    for ours, theirs in zip(before.cases, after.cases)
    if ours != theirs
  }


def test_the_papers_setting_takes_exactly_a_fifth_of_the_cases_and_eight_organs_each():
  before = manifest()
  after = drop_annotations(before, Drop(0.2, 8, seed=0))
  dropped = lost(before, after)
  assert len(dropped) == 6 and all(case_id.startswith("f") for case_id in dropped)
  assert (
    all(len(organs) == 8 for organs in dropped.values()) and len(set(map(frozenset, dropped.values()))) > 1
  )
  for ours, theirs in zip(before.cases, after.cases):
    kept = tuple(organ for organ in ours.annotated if organ not in dropped.get(ours.id, ()))
    assert theirs == dataclasses.replace(
      ours, annotated=kept
    )  # in the manifest's order, and nothing else changed


def test_it_is_seeded_and_free_of_the_manifests_order():
  before = manifest()
  mixed = dataclasses.replace(before, cases=before.cases[::-1])
  drop = Drop(0.2, 8, seed=3)
  assert lost(before, drop_annotations(before, drop)) == lost(mixed, drop_annotations(mixed, drop))
  assert lost(before, drop_annotations(before, drop)) != lost(
    before, drop_annotations(before, dataclasses.replace(drop, seed=4))
  )


def test_more_keeps_what_less_has_dropped():
  before = manifest()
  less, more, deeper = (
    lost(before, drop_annotations(before, Drop(*wanted, seed=1))) for wanted in ((0.2, 5), (0.5, 5), (0.2, 8))
  )
  assert less.items() <= more.items() and len(more) == 15
  assert less.keys() == deeper.keys() and all(organs < deeper[case] for case, organs in less.items())


def test_every_organ_goes_about_equally_often():
  before = manifest(full=2000, partial=0)
  dropped = lost(before, drop_annotations(before, Drop(0.5, 8, seed=0)))
  counts = [sum(organ in organs for organs in dropped.values()) for organ in BTCV_ORGANS]
  expected, sd = 1000 * 8 / 13, np.sqrt(1000 * 8 / 13 * 5 / 13)
  assert max(abs(np.array(counts) - expected)) < 4 * sd


def test_the_test_fold_keeps_its_labels_and_does_not_count():
  before = manifest(folds=5)
  after = drop_annotations(before, Drop(0.25, 8, seed=0, keep_fold=2))
  dropped = lost(before, after)
  assert len(dropped) == 6  # of 24
  assert all(case.fold != 2 for case in before.cases if case.id in dropped)
  assert all(case.fold is None for case in after.cases if case.id in dropped)
  assert len(lost(before, drop_annotations(before, Drop(0.5, 8, seed=0, keep_fold=-1)))) == 15


@pytest.mark.parametrize("fraction, count", [(0.02, 1), (0.96, 29)])
def test_one_case_at_least_is_left_and_one_at_least_dropped(fraction, count):
  before = manifest()
  assert len(lost(before, drop_annotations(before, Drop(fraction, 1, seed=0)))) == count


@pytest.mark.parametrize(
  "drop, folds, says",
  [
    (Drop(0.01, 8, 0), None, r"--drop_case_fraction=0.01 of 30 fully labelled training cases is 0 cases"),
    (Drop(1.0, 8, 0), None, "is 30 cases; at least one must lose labels and one keep them"),
    (Drop(0.2, 13, 0), None, r"--drop_organs=13 of 13 organs.*choose 1 to 12"),
    (Drop(0.2, 8, 0), 5, r"dataset.json: has the folds \[0, 1, 2, 3, 4\].*--drop_keep_fold=-1"),
    (Drop(0.2, 8, 0, 5), 5, r"no fully labelled case has the fold 5.*\[0, 1, 2, 3, 4\]"),
    (Drop(0.2, 8, 0, 0), None, "no fully labelled case has the fold 0.*not given"),
  ],
)
def test_absurd_values_are_refused(drop, folds, says):
  with pytest.raises(InputError, match=says):
    drop_annotations(manifest(folds=folds), drop)


def test_the_store_holds_what_is_left(tmp_path):
  """The label map of a dropped case holds the kept organs alone, voxel for voxel as before; the others are
  untouched."""
  path = write_raw(tmp_path / "raw", full=4, partial=1, test=0)
  before = read_manifest(path)
  after = drop_annotations(before, Drop(0.5, 2, seed=0))
  maps = []
  for source, folder in ((before, "a"), (after, "b")):
    preparation = Preparation(source.organs, (None, None, None), 10**9)
    for case in source.cases:
      prepare_case(case, preparation, tmp_path / folder)
    maps.append([np.load(tmp_path / folder / "cases" / case.id / "label.npy") for case in source.cases])
  dropped = lost(before, after)
  for case, ours, theirs in zip(before.cases, *maps):
    gone = [1 + TINY_ORGANS.index(organ) for organ in dropped.get(case.id, ())]
    np.testing.assert_array_equal(theirs, np.where(np.isin(ours, gone), 0, ours))
    assert np.isin(gone, ours).all()
