"""Colours and marks of methods: a method looks the same in every figure of every report."""

from collections.abc import Mapping
from typing import NamedTuple

# Any two differ by more than 24 (CIE76) for normal sight and for the three kinds of dichromacy (Machado et al., 2009,
# https://doi.org/10.1109/TVCG.2009.113). Found by a search over sRGB in steps of 32; tests/reports/test_style.py measures.
COLOURS = ('#c06020', '#408080', '#8020c0', '#0000e0', '#c0c000', '#800080', '#806040', '#a0c0c0', '#402000', '#a080e0',
           '#e0a080', '#004040')
_METHODS = ('STU-GAN', 'static', 'ADAPT relaxed', 'ADAPT strict', 'SDST-RigL', 'SDST-SET', 'GMP', 'SNIP', 'GraSP', 'SynFlow',
            'prune and fine-tune', 'small dense')  # as gin_configs/methods calls them
# Those of gin_configs/procedures, each with the look of a method that is seldom drawn beside it.
_PROCEDURES = {
    'IMP_G': 'ADAPT relaxed', 'IMP_GD': 'ADAPT strict', 'OMP_G': 'SDST-RigL', 'OMP_GD': 'SDST-SET', 'RP': 'GMP',
    'RT': 'SNIP', 'IMP_GD^KD': 'GraSP', 'late rewinding': 'SynFlow', 'standard pruning': 'prune and fine-tune',
    'IMP_G^F': 'SDST-SET', 'IMP_GD^F': 'GraSP', 'ticket': 'GraSP', 'transfer': 'SDST-SET',
    'channel ticket': 'ADAPT strict', 'fine-tuned channels': 'SDST-SET', 'GS-32': 'GMP', 'random channels': 'GraSP'}
_KNOWN = {'dense': ('#000000', 'o'), **dict(zip(_METHODS, zip(COLOURS, 'sD^vP<>X*ph8', strict=True), strict=True))}
_KNOWN |= {procedure: _KNOWN[method] for procedure, method in _PROCEDURES.items()}
_LINES = ('-', '--', '-.', ':', (0, (6, 2, 1, 2, 1, 2)), (0, (1, 3)))


class Look(NamedTuple):
  """How something is drawn: its colour, the mark of a point, the kind of a line."""

  colour: str
  marker: str
  line: object


def looks(methods: Mapping[str, str]) -> dict[str, Look]:
  """Tells how each row is drawn, given its method: by method a colour and a mark, and within a method a line of its own.

  A method that is not of this library has a colour that none of the others here has, as long as there are any.
  """
  unknown = sorted(set(methods.values()) - set(_KNOWN))
  taken = {_KNOWN.get(method) for method in methods.values()}
  free = [_KNOWN[method] for method in _METHODS if _KNOWN[method] not in taken] or list(_KNOWN.values())
  drawn = _KNOWN | {method: free[i % len(free)] for i, method in enumerate(unknown)}
  seen, result = {}, {}
  for row, method in methods.items():
    seen[method] = seen.get(method, -1) + 1
    result[row] = Look(*drawn[method], _LINES[seen[method] % len(_LINES)])
  return result
