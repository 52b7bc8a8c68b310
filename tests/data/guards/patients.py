"""Measures of a patient in whom everything is where it belongs, to be changed by tests."""

import dataclasses

from data.guards.measures import BodyMeasures, Measures, OrganMeasures

# (x, y, z) in RAS mm, mL and HU of an ordinary portal venous CT
PLACES = {
  "liver": ((70, 20, 40), 1500, 120),
  "spleen": ((-100, -20, 50), 220, 120),
  "right kidney": ((65, -40, -40), 150, 180),
  "left kidney": ((-60, -40, -30), 160, 180),
  "right adrenal gland": ((30, -20, 20), 4, 60),
  "left adrenal gland": ((-30, -20, 25), 5, 60),
  "pancreas": ((-10, 20, 0), 80, 100),
  "stomach": ((-60, 50, 30), 400, 40),
}
BODY = BodyMeasures((0.0, 0.0, 0.0), bone_mm=(0.0, -60.0, 0.0), lung_mm=(5.0, 0.0, 150.0))


def patient(*organs, absent=()):
  """Measures of the named organs, or of all."""
  found = {
    organ: OrganMeasures(float(ml), tuple(map(float, centre)), float(hu), 20.0, 0.0, cut=False)
    for organ, (centre, ml, hu) in PLACES.items()
    if not organs or organ in organs
  }
  return Measures(found, tuple(absent), BODY)


def with_organ(measures, organ, **changes):
  """The same with another measure of one organ."""
  changed = dataclasses.replace(measures.organs[organ], **changes)
  return dataclasses.replace(measures, organs={**measures.organs, organ: changed})


def mirrored(measures, axis):
  """The same patient with the world's axis 0, 1 or 2 (x, y, z) turned round."""

  def turn(point):
    return tuple(-value if index == axis else value for index, value in enumerate(point))

  organs = {
    organ: dataclasses.replace(one, centre_mm=turn(one.centre_mm)) for organ, one in measures.organs.items()
  }
  body = BodyMeasures(*map(turn, (measures.body.centre_mm, measures.body.bone_mm, measures.body.lung_mm)))
  return dataclasses.replace(measures, organs=organs, body=body)
