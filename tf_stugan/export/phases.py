"""Convolutions as sparse products and shifts, on images that are kept apart in phases.

An image of [n h, n w, C] has n x n phases of [h, w, C]: phase (a, b) holds the pixels (n i + a, n j + b). A convolution is
a sum of terms, one for each tap and each phase of the result,

    result_ab[i, j] += kernel[tap] . source[i + shift_y, j + shift_x],

and a nearest upsampling before it only means that several phases of the result see the same phase of the source. The
products are 1 x 1 convolutions, which a runtime can do sparsely; the shifts are depthwise convolutions with one tap. Only
the phases at the edges are shifted: the more phases, the fewer shifts. Nothing is computed twice.

Columns and rows are apart: first a *lane* sums what one row of the kernel adds up to in one column of phases; then the rows
of phases sum the lanes of the kernel's three rows.
"""

import itertools
from typing import NamedTuple

import numpy as np

# What a value takes, in multiply-adds of the sparse product, as measured in WebAssembly (docs/edge.md).
_SHIFT_COST = 14
_ADD_COST = 2
_PRODUCT_COST = 3

Offset = tuple[int, int]  # rows, columns
NO_SHIFT = (0, 0)


class Term(NamedTuple):
  """Along one direction: target[i] += tap . source[i + shift]."""

  tap: int
  source: int
  shift: int
  target: int


class Product(NamedTuple):
  """kernel[1 + tap] . source, with the columns of the source shifted first."""

  tap: Offset
  source: Offset
  before: int


class Lane(NamedTuple):
  """What one row of the kernel makes of one row of phases of the source, for one column of phases of the result."""

  tap: int
  source: int
  target: int


class Plan(NamedTuple):
  """In which order to compute a convolution.

  Attributes:
    products: what to compute, without duplicates.
    lanes: for each lane, the products to be summed, and by how many columns each is shifted before.
    targets: for each phase of the result, the lanes to be summed, and by how many rows each is shifted before.
  """

  products: list[Product]
  lanes: dict[Lane, list[tuple[Product, int]]]
  targets: dict[Offset, list[tuple[Lane, int]]]

  def shifts(self) -> tuple[int, int]:
    """Counts how many maps are shifted before a product, and how many after one."""
    before = {(p.source, p.before) for p in self.products if p.before}
    return len(before), sum(shift != 0 for parts in (*self.lanes.values(), *self.targets.values()) for _, shift in parts)

  def additions(self) -> int:
    """Counts how often two maps are added."""
    return sum(len(parts) - 1 for parts in (*self.lanes.values(), *self.targets.values()))

  def cost(self, kernel: np.ndarray) -> int:
    """Counts what a pixel of the phases takes, in multiply-adds of a sparse product."""
    nonzeros = np.count_nonzero(kernel, axis=(2, 3))
    before, after = self.shifts()
    output = _PRODUCT_COST * len(self.products) + _ADD_COST * self.additions() + _SHIFT_COST * after
    shifts_before = _SHIFT_COST * before * kernel.shape[2]
    return int(sum(nonzeros[1 + y, 1 + x] for (y, x), _, _ in self.products)) + output * kernel.shape[3] + shifts_before


def terms(source_phases: int, target_phases: int, reach: int = 1) -> list[Term]:
  """Lists the terms of a convolution with taps from -reach to reach; twice as many target phases: after an upsampling."""
  result = []
  for target, tap in itertools.product(range(target_phases), range(-reach, reach + 1)):
    shift, source = divmod((target + tap) * source_phases // target_phases, source_phases)
    result.append(Term(tap, source, shift, target))
  return result


def plan(kernel: np.ndarray, source_phases: int, target_phases: int, columns_first: bool) -> Plan:
  """Plans a 3 x 3 convolution [3, 3, C_in, C_out]; taps without weights have no product, but for the middle one.

  Args:
    kernel: the weights.
    source_phases, target_phases: how many phases a direction.
    columns_first: shift columns before the products instead of after them. Rows are shifted after them.
  """
  taps = {tap for tap in itertools.product((-1, 0, 1), repeat=2)
          if tap == NO_SHIFT or kernel[1 + tap[0], 1 + tap[1]].any()}
  direction, lanes, targets = terms(source_phases, target_phases), {}, {}
  for row, column in itertools.product(direction, repeat=2):
    tap, source = (row.tap, column.tap), (row.source, column.source)
    if tap not in taps:
      continue
    lane = Lane(row.tap, row.source, column.target)
    before, after = (column.shift, 0) if columns_first else (0, column.shift)
    lanes.setdefault(lane, {})[Product(tap, source, before), after] = None
    targets.setdefault((row.target, column.target), {})[lane, row.shift] = None
  return Plan(list(dict.fromkeys(product for parts in lanes.values() for product, _ in parts)),
              {lane: list(parts) for lane, parts in lanes.items()},
              {target: list(parts) for target, parts in targets.items()})


def cheapest_plan(kernel: np.ndarray, source_phases: int, target_phases: int) -> Plan:
  """Returns the plan that takes the least: few outputs are best shifted late, few weights multiplied twice."""
  plans = (plan(kernel, source_phases, target_phases, early) for early in (True, False))
  return min(plans, key=lambda p: p.cost(kernel))
