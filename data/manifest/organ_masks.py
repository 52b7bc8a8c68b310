"""Label files of one organ each, named after it: p1/liver.nii.gz, liver/p1.nii.gz, p1_liver.nii.gz.

What an organ is called is read from the files, word by word, and never guessed.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from data.manifest.paired import first_folder, name_of
from data.whole_file import AnyPath

OrganMasks = dict[pathlib.Path, dict[str, pathlib.Path]]
"""{image: {organ: its mask}}."""


def organ_masks(
  images_dir: AnyPath, images: Sequence[pathlib.Path], labels_dir: AnyPath, labels: Sequence[pathlib.Path]
) -> OrganMasks | None:
  """The masks of each image by organ; None where the files' names do not say both, or not clearly.

  Every label file must be of one image and one organ, no two of the same. There must be two organs at least,
  or the word may say anything, and they must come back: fewer than files, unless all are of one image.
  """
  of_name: dict[str, list[pathlib.Path]] = {}
  for image in images:
    for name in {name_of(image), first_folder(image, pathlib.Path(images_dir))} - {""}:
      of_name.setdefault(name, []).append(image)
  names = {name: found[0] for name, found in of_name.items() if len(found) == 1}
  for way in _WAYS:
    found: OrganMasks = {}
    for label in labels:
      readings = [(names[name], organ) for name, organ in way(label, pathlib.Path(labels_dir), names)]
      if len(set(readings)) != 1 or readings[0][1] in found.get(readings[0][0], {}):
        break
      found.setdefault(readings[0][0], {})[readings[0][1]] = label
    else:
      organs = {organ for masks in found.values() for organ in masks}
      if len(organs) > 1 and (len(organs) < len(labels) or len(found) == 1):
        return {image: found[image] for image in images if image in found}
  return None


def _in_folder_of_case(
  label: pathlib.Path, folder: pathlib.Path, names: Mapping[str, pathlib.Path]
) -> Iterator[tuple[str, str]]:
  if first_folder(label, folder) in names:
    yield first_folder(label, folder), name_of(label)


def _in_folder_of_organ(
  label: pathlib.Path, folder: pathlib.Path, names: Mapping[str, pathlib.Path]
) -> Iterator[tuple[str, str]]:
  if label.parent != folder and name_of(label) in names:
    yield name_of(label), label.parent.name


def _behind_the_name(
  label: pathlib.Path, _: pathlib.Path, names: Mapping[str, pathlib.Path]
) -> Iterator[tuple[str, str]]:
  for name in names:
    match = re.fullmatch(rf"{re.escape(name)}[_.-](.*[^\W\d_].*)", name_of(label))
    if match:
      yield name, match[1]


_WAYS: tuple[Callable[..., Iterator[tuple[str, str]]], ...] = (
  _in_folder_of_case,
  _in_folder_of_organ,
  _behind_the_name,
)
