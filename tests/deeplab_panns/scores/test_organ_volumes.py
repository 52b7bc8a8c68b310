"""volumes.csv."""

import pytest

from data.input_error import InputError
from deeplab_panns.scores import organ_volumes
from deeplab_panns.scores.organ_volumes import OrganVolume


def test_volumes_are_read_back_to_the_last_digit(tmp_path):
  volumes = [OrganVolume("a", "liver", 1500.1 + 0.2, 0.0), OrganVolume("b, left", "spleen", 1 / 3, 1e-9)]
  organ_volumes.write_csv(tmp_path / "volumes.csv", volumes)
  assert organ_volumes.read_csv(tmp_path / "volumes.csv") == volumes


@pytest.mark.parametrize(
  "text",
  [
    "",
    "case,organ\n",
    "case,organ,reference_ml,predicted_ml\na,liver,1\n",
    "case,organ,reference_ml,predicted_ml\na,liver,1,much\n",
  ],
)
def test_damaged_volumes_are_one_line_for_the_user(tmp_path, text):
  (tmp_path / "volumes.csv").write_text(text)
  with pytest.raises(InputError, match=r"volumes\.csv.*evaluate"):
    organ_volumes.read_csv(tmp_path / "volumes.csv")
