"""Images and label maps of two folders, found and paired by their names."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import unicodedata
from collections.abc import Callable, Sequence

from data.dicom.folder import SKIPPED_NAMES, looks_like_dicom
from data.dicom.folder import SUFFIXES as DICOM
from data.formats.volume_files import volume_files
from data.input_error import InputError
from data.listed import listed
from data.reading.volumes import SUFFIXES, case_id
from data.whole_file import AnyPath

_FILES = tuple(suffix for suffix in SUFFIXES if suffix not in DICOM)
# Texts and tables, and the voxels that a header of another file names.
_BESIDE = frozenset(
  {".json", ".csv", ".tsv", ".txt", ".md", ".pdf", ".xml", ".html", ".log", ".xlsx", ".yaml", ".yml"}
  | {".raw", ".zraw", ".img", ".hdr"}
)
# Words that say what a file is and not whose.
_KINDS = frozenset(
  {"img", "image", "images", "ct", "cta", "scan", "volume", "vol", "orig", "original"}
  | {"label", "labels", "lbl", "seg", "segmentation", "mask", "masks", "gt", "groundtruth", "truth", "manual"}
)


@dataclasses.dataclass(frozen=True)
class Found:
  """What a folder holds.

  Attributes:
    volumes: image files and folders of slices, sorted.
    others: files of kinds that are not read here, without texts and tables.
  """

  volumes: list[pathlib.Path]
  others: list[pathlib.Path]


@dataclasses.dataclass(frozen=True)
class Pairs:
  """Images with their label maps.

  Attributes:
    label_of: {image: its label map, or None}.
    by_numbers: they have no more in common than the numbers in their names.
  """

  label_of: dict[pathlib.Path, pathlib.Path | None]
  by_numbers: bool


def volumes_in(folder: AnyPath, without: AnyPath | None = None, pictures: bool = False) -> Found:
  """Image files and folders of DICOM files, at any depth; hidden ones are passed over.

  Args:
    without: a folder below it that is not looked into.
    pictures: folders of PNG files count too: label maps may be such.
  Raises:
    InputError: If there is no such folder, or nothing of that kind in it.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(f"{folder}: is no folder; name the one that holds the files.")
  out = None if without is None else os.path.realpath(without)
  found, others = [], []
  seen = {os.path.realpath(folder), out}  # links may lead back, or to one folder twice
  for here, folders, names in os.walk(folder, followlinks=True):
    names_here = sorted((name for name in folders if not _is_skipped(name)), reverse=True)
    links = [name for name in names_here if os.path.islink(os.path.join(here, name))]
    # of a folder and links to it the folder, which comes last; else the first by name
    ordered = [*links, *(name for name in names_here if name not in links)]
    wanted = {os.path.realpath(os.path.join(here, name)): name for name in ordered}
    folders[:] = sorted(name for real, name in wanted.items() if real not in seen)
    seen |= wanted.keys()
    files = [pathlib.Path(here, name) for name in sorted(names) if not _is_skipped(name)]
    images = [path for path in files if path.name.lower().endswith(_FILES)]
    # A pair is one volume: the header of its files, which are in order of their names.
    found += [path for path in images if path == volume_files(path)[0] or not _is_voxels(path)]
    slices = {path for path in files if not images and path.is_file() and looks_like_dicom(str(path))}
    if pictures and not images and not slices:
      slices = {path for path in files if path.suffix.lower() == ".png"}
    found += [pathlib.Path(here)] if slices else []
    others += [path for path in set(files) - set(images) - slices if path.suffix.lower() not in _BESIDE]
  if not found:
    raise InputError(
      f"{folder}: holds no image files ({', '.join(_FILES)}) and no DICOM folders; name the folder that does."
    )
  return Found(sorted(found), sorted(others))


def pair(
  images_dir: AnyPath, images: Sequence[pathlib.Path], labels_dir: AnyPath, labels: Sequence[pathlib.Path]
) -> Pairs:
  """Pairs images and label maps.

  They are paired by the first of these by which each label finds one image of its own: the path, the name,
  the name without words like "img" and "label", the folders, the numbers in the name.

  Raises:
    InputError: If none does, naming labels that find no image, or several.
  """
  folders = pathlib.Path(images_dir), pathlib.Path(labels_dir)
  _require_one_channel(images, labels)
  best: dict[pathlib.Path, list[pathlib.Path]] | None = None
  for of_image, of_label in _KEYS:
    of_key: dict[str, list[pathlib.Path]] = {}
    for image in images:
      of_key.setdefault(of_image(image, folders[0]), []).append(image)
    keys = [of_label(label, folders[1]) for label in labels]
    fitting = [of_key.get(own, []) if own else [] for own in keys]
    lost = {
      label: fits for label, own, fits in zip(labels, keys, fitting) if len(fits) != 1 or keys.count(own) > 1
    }
    if not lost:
      label_of: dict[pathlib.Path, pathlib.Path | None] = dict.fromkeys(images)
      label_of.update({fits[0]: label for label, fits in zip(labels, fitting)})
      return Pairs(label_of, of_label is _numbers)
    if best is None or (len(lost), not any(lost.values())) < (len(best), not any(best.values())):
      best = lost
  names = listed((_with_fitting(label, fits) for label, fits in (best or {}).items()), 3)
  raise InputError(
    f"{labels_dir}: of {len(labels)} label maps {len(best or ())} find no image of their own in {images_dir} "
    f"by name or number ({names}); give both the same name, or move what does not belong there."
  )


def _with_fitting(label: pathlib.Path, fits: Sequence[pathlib.Path]) -> str:
  return label.name + (f", which {listed(fit.name for fit in fits)} fit" if len(fits) > 1 else "")


def _require_one_channel(images: Sequence[pathlib.Path], labels: Sequence[pathlib.Path]) -> None:
  """nnU-Net has the channels of a case in x_0000 and x_0001; which of them is the CT it says elsewhere."""
  stems = {_stem(image) for image in images}
  others = [stem for stem in sorted(stems) if (base := _base(stem)) and stem != f"{base}_0000"]
  for label in labels:
    of_case = [stem for stem in others if _base(stem) == _stem(label) and f"{_base(stem)}_0000" in stems]
    if of_case and _stem(label) not in stems:
      raise InputError(
        f"{label}: has the images {_stem(label)}_0000 and {listed(of_case)}, channels of nnU-Net: keep those "
        "of the CT alone in the folder, or prepare the data set by --layout=nnunet_raw."
      )


def _base(stem: str) -> str:
  match = re.fullmatch(r"(.+)_\d{4}", stem)
  return match[1] if match else ""


def name_of(image: pathlib.Path) -> str:
  """The name of a case: the image's, without the ending and nnU-Net's _0000."""
  return _stem(image).removesuffix("_0000") or _stem(image)


def first_folder(path: pathlib.Path, folder: pathlib.Path) -> str:
  """The first folder below `folder` on the way to a file in it, "" where there is none between."""
  parts = path.relative_to(folder).parts[:-1]
  return unicodedata.normalize("NFC", parts[0]) if parts else ""


def _stem(path: pathlib.Path) -> str:
  """Accents are written in two ways, and look the same."""
  return unicodedata.normalize("NFC", re.sub(r"(?i)\.seg$", "", case_id(path)))


def _whole_path(path: pathlib.Path, folder: pathlib.Path) -> str:
  return str(path.relative_to(folder).with_name(_stem(path))) if path != folder else ""


def _name(path: pathlib.Path, _: pathlib.Path) -> str:
  return name_of(path)


def _words(path: pathlib.Path, _: pathlib.Path) -> str:
  return "_".join(
    word for word in re.findall(r"[^\W\d_]+|\d+", name_of(path).casefold()) if word not in _KINDS
  )


def _numbers(path: pathlib.Path, _: pathlib.Path) -> str:
  return "_".join(str(int(number)) for number in re.findall(r"\d+", name_of(path)))


def _parent(path: pathlib.Path, folder: pathlib.Path) -> str:
  return str(path.parent.relative_to(folder)) if path.parent != folder and path != folder else ""


_Key = Callable[[pathlib.Path, pathlib.Path], str]
_KEYS: tuple[tuple[_Key, _Key], ...] = (  # of the image and of the label map
  (_whole_path, _whole_path),
  (_name, _name),
  (_words, _words),
  (first_folder, _name),
  (_name, first_folder),
  (_parent, _parent),
  (first_folder, first_folder),
  (_numbers, _numbers),
)


def _is_voxels(path: pathlib.Path) -> bool:
  return re.search(r"\.img(\.gz)?$", path.name, re.IGNORECASE) is not None


def _is_skipped(name: str) -> bool:
  return name.startswith(".") or name.lower() in SKIPPED_NAMES or name == "__MACOSX"
