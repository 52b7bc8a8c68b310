"""Pictures of known windows come back as HU; what is black or missing is said."""

import numpy as np
import pytest

from data.formats.grid import FileGrid
from data.input_error import InputError
from data.reading import grey_pictures
from data.reading.grey_pictures import LANDMARKS, is_grey_picture, parse_how, summary_line, to_hu
from data.reading.volumes import Volume
from data.synthetic.phantom_ct import draw_case

PIXEL_MM = 3.0


def volume(array):
  grid = FileGrid(array.shape[::-1], np.diag([-PIXEL_MM, -PIXEL_MM, 10.0, 1.0]))
  return Volume(array.astype(np.float32), grid.canonical_affine, grid, "picture.nii.gz")


@pytest.fixture(scope="module", params=[1, 3])
def hu(request):
  """Slices of a phantom patient, y to the back."""
  return draw_case(request.param, "partial", 0, 128).image_hu[::9, ::-1, ::-1].astype(np.float32)


def picture_of(hu, low, high):
  return volume(np.rint(np.clip((hu - low) / (high - low), 0, 1) * 255))


def mean_error(hu, found, least, most):
  """HU that come back too high, on average over the voxels of so many HU."""
  return float(np.mean((found - hu)[(hu > least) & (hu < most)]))


@pytest.mark.parametrize("window", [(-160, 240), (-200, 250), (-1000, 1000)])
def test_where_fat_is_seen_the_window_comes_back(hu, window):
  found, matched = to_hu(picture_of(hu, *window), LANDMARKS)
  assert matched.landmarks.fat is not None and matched.landmarks.muscle is not None
  for tissue in ((-115, -85), (40, 70), (90, 130)):
    assert abs(mean_error(hu, found.array, *tissue)) < 20, tissue


@pytest.mark.parametrize("window", [(-40, 160), (-17, 201), (0, 200), (0, 255), (0, 300)])
def test_where_fat_is_black_soft_tissue_comes_back_and_black_is_fat_or_air(hu, window):
  found, matched = to_hu(picture_of(hu, *window), LANDMARKS)
  assert matched.landmarks.fat is None and matched.landmarks.muscle is not None
  assert abs(mean_error(hu, found.array, 40, 70)) < 15
  assert abs(mean_error(hu, found.array, 90, 130)) < 30
  inner_fat = hu[:, 40:-40, 40:-40] < -80
  assert set(np.unique(found.array[:, 40:-40, 40:-40][inner_fat])) <= {-100.0, -1000.0}
  assert (found.array[:, :3] == -1000).all()


def test_a_window_that_is_known_gives_its_hu(hu):
  found, matched = to_hu(picture_of(hu, -160, 240), (-160.0, 240.0))
  inside = (hu > -150) & (hu < 230)
  assert matched.landmarks is None and np.abs(found.array - hu)[inside].max() <= 400 / 255 / 2 + 1e-3


def test_without_muscle_soft_tissue_has_to_do_and_without_both_it_is_refused():
  picture = np.zeros((1, 80, 80))
  picture[:, 20:50, 20:60] = 120 + np.random.default_rng(0).normal(0, 5, (1, 30, 40))
  landmarks = grey_pictures.Landmarks(None, None, 120.5, 0.0)
  assert grey_pictures.window_of(landmarks, "a.nii")[0] == pytest.approx(70 - (1.15 - 0.0033 * 120.5) * 120.5)
  with pytest.raises(InputError, match=r"a.nii: no muscle .*--grey_pictures=LOW,HIGH") as error:
    grey_pictures.window_of(grey_pictures.Landmarks(None, None, None, 0.0), "a.nii")
  assert len(str(error.value)) <= 300
  with pytest.raises(InputError, match="no muscle"):
    to_hu(volume(np.zeros((2, 40, 40))), LANDMARKS)


def test_what_is_a_picture(hu):
  assert is_grey_picture(picture_of(hu, 0, 255))
  assert not is_grey_picture(volume(hu))
  assert not is_grey_picture(volume(np.tile(np.arange(14.0), (2, 9, 1))))  # a label map
  assert not is_grey_picture(volume(picture_of(hu, 0, 255).array / 255))


@pytest.mark.parametrize(
  "text, how", [("", None), (None, None), ("landmarks", LANDMARKS), ("0,255", (0, 255))]
)
def test_the_flag(text, how):
  assert parse_how(text) == how


@pytest.mark.parametrize("text", ["fat", "0", "255,0", "0,255,3", "nan,3", "-3000,0"])
def test_a_flag_that_is_none(text):
  with pytest.raises(ValueError, match=f"^{text}: "):
    parse_how(text)


def test_one_line_of_all_pictures():
  by_landmarks = [
    {"window_hu": [0, 250], "muscle": 50.5, "fat": None, "bone": 0.1},
    {"window_hu": [10, 270], "muscle": None, "fat": 3.5, "bone": 0.0},
  ]
  line = summary_line(by_landmarks)
  assert "2 pictures" in line and "muscle found in 1, fat in 1" in line and "5 to 260 HU" in line
  assert summary_line([{"window_hu": [0, 255]}]).endswith("from the window 0 to 255 HU, as given")
