"""Images and label maps of two folders, found and paired by their names."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable, Sequence

from data.dicom.folder import SKIPPED_NAMES, looks_like_dicom
from data.dicom.folder import SUFFIXES as DICOM
from data.input_error import InputError
from data.listed import listed
from data.reading.volumes import SUFFIXES, case_id
from data.whole_file import AnyPath

_FILES = tuple(suffix for suffix in SUFFIXES if suffix not in DICOM)
# Words that say what a file is and not whose.
_KINDS = frozenset(
  {"img", "image", "images", "ct", "cta", "scan", "volume", "vol", "orig", "original"}
  | {"label", "labels", "lbl", "seg", "segmentation", "mask", "masks", "gt", "groundtruth", "truth", "manual"}
)


def volumes_in(folder: AnyPath) -> list[pathlib.Path]:
  """Image files and folders of DICOM files, at any depth, sorted; hidden ones are passed over.

  Raises:
    InputError: If there is no such folder, or nothing of that kind in it.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(f"{folder}: is no folder; name the one that holds the files.")
  found = []
  for here, folders, names in os.walk(folder, followlinks=True):
    folders[:] = sorted(name for name in folders if not _is_skipped(name))
    files = [pathlib.Path(here, name) for name in sorted(names) if not _is_skipped(name)]
    images = [path for path in files if path.name.lower().endswith(_FILES)]
    # An Analyze pair is one volume.
    found += [
      path for path in images if path.suffix.lower() != ".img" or path.with_suffix(".hdr") not in files
    ]
    if not images and any(path.is_file() and looks_like_dicom(str(path)) for path in files):
      found.append(pathlib.Path(here))
  if not found:
    raise InputError(
      f"{folder}: holds no image files ({', '.join(_FILES)}) and no DICOM folders; name the folder that does."
    )
  return sorted(found)


def pair(
  images_dir: AnyPath, images: Sequence[pathlib.Path], labels_dir: AnyPath, labels: Sequence[pathlib.Path]
) -> dict[pathlib.Path, pathlib.Path | None]:
  """{image: its label map, or None}.

  They are paired by the first of these by which each label finds one image of its own: the path, the name,
  the name without words like "img" and "label", its numbers, its folder.

  Raises:
    InputError: If none does, naming labels that find no image, or several.
  """
  best: list[pathlib.Path] | None = None
  for key in _KEYS:
    of_key: dict[str, list[pathlib.Path]] = {}
    for image in images:
      of_key.setdefault(key(image, pathlib.Path(images_dir)), []).append(image)
    keys = [key(label, pathlib.Path(labels_dir)) for label in labels]
    alone = [
      label
      for label, own in zip(labels, keys)
      if own and keys.count(own) == 1 and len(of_key.get(own, ())) == 1
    ]
    if len(alone) == len(labels):
      paired: dict[pathlib.Path, pathlib.Path | None] = dict.fromkeys(images)
      paired.update({of_key[own][0]: label for label, own in zip(labels, keys)})
      return paired
    lost = [label for label in labels if label not in alone]
    if best is None or len(lost) < len(best):
      best = lost
  names = listed((path.name for path in best or ()), 3)
  raise InputError(
    f"{labels_dir}: of {len(labels)} label maps {len(best or ())} find no image of their own in {images_dir} "
    f"by name or number ({names}); give both the same name, or move what does not belong there."
  )


def name_of(image: pathlib.Path) -> str:
  """The name of a case: the image's, without the ending and nnU-Net's _0000."""
  return _stem(image).removesuffix("_0000") or _stem(image)


def _stem(path: pathlib.Path) -> str:
  return re.sub(r"(?i)\.seg$", "", case_id(path))


def _whole_path(path: pathlib.Path, folder: pathlib.Path) -> str:
  return str(path.relative_to(folder).with_name(_stem(path))) if path != folder else ""


def _name(path: pathlib.Path, _: pathlib.Path) -> str:
  return name_of(path)


def _words(path: pathlib.Path, _: pathlib.Path) -> str:
  return "_".join(word for word in re.findall(r"[a-z]+|\d+", name_of(path).lower()) if word not in _KINDS)


def _numbers(path: pathlib.Path, _: pathlib.Path) -> str:
  return "_".join(str(int(number)) for number in re.findall(r"\d+", name_of(path)))


def _parent(path: pathlib.Path, folder: pathlib.Path) -> str:
  return str(path.parent.relative_to(folder)) if path.parent != folder and path != folder else ""


_KEYS: tuple[Callable[[pathlib.Path, pathlib.Path], str], ...] = (
  _whole_path,
  _name,
  _words,
  _numbers,
  _parent,
)


def _is_skipped(name: str) -> bool:
  return name.startswith(".") or name.lower() in SKIPPED_NAMES or name == "__MACOSX"
