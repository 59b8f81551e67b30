"""Convolutions as sparse products and shifts, on images that are kept apart in phases.

An image of [2h, 2w, C] has four phases of [h, w, C]: phase (a, b) holds the pixels (2i + a, 2j + b). A convolution is a
sum of terms, one for each tap and each phase of the result,

    result_ab[i, j] += kernel[tap] . source[i + shift_y, j + shift_x],

and a nearest upsampling before it only means that all phases of the source are the same image. The products are 1 x 1
convolutions, which a runtime can do sparsely; the shifts are depthwise convolutions with one tap. Nothing is ever
interleaved, and nothing is computed twice.
"""

from collections import defaultdict
import itertools
from typing import NamedTuple

import numpy as np

SHIFT_TAPS = 9  # multiply-adds of a depthwise 3 x 3 convolution for one value

Offset = tuple[int, int]  # rows, columns
NO_SHIFT = (0, 0)


class Term(NamedTuple):
  """target[i, j] += kernel[1 + tap] . source[(i, j) + shift]."""

  tap: Offset
  source: Offset
  shift: Offset
  target: Offset


class Product(NamedTuple):
  """kernel[1 + tap] . source, with the source shifted first."""

  tap: Offset
  source: Offset
  before: Offset


class Plan(NamedTuple):
  """In which order to compute a convolution.

  Attributes:
    products: what to compute, without duplicates.
    sums: for each target, the products to be summed before each shift.
  """

  products: list[Product]
  sums: dict[Offset, dict[Offset, list[Product]]]

  def shifts(self) -> tuple[int, int]:
    """Counts how many maps are shifted before a product, and how many after one."""
    before = {(p.source, p.before) for p in self.products if p.before != NO_SHIFT}
    return len(before), sum(shift != NO_SHIFT for sums in self.sums.values() for shift in sums)

  def multiply_adds(self, kernel: np.ndarray, pixels: int) -> int:
    """Counts products with the kernel's nonzero weights and shifts, over maps of `pixels` pixels."""
    nonzeros = np.count_nonzero(kernel, axis=(2, 3))
    before, after = self.shifts()
    shifted = before * kernel.shape[2] + after * kernel.shape[3]
    return pixels * int(sum(nonzeros[1 + y, 1 + x] for (y, x), _, _ in self.products) + SHIFT_TAPS * shifted)


def terms(kernel: np.ndarray, source_phases: int, target_phases: int) -> list[Term]:
  """Lists the terms of a 3 x 3 convolution [3, 3, C_in, C_out]; taps without weights have none, but for the middle one.

  Args:
    kernel: the weights.
    source_phases, target_phases: 1 or 2 a direction. From 1 to 2 is a nearest upsampling before the convolution.
  """
  taps = [tap for tap in itertools.product((-1, 0, 1), repeat=2)
          if tap == NO_SHIFT or kernel[1 + tap[0], 1 + tap[1]].any()]
  result = []
  for target in itertools.product(range(target_phases), repeat=2):
    for tap in taps:
      shift, phase = zip(*(divmod(t + d, target_phases) for t, d in zip(target, tap, strict=True)), strict=True)
      result.append(Term(tap, phase if source_phases == 2 else NO_SHIFT, shift, target))
  return result


def plan(convolution: list[Term], columns_first: bool) -> Plan:
  """Shifts columns before the products and rows after them, or both after them."""
  products, sums = {}, defaultdict(lambda: defaultdict(list))
  for tap, source, (rows, columns), target in convolution:
    before, after = ((0, columns), (rows, 0)) if columns_first else (NO_SHIFT, (rows, columns))
    product = products.setdefault(Product(tap, source, before), Product(tap, source, before))
    sums[target][after].append(product)
  return Plan(list(products), {target: dict(parts) for target, parts in sums.items()})


def cheapest_plan(kernel: np.ndarray, source_phases: int, target_phases: int) -> Plan:
  """Returns the plan with the fewest multiply-adds: few outputs are best shifted late, few weights multiplied twice."""
  convolution = terms(kernel, source_phases, target_phases)
  return min((plan(convolution, early) for early in (True, False)), key=lambda p: p.multiply_adds(kernel, 1))
