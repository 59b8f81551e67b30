"""Draws the pictures of docs/ideas.md into docs/images. Fixed seeds: the same pictures every time.

  python tools/draw_ideas.py
"""

import io
import pathlib

from absl import app
import matplotlib
from matplotlib import pyplot as plt
import numpy as np
from PIL import Image

FOLDER = pathlib.Path(__file__).parents[1] / 'docs' / 'images'
KEPT, DROPPED, GROWN, EMPTY, INK = '#0000e0', '#c06020', '#408080', '#f0f0f0', '#202020'
_WIDTH = 10  # inches; with letters of 18 points a picture can be read at half of its width


def draw_layers() -> plt.Figure:
  """Draws one layer with all of its weights, and one with a tenth of them; below them the masks."""
  figure, axes = _figure(1, 2, 4.2)
  generator = np.random.default_rng(3)
  for axis, density, title in zip(axes, (1, 0.1), ('dense: 100 weights', 'sparse: 10 weights'), strict=True):
    mask = np.zeros(100, bool)
    mask[generator.permutation(100)[:round(100 * density)]] = True
    for place in np.flatnonzero(mask):
      axis.plot([0, 1], [place // 10, place % 10], color=KEPT, linewidth=2.5 if density < 1 else 0.8, zorder=1)
    for side in (0, 1):
      axis.scatter([side] * 10, range(10), s=130, color='white', edgecolor=INK, linewidth=2, zorder=2)
    axis.set_title(title)
    axis.set_xlim(-0.1, 1.1)
    axis.axis('off')
  return figure


def draw_ways() -> plt.Figure:
  """Draws how many weights a network has while it trains, by four ways to a small one."""
  figure, (axis,) = _figure(1, 1, 4.6)
  ways = {
      'dense': ([0, 1], [1, 1], INK, '-', 0.02, 1.06),
      'trained dense, then pruned': ([0, 0.7, 0.7, 1], [1, 1, 0.1, 0.1], DROPPED, '-', 0.24, 0.86),
      'ever sparser (GMP)': ([0, 0.1, *np.linspace(0.1, 0.8, 30), 1],
                             [1, 1, *(0.1 + 0.9 * (1 - np.linspace(0, 1, 30))**3), 0.1], GROWN, '--', 0.3, 0.45),
      'sparse from the first step': ([0, 1], [0.1, 0.1], KEPT, '-', 0.02, 0.16)}
  for name, (steps, density, colour, line, start, height) in ways.items():
    axis.plot(steps, density, color=colour, linestyle=line, linewidth=4)
    axis.text(start, height, name, color=colour)
  axis.set(xlim=(0, 1), ylim=(0, 1.2), xticks=[], yticks=[0.1, 1], ylabel='weights kept',
           xlabel='training, from its first step to its last')
  axis.spines[['top', 'right']].set_visible(False)
  return figure


def draw_update() -> plt.Figure:
  """Draws a kernel before an update of its mask, while weights are dropped, while others regrow, and after it."""
  generator = np.random.default_rng(7)
  weights, gradients = generator.normal(size=64), generator.normal(size=64)
  mask = np.zeros(64, bool)
  mask[generator.permutation(64)[:16]] = True
  dropped = np.zeros(64, bool)
  dropped[sorted(np.flatnonzero(mask), key=lambda place: abs(weights[place]))[:6]] = True
  left = mask & ~dropped
  grown = np.zeros(64, bool)
  grown[sorted(np.flatnonzero(~left), key=lambda place: -abs(gradients[place]))[:6]] = True
  size = np.abs(weights)
  grown_by = np.where(grown, np.abs(gradients), size)
  figure, axes = _figure(1, 4, 3.2)
  steps = (('1. sparse', [(mask, KEPT)], size), ('2. drop the\nsmallest', [(left, KEPT), (dropped, DROPPED)], size),
           ('3. regrow where\ngradients are large', [(left, KEPT), (grown, GROWN)], grown_by),
           ('4. train on', [(left | grown, KEPT)], size))
  for axis, (title, parts, length) in zip(axes, steps, strict=True):
    _draw_kernel(axis, title, parts, length)
  return figure


def _draw_kernel(axis, title, parts, size):
  """Draws a square for each weight, the larger the further it is from zero; empty ones have none."""
  rows, columns = np.divmod(np.arange(64), 8)
  axis.scatter(columns, rows, s=150, marker='s', color=EMPTY)
  for chosen, colour in parts:
    axis.scatter(columns[chosen], rows[chosen], s=6 + 80 * np.minimum(size[chosen], 1.8), marker='s', color=colour)
  axis.set_title(title, fontsize=15)
  axis.set(xlim=(-0.7, 7.7), ylim=(7.7, -0.7), aspect='equal')
  axis.axis('off')


def draw_balance() -> plt.Figure:
  """Draws what the discriminator says of real and of generated images, before and after an update of the generator."""
  figure, axes = _figure(3, 1, 5.2)
  games = (('discriminator too strong: ratio 0.05', 0.05, DROPPED), ('in balance: ratio 0.5', 0.5, KEPT),
           ('discriminator too weak: ratio 1.2', 1.2, GROWN))
  for axis, (title, ratio, colour) in zip(axes, games, strict=True):
    axis.plot([-0.15, 1.35], [0, 0], color='#b0b0b0', linewidth=2, zorder=0)
    axis.scatter([0, 1], [0, 0], s=180, color=[INK, 'white'], edgecolor=INK, linewidth=2, zorder=2)
    axis.annotate('', (ratio, 0.1), (0, 0.1), arrowprops={'arrowstyle': '-|>', 'color': colour, 'linewidth': 4,
                                                          'mutation_scale': 24})
    axis.text(0, -0.36, 'generated', ha='center')
    axis.text(1, -0.36, 'real', ha='center')
    axis.set_title(title, color=colour, fontsize=17)
    axis.set(xlim=(-0.2, 1.4), ylim=(-0.4, 0.3))
    axis.axis('off')
  return figure


def _figure(rows, columns, height):
  figure, axes = plt.subplots(rows, columns, figsize=(_WIDTH, height), layout='constrained', squeeze=False)
  return figure, axes.ravel()


def main(_):
  matplotlib.rcParams.update({'font.size': 18})
  for draw in (draw_layers, draw_ways, draw_update, draw_balance):
    name = draw.__name__.removeprefix('draw_')
    drawn = io.BytesIO()
    draw().savefig(drawn, dpi=100)
    Image.open(drawn).convert('RGB').quantize(64).save(FOLDER / f'ideas-{name}.png', optimize=True)


if __name__ == '__main__':
  app.run(main)
