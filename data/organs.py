"""Organ lists. The list in force belongs to the manifest and the store, never to the code."""

BACKGROUND = "background"
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


def tag(organ: str) -> str:
  """The organ's name in TensorBoard tags and file names: spaces become underscores."""
  return organ.replace(" ", "_")
