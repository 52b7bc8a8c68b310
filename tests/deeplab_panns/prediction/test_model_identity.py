"""Models that label differently have different identities."""

import dataclasses

import numpy as np

from deeplab_panns.prediction.model_identity import identity_of_files, identity_of_weights


@dataclasses.dataclass
class Weight:
  name: str
  values: object

  def numpy(self):
    return np.asarray(self.values, np.float32)


def test_names_values_shapes_members_and_ways_of_applying_all_count():
  one = ("axial", [Weight("a", [1, 2]), Weight("b", [[3]])])
  models = [
    [one],
    [("coronal", one[1])],
    [("axial", [Weight("a", [1, 2]), Weight("b", [3])])],
    [("axial", [Weight("a", [1, 2]), Weight("c", [[3]])])],
    [("axial", [Weight("a", [1, 2.0000002]), Weight("b", [[3]])])],
    [one, one],
  ]
  assert len({identity_of_weights(model) for model in models}) == len(models)
  assert identity_of_weights([one]) == identity_of_weights([("axial", list(one[1]))])


def test_an_exported_model_is_its_files(tmp_path):
  (tmp_path / "model" / "variables").mkdir(parents=True)
  (tmp_path / "model" / "variables" / "data").write_bytes(b"1")
  before = identity_of_files(tmp_path / "model")
  (tmp_path / "model" / "variables" / "data").write_bytes(b"2")
  assert identity_of_files(tmp_path / "model") != before
