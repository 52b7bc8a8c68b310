"""Small volumes and files of them, and what a refusal looks like; for the tests of this room."""

import itertools

import nibabel as nib
import numpy as np
import pytest

from data.input_error import InputError
from data.reading import volumes

# Canonical: x to Left and y to Posterior, both negative in RAS; no two extents or spacings alike.
RAMP = np.arange(5 * 4 * 3, dtype=np.int16).reshape(5, 4, 3)  # [z, y, x]
CANONICAL_AFFINE = np.array([[-0.5, 0, 0, 40], [0, -0.75, 0, -30], [0, 0, 2, 100], [0, 0, 0, 1]])
ORIENTATIONS = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))
MOST_CHARACTERS = 300


def stored_as(axes, signs, canonical=RAMP, affine=CANONICAL_AFFINE):
  """(array [i, j, k], affine) of a file whose axis n is canonical axis axes[n], in direction signs[n]."""
  stored = canonical.T.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
  own = np.eye(4)
  first = np.zeros(3)
  for n, (axis, sign) in enumerate(zip(axes, signs)):
    own[:3, n] = sign * affine[:3, axis]
    first[axis] = 0 if sign > 0 else stored.shape[n] - 1
  own[:3, 3] = affine[:3, :3] @ first + affine[:3, 3]
  return stored, own


def save(path, stored, affine, unit="mm", **fields):
  image = nib.Nifti1Image(stored, affine)
  image.set_qform(affine, 1)
  image.header.set_xyzt_units(unit)
  for name, value in fields.items():
    image.header[name] = value
  nib.save(image, path)
  return str(path)


def ramp_file(folder, **fields):
  return save(folder / "ramp.nii.gz", RAMP.T, CANONICAL_AFFINE, **fields)


def patch_bytes(path, offset, fresh):
  """Overwrites bytes of an uncompressed file: nibabel would not write such a header."""
  with open(path, "r+b") as file:
    file.seek(offset)
    file.write(fresh)


def refused(path, *words, read=volumes.read_image):
  with pytest.raises(InputError) as caught:
    read(path)
  message = str(caught.value)
  assert "\n" not in message and message.startswith(f"{path}: "), message
  for word in words:
    assert word in message, message


def outcome(path, read=volumes.read_image):
  """ "read" or the line; any other exception is the test's failure."""
  try:
    read(path)
  except InputError as error:
    message = str(error)
    assert "\n" not in message and len(message) - len(str(path)) <= MOST_CHARACTERS - 40, message
    return message
  return "read"


def mutated(content, rng):
  """The content with a few bytes set, cut out or put in."""
  content = bytearray(content)
  for _ in range(int(rng.integers(1, 5))):
    at = int(rng.integers(len(content)))
    kind = rng.integers(4)
    if kind == 0:
      content[at] = int(rng.integers(256))
    elif kind == 1:
      content[at] ^= 1 << int(rng.integers(8))
    elif kind == 2:
      del content[at : at + int(rng.integers(1, 5))]
    else:
      content[at:at] = rng.integers(256, size=int(rng.integers(1, 5)), dtype=np.uint8).tobytes()
  return bytes(content)
