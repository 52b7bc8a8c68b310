"""Names of public data sets find their counterparts; what is not clear is refused."""

import unicodedata

import pytest

from data.input_error import InputError
from data.manifest.paired import name_of, pair, volumes_in


def files(folder, *names):
  for name in names:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
  return folder


def paired(tmp_path, images, labels):
  """{image's path: label's path or None}, relative to their folders."""
  folders = files(tmp_path / "i", *images), files(tmp_path / "l", *labels)
  found = pair(
    folders[0], volumes_in(folders[0]).volumes, folders[1], volumes_in(folders[1]).volumes
  ).label_of
  return {
    str(image.relative_to(folders[0])): label and str(label.relative_to(folders[1]))
    for image, label in found.items()
  }


@pytest.mark.parametrize(
  "image, label",
  [
    ("spleen_{}.nii.gz", "spleen_{}.nii.gz"),
    ("img00{}.nii.gz", "label00{}.nii.gz"),
    ("volume-{}.nii", "segmentation-{}.nii"),
    ("FLARE22_Tr_00{}_0000.nii.gz", "FLARE22_Tr_00{}.nii.gz"),
    ("liver-orig0{}.mhd", "liver-seg0{}.mhd"),
    ("{}/ct.nii.gz", "{}/liver.nii.gz"),
    ("patient{}.nrrd", "patient{}.seg.nrrd"),
    ("a{}_portal_ct.nii.gz", "{}-reader.nii.gz"),
    ("p{}/series/1.dcm", "p{}.nii.gz"),
    ("p{}.nii.gz", "p{}/labels.nii.gz"),
  ],
)
def test_names_of_public_data_sets(tmp_path, image, label):
  numbers = ("02", "10", "11")
  found = paired(tmp_path, map(image.format, numbers), map(label.format, numbers[1:]))
  image = image.removesuffix("/1.dcm")
  assert found == {
    image.format(number): label.format(number) if number != "02" else None for number in numbers
  }


def test_a_case_zero_is_no_channel(tmp_path):
  assert paired(tmp_path, ["img0000.nii", "img0001.nii"], ["label0000.nii"]) == {
    "img0000.nii": "label0000.nii",
    "img0001.nii": None,
  }
  assert name_of(tmp_path / "a_0000.nii.gz") == "a" and name_of(tmp_path / "img0000.nii") == "img0000"


def test_a_label_without_an_image_is_named(tmp_path):
  with pytest.raises(InputError, match=r"of 2 label maps 1 find no image of their own .*\(c\.nii\)"):
    paired(tmp_path, ["a.nii", "b.nii"], ["a.nii", "c.nii"])


def test_two_channels_are_not_chosen_from(tmp_path):
  with pytest.raises(InputError, match=r"find no image of their own .*a_0000\.nii, a_0000\.nii fit"):
    paired(tmp_path, ["a_0000.nii", "x/a_0000.nii"], ["a.nii"])


def test_channels_of_nnunet(tmp_path):
  with pytest.raises(InputError, match="the images b_0000 and b_0001, channels of nnU-Net"):
    paired(tmp_path / "channels", ["b_0000.nii", "b_0001.nii"], ["b.nii"])
  assert paired(tmp_path / "cases", ["c_0000.nii", "c_0001.nii"], ["c_0000.nii"])


def test_accents_are_spelt_in_two_ways(tmp_path):
  composed, apart = (unicodedata.normalize(form, "Mü.nii") for form in ("NFC", "NFD"))
  assert composed != apart and paired(tmp_path, [composed], [apart]) == {composed: apart}


def test_pairs_by_numbers_alone_are_known_as_such(tmp_path):
  images, labels = (files(tmp_path / name, f"{name}_12.nii") for name in "ab")
  assert pair(images, volumes_in(images).volumes, labels, volumes_in(labels).volumes).by_numbers
  assert not pair(images, volumes_in(images).volumes, images, volumes_in(images).volumes).by_numbers


def test_a_folder_of_labels_within_that_of_the_images(tmp_path):
  files(tmp_path, "a.nii", "labels/a.nii", "b.tif", "readme.txt", "x.mhd", "x.raw", "png/1.png")
  found = volumes_in(tmp_path, without=tmp_path / "labels")
  assert [path.name for path in found.volumes] == ["a.nii", "x.mhd"]
  assert [path.name for path in found.others] == ["b.tif", "1.png"]
  assert [path.name for path in volumes_in(tmp_path / "png", pictures=True).volumes] == ["png"]


def test_what_is_in_a_folder(tmp_path):
  files(
    tmp_path,
    "a.hdr",
    "a.img",
    "b.img.gz",
    "._c.nii",
    "notes.txt",
    "series/1.dcm",
    "series/2.dcm",
    "d/e.mha",
    "d/e.raw",
  )
  assert [str(path.relative_to(tmp_path)) for path in volumes_in(tmp_path).volumes] == [
    "a.hdr",
    "b.img.gz",
    "d/e.mha",
    "series",
  ]
  with pytest.raises(InputError, match="is no folder"):
    volumes_in(tmp_path / "none")
  (tmp_path / "empty").mkdir()
  with pytest.raises(InputError, match="holds no image files"):
    volumes_in(tmp_path / "empty")


def test_names_in_other_letters_are_names(tmp_path):
  """Letters that are not a to z vanished, and the label of one patient went to another."""
  images, labels = ["张三_0.nii.gz", "李四_1.nii.gz"], ["李四_0_seg.nii.gz", "张三_1_seg.nii.gz"]
  folders = files(tmp_path / "i", *images), files(tmp_path / "l", *labels)
  found = pair(folders[0], volumes_in(folders[0]).volumes, folders[1], volumes_in(folders[1]).volumes)
  assert found.by_numbers  # which is told
  alike = paired(tmp_path / "b", ["Müller_1.nii.gz", "Möller_1.nii.gz"], ["Möller_1_seg.nii.gz"])
  assert alike == {"Möller_1.nii.gz": "Möller_1_seg.nii.gz", "Müller_1.nii.gz": None}


def test_links_that_lead_back_are_not_followed_twice(tmp_path):
  files(tmp_path, "a/x.nii.gz")
  (tmp_path / "a" / "self").symlink_to(".")
  (tmp_path / "a" / "up").symlink_to("..")
  for name in ("0", "b"):
    (tmp_path / name).symlink_to("a")
  assert volumes_in(tmp_path).volumes == [tmp_path / "a" / "x.nii.gz"]  # the folder, not a link to it


@pytest.mark.parametrize("endings", [(".hdr", ".img"), (".hdr.gz", ".img.gz"), (".HDR", ".IMG")])
def test_a_pair_of_header_and_voxels_is_one_volume(tmp_path, endings):
  files(tmp_path, *(f"a{ending}" for ending in endings), "b.img")
  assert [path.name for path in volumes_in(tmp_path).volumes] == [f"a{endings[0]}", "b.img"]
