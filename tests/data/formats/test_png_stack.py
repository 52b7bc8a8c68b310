"""PNG slices as a label map: order by number, one value a pixel."""

import numpy as np
import pytest
from PIL import Image

from data.formats.png_stack import by_name, is_png_stack, read_png_stack
from data.input_error import InputError

RAMP = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def write(folder, name, array, mode=None):
  folder.mkdir(exist_ok=True)
  picture = Image.fromarray(array)
  (picture.convert(mode) if mode else picture).save(folder / name)


def test_slices_are_ordered_as_people_count(tmp_path):
  for number, array in zip((2, 10, 1), RAMP):
    write(tmp_path, f"s_{number}.png", array)
  (tmp_path / "._s_1.png").write_bytes(b"of macOS")
  np.testing.assert_array_equal(read_png_stack(tmp_path), RAMP[[2, 0, 1]])
  assert is_png_stack(tmp_path) and not is_png_stack(tmp_path / "s_1.png")
  assert sorted(["i0010,0000b", "i0002,0000b", "i0002,0000a"], key=by_name)[0] == "i0002,0000a"


@pytest.mark.parametrize("mode, white", [("1", 1), ("L", 255), ("P", 255)])
def test_white_of_one_bit_is_one(tmp_path, mode, white):
  mask = np.eye(4, dtype=np.uint8) * 255
  write(tmp_path, "a.png", mask, mode)
  np.testing.assert_array_equal(read_png_stack(tmp_path)[0] == white, mask > 0)


def test_sixteen_bits(tmp_path):
  write(tmp_path, "a.png", RAMP[0].astype(np.uint16) * 1000)
  np.testing.assert_array_equal(read_png_stack(tmp_path)[0], RAMP[0].astype(int) * 1000)


def test_what_is_no_stack_is_refused(tmp_path):
  with pytest.raises(InputError, match="no PNG"):
    read_png_stack(tmp_path)
  write(tmp_path, "a.png", RAMP[0])
  write(tmp_path, "b.png", RAMP[0][:, :3])
  with pytest.raises(InputError, match="4 x 3 pixels"):
    read_png_stack(tmp_path)
  write(tmp_path, "a.png", np.stack([RAMP[0]] * 3, axis=-1))
  with pytest.raises(InputError, match="mode RGB"):
    read_png_stack(tmp_path)
  (tmp_path / "a.png").write_bytes((tmp_path / "b.png").read_bytes()[:40])
  with pytest.raises(InputError, match="cannot be read"):
    read_png_stack(tmp_path)
