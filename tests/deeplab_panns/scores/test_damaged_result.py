"""What a damaged file can cause is the user's to mend; a mistake in the program is not."""

import pytest

from data.input_error import InputError
from deeplab_panns.scores.damaged_result import named_if_damaged


@pytest.mark.parametrize(
  ("error", "says"),
  [(FileNotFoundError("gone"), "gone"), (KeyError("index"), "'index'"), (ValueError("x"), "x")],
)
def test_the_error_names_file_content_and_cause(error, says):
  with pytest.raises(InputError) as found, named_if_damaged("run/volumes.csv", "organ volumes"):
    raise error
  assert str(found.value) == (
    f"run/volumes.csv: cannot be read as organ volumes ({says}). "
    "Write it anew with python -m deeplab_panns.evaluate."
  )


def test_other_errors_come_through_as_they_are():
  with pytest.raises(AttributeError), named_if_damaged("run/volumes.csv", "organ volumes"):
    raise AttributeError
  told = InputError("line 3: mend it")
  with pytest.raises(InputError) as found, named_if_damaged("run/volumes.csv", "organ volumes"):
    raise told
  assert found.value is told
