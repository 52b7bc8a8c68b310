"""Which part of every global batch is drawn here, where several replicas or hosts train together."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Share:
  """The part of `count` neighbouring replicas, from number `first` on, of `replicas`; all of it by default.

  A replica's examples lie side by side in the global batch, replica 0's in front, so that an example's number
  and so its content do not depend on how many replicas there are, and no host reads what others train on.

  Raises:
    ValueError: If there are no such replicas.
  """

  replicas: int = 1
  first: int = 0
  count: int = 1

  def __post_init__(self) -> None:
    if not (self.first >= 0 and self.count >= 1 and self.first + self.count <= self.replicas):
      raise ValueError(
        f"received {self}; replicas {self.first} to {self.first + self.count - 1} do not exist."
      )

  def of(self, size: int) -> int:
    """How many of `size` examples of the global batch a replica has.

    Raises:
      ValueError: If they cannot be dealt evenly.
    """
    if size % self.replicas:
      raise ValueError(
        f"received {size} examples for {self.replicas} replicas; a multiple can be dealt evenly."
      )
    return size // self.replicas
