"""Colours of methods are fixed, and can be told apart by everybody."""

import itertools

import numpy as np
import pytest

from tf_stugan import gin_files
from tf_stugan.reports import style

# Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB.
_SIGHTS = {
    'normal': np.eye(3),
    'protanopia': [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    'deuteranopia': [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    'tritanopia': [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])


def linear(colour):
  values = np.array([int(colour[i:i + 2], 16) for i in (1, 3, 5)]) / 255
  return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055)**2.4)


def lab(rgb):
  x = _XYZ @ np.clip(rgb, 0, 1) / [0.95047, 1, 1.08883]
  x = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
  return np.array([116 * x[1] - 16, 500 * (x[0] - x[1]), 200 * (x[1] - x[2])])


@pytest.mark.parametrize('sight', _SIGHTS)
def test_twelve_colours_differ_for_every_kind_of_sight(sight):
  seen = [lab(np.array(_SIGHTS[sight]) @ linear(colour)) for colour in (*style.COLOURS, '#000000')]
  assert len(set(style.COLOURS)) == 12
  assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen[:12], 2)) > 24
  assert min(np.linalg.norm(a - seen[12]) for a in seen[:12]) > 18
  white = [1.05 / (linear(colour) @ _XYZ[1] + 0.05) for colour in style.COLOURS]
  assert min(white) > 1.8  # contrast


def test_a_method_looks_the_same_whoever_stands_beside_it():
  alone = style.looks({'a': 'STU-GAN'})['a']
  among = style.looks({'x': 'dense', 'y': 'static', 'z': 'mine', 'a': 'STU-GAN', 'b': 'STU-GAN'})
  assert among['a'] .colour == alone.colour == among['b'].colour
  assert among['a'].line != among['b'].line
  assert len({among[row].colour for row in 'xyza'}) == 4
  assert style.looks({'z': 'mine', 'a': 'STU-GAN'})['z'].colour != alone.colour


def test_every_method_of_this_library_has_a_colour_of_its_own():
  texts = [path.read_text() for path in gin_files.config_root().glob('methods/**/*.gin')]
  names = [line.split("'")[1] for text in texts for line in text.splitlines() if line.startswith('METHOD = ')]
  found = style.looks({name: name for name in names})
  assert len(names) >= 13 and len({look.colour for look in found.values()}) == len(names)
  assert len({look.marker for look in found.values()}) == len(names)


def test_procedures_have_fixed_colours_that_differ_from_those_of_what_stands_beside_them():
  paths = gin_files.config_root().glob('procedures/*.gin')
  names = [line.split("'")[1] for path in paths for line in path.read_text().splitlines() if line.startswith('METHOD = ')]
  assert len(names) >= 17
  for name in names:
    assert style.looks({'a': name}) == {'a': style.looks({name: name, 'mine': 'mine', 'b': 'STU-GAN'})[name]}
  tickets = ('IMP_G', 'IMP_GD', 'IMP_GD^KD', 'OMP_G', 'RP', 'RT', 'late rewinding', 'standard pruning')
  channels = ('channel ticket', 'fine-tuned channels', 'GS-32', 'random channels', 'IMP_G')
  for together in (tickets, channels):
    found = style.looks({name: name for name in ('dense', 'STU-GAN', 'static', 'small dense', 'mine', *together)})
    assert len({look.colour for look in found.values()}) == len(found)
