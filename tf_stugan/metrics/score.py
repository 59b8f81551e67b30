"""A number that knows which way is better."""

LOWER, HIGHER = 'lower', 'higher'


class Score(float):
  """What a metric returns for each of its names; a plain number to everything else.

  Attributes:
    better: LOWER or HIGHER, or '' for what accompanies a score, such as its spread.
  """

  def __new__(cls, value: float, better: str = ''):
    score = super().__new__(cls, value)
    score.better = better
    return score


def is_better(value: float, than: float, better: str) -> bool:
  """Tells whether a value beats another one, by a direction as in `Score.better`."""
  return value < than if better == LOWER else value > than
