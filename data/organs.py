"""Organ lists. The list in force belongs to the manifest and the store, never to the code."""

import re
import unicodedata

BACKGROUND = "background"
NO_ORGANS = (BACKGROUND, "ignore")  # what a label value may stand for that is no organ
IGNORE = 255  # label value of pixels that count nowhere: neither in a loss nor in a share

BTCV_ORGANS = (
  "spleen",
  "right kidney",
  "left kidney",
  "gallbladder",
  "esophagus",
  "liver",
  "stomach",
  "aorta",
  "inferior vena cava",
  "portal and splenic vein",
  "pancreas",
  "right adrenal gland",
  "left adrenal gland",
)


MOST_CHARACTERS = 100
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control, half of a pair, ends of lines


def is_organ_name(value: object) -> bool:
  """Whether a value can name an organ: text of one line, of at most 100 characters, that is not blank."""
  return (
    isinstance(value, str)
    and 0 < len(value.strip()) <= len(value) <= MOST_CHARACTERS
    and not any(unicodedata.category(character) in _UNPRINTABLE for character in value)
  )


_SIDES = {"right": "right", "r": "right", "rt": "right", "left": "left", "l": "left", "lt": "left"}


# Other names of the 13, as data sets have them.
SYNONYMS = {
  "gall bladder": "gallbladder",
  "oesophagus": "esophagus",
  "arota": "aorta",  # in AMOS's own dataset.json
  "postcava": "inferior vena cava",
  "ivc": "inferior vena cava",
  "portal vein and splenic vein": "portal and splenic vein",
  "right adrenal": "right adrenal gland",
  "left adrenal": "left adrenal gland",
}


def plain_name(organ: str) -> str:
  """The name in small letters and single spaces, a side in front, and of SYNONYMS the default one:
  "kidney_right", "Kidney (R)" and "right-kidney" are all "right kidney"."""
  words = re.sub(r"[\W_]+", " ", organ.lower()).split()
  for place in (0, -1) if len(words) > 1 else ():
    side = _SIDES.get(words[place])
    if side:
      del words[place]
      words = [side, *words]
      break
  name = " ".join(words)
  return SYNONYMS.get(name, name)


def tag(organ: str) -> str:
  """The organ's name in TensorBoard tags and file names: spaces become underscores, and what would lead to
  another folder, or hide a file, does too."""
  name = re.sub(r"[ /\\]", "_", organ)
  return f"_{name[1:]}" if name.startswith(".") else name
