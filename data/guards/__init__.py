"""Whether scan and labels of a case can be right: sides, volumes, HU, and what way the patient lies."""
