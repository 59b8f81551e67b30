"""A number that knows which way is better."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

LOWER, HIGHER = 'lower', 'higher'


class Curve(NamedTuple):
  """A line that scores were read off.

  Attributes:
    name: what it is called.
    points: the coordinates of its points, by what they are called; those of the horizontal axis first.
  """

  name: str
  points: Mapping[str, Sequence[float]]


class Score(float):
  """What a metric returns for each of its names; a plain number to everything else.

  Attributes:
    better: LOWER or HIGHER, or '' for what accompanies a score, such as its spread.
    conditions: what two such scores have to share beside the protocol of all scores, in words.
    curve: what it was read off, where there is something to draw.
  """

  def __new__(cls, value: float, better: str = '', conditions: str = '', curve: Curve | None = None):
    score = super().__new__(cls, value)
    score.better = better
    score.conditions = conditions
    score.curve = curve
    return score


def is_better(value: float, than: float, better: str) -> bool:
  """Tells whether a value beats another one, by a direction as in `Score.better`."""
  return value < than if better == LOWER else value > than
