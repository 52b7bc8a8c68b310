"""Who trains, validates and tests."""

import dataclasses
import pathlib

import numpy as np
import pytest

from data.input_error import InputError
from data.stored.splits import only_annotating, seeded_folds, split
from data.stored.store import Store, StoredCase


def case(case_id, annotated=("a", "b"), fold=None):
  return StoredCase(
    pathlib.Path("."), case_id, annotated, fold, (1.0, 1.0, 1.0), np.eye(4), (1, 1, 1), {}, {}
  )


def store(*cases):
  return Store(pathlib.Path("s"), ("a", "b"), cases, (None, None, None))


TEN = [case(f"f{i}", fold=i % 5) for i in range(10)] + [case(f"p{i}", ("a",)) for i in range(4)]


def test_folds_are_even_seeded_and_free_of_the_order():
  ids = [f"c{i}" for i in range(13)]
  folds = seeded_folds(ids, 5, 0)
  assert sorted(np.bincount(list(folds.values()))) == [2, 2, 3, 3, 3]
  assert folds == seeded_folds(ids[::-1], 5, 0) != seeded_folds(ids, 5, 1)


@pytest.mark.parametrize("fold", range(5))
def test_the_four_sets_are_disjoint_and_complete(fold):
  splits = split(store(*TEN), fold, 0.25, 0)
  sets = [{c.id for c in part} for part in (splits.labeled, splits.partial, splits.validation, splits.test)]
  assert [len(part) for part in sets] == [6, 4, 2, 2]
  assert len(set.union(*sets)) == 14
  assert {c.fold for c in splits.test} == {fold} and fold not in {c.fold for c in splits.validation}


def test_every_full_case_is_tested_once_over_the_folds():
  tested = [c.id for fold in range(5) for c in split(store(*TEN), fold, 0.0, 0).test]
  assert sorted(tested) == sorted(c.id for c in TEN[:10])


def test_partial_cases_with_folds_are_held_out_and_full_ones_without_always_train():
  cases = [case("full"), *(case(f"p{i}", ("a",), fold=i % 3) for i in range(6))]
  splits = split(store(*cases), 1, 0.0, 0)
  assert [c.id for c in splits.labeled] == ["full"] and [c.id for c in splits.test] == ["p1", "p4"]
  assert [c.id for c in splits.partial] == ["p0", "p2", "p3", "p5"]


def test_no_fold_trains_on_all():
  splits = split(store(*TEN), -1, 0.0, 0)
  assert len(splits.labeled) == 10 and not splits.test and not splits.validation


def test_a_store_without_folds_trains_on_all_and_holds_nothing_out():
  without = store(case("a"), case("b"))
  assert len(split(without, -1, 0.0, 0).labeled) == 2
  with pytest.raises(InputError, match="has no folds, so --fold=0 would hold nothing out"):
    split(without, 0, 0.0, 0)


def test_validation_never_takes_the_last_training_case():
  splits = split(store(case("a"), case("b")), -1, 0.9, 0)
  assert len(splits.labeled) == 1 and len(splits.validation) == 1


def test_unknown_fold_and_nothing_to_train_on():
  with pytest.raises(InputError, match=r"no fold 7.*\[0, 1, 2, 3, 4\]"):
    split(store(*TEN), 7, 0.0, 0)
  with pytest.raises(InputError, match="no fully labelled case"):
    split(store(case("p", ("a",))), -1, 0.0, 0)


def test_partial_sets_are_chosen_by_what_they_annotate():
  mixed = store(case("full"), case("a", ("a",)), case("b", ("b",)), case("none", ()))
  splits = split(mixed, -1, 0.0, 0)
  assert [case.id for case in only_annotating(splits, ("a",), mixed).partial] == ["a"]
  assert [case.id for case in only_annotating(splits, ("a", "b"), mixed).partial] == ["a", "b"]
  with pytest.raises(InputError, match=r"names \['c'\]; the organs of s are \['a', 'b'\]"):
    only_annotating(splits, ("c",), mixed)
  alone = store(case("full"), case("a", ("a",)))
  with pytest.raises(InputError, match=r"annotates these organs alone; its partial cases annotate \['a'\]"):
    only_annotating(split(alone, -1, 0.0, 0), ("b",), alone)


def of_patients(*names):
  return [
    dataclasses.replace(case(f"{name}{number}"), patient=name) for number in (1, 2) for name in names if name
  ]


@pytest.mark.parametrize("seed", range(6))
def test_scans_of_a_patient_validate_together(seed):
  partial = dataclasses.replace(case("q", ("a",)), patient="d")
  splits = split(store(*of_patients("a", "b", "c", "d"), partial), -1, 0.25, seed)
  training, validation = ({one.patient for one in part} for part in (splits.labeled, splits.validation))
  assert len(splits.validation) == 2 * len(validation) and not training & validation
  assert len(splits.labeled) + len(splits.validation) == 8
  assert bool(splits.partial) == ("d" not in validation)


def test_one_patient_alone_cannot_validate():
  with pytest.raises(InputError, match=r"2 fully labelled training cases are of one patient.*fraction=0.5"):
    split(store(*of_patients("a")), -1, 0.5, 0)
  splits = split(store(*of_patients("a", "b")), -1, 0.9, 0)
  assert len(splits.labeled) == len(splits.validation) == 2
