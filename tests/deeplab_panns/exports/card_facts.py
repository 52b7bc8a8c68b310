"""Facts of a run that was never trained, for the tests of exports."""

FACTS = {
  "format": 1,
  "version": "0.1.0",
  "organs": ["spleen", "liver"],
  "window_hu": [-125.0, 275.0],
  "spacing_mm": [None, 1.5, 1.5],
  "view": "axial",
  "slices_per_input": 1,
  "scans": {
    "spacing_mm": [[1.0, 0.5, 0.5], [5.0, 0.9, 0.9]],
    "extent_mm": [[200, 300, 300], [600, 450, 450]],
  },
  "training": {
    "step": 70,
    "settings": {
      "network": "deeplab_v3",
      "backbone": "resnet50",
      "supervision": "panns",
      "stage1_steps": 40,
      "stage2_steps": 30,
      "seed": 3,
    },
    "fingerprint": "abc",
    "cases": {
      "labelled": 4,
      "partial": 9,
      "validation": 2,
      "test": 5,
      "annotated": {"spleen": 13, "liver": 4},
    },
  },
  "scores": {
    "split": "val",
    "cases": 2,
    "mean_dice": 0.81234,
    "organs": {
      "spleen": {"dice": 0.9, "sd": 0.05, "n": 2},
      "liver": {"dice": 0.72468, "sd": None, "n": 1},
    },
    "chose_checkpoint": True,
  },
  "intended_use": "Research.",
}
