"""SNGAN-32 as a PyTorch user would write it, the other reference of tools/benchmark_step.py: torch.nn, a plain train step.

Layers, losses and optimizers are those of tools/plain_sngan.py. It needs PyTorch, which the project itself does not:
`pip install torch`. It is a process of its own, which does an update for each line on standard input.
"""

import functools
import sys
import time

import timed_process  # beside this file
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


class GeneratorBlock(nn.Module):
  """Doubles the resolution of a map: [N, width, H, W] -> [N, width, 2H, 2W]."""

  def __init__(self, width):
    super().__init__()
    self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
    self.conv1, self.conv2 = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
    self.shortcut = nn.Conv2d(width, width, 1)
    self.up = nn.Upsample(scale_factor=2)

  def forward(self, x):
    h = self.conv1(self.up(torch.relu(self.norm1(x))))
    return self.conv2(torch.relu(self.norm2(h))) + self.shortcut(self.up(x))


class Generator(nn.Module):
  """Makes images [N, 3, 32, 32] of latents [N, 128]."""

  def __init__(self, width):
    super().__init__()
    self.dense = nn.Linear(128, 16 * width)
    self.blocks = nn.Sequential(*[GeneratorBlock(width) for _ in range(3)])
    self.norm, self.to_rgb = nn.BatchNorm2d(width), nn.Conv2d(width, 3, 3, padding=1)

  def forward(self, z):
    x = self.blocks(self.dense(z).unflatten(1, (-1, 4, 4)))
    return torch.tanh(self.to_rgb(torch.relu(self.norm(x))))


def _conv(channels, width, size):
  return spectral_norm(nn.Conv2d(channels, width, size, padding=size // 2))


class DiscriminatorBlock(nn.Module):
  """Halves the resolution of a map, if `down`: [N, channels, H, W] -> [N, width, H / 2, W / 2] or [N, width, H, W]."""

  def __init__(self, channels, width, down, first=False):
    super().__init__()
    self.first = first
    self.conv1, self.conv2 = _conv(channels, width, 3), _conv(width, width, 3)
    self.shortcut = _conv(channels, width, 1) if down else nn.Identity()
    self.pool = nn.AvgPool2d(2) if down else nn.Identity()

  def forward(self, x):
    h = self.pool(self.conv2(torch.relu(self.conv1(x if self.first else torch.relu(x)))))
    return h + (self.shortcut(self.pool(x)) if self.first else self.pool(self.shortcut(x)))


class Discriminator(nn.Module):
  """Judges images [N, 3, 32, 32] by logits [N, 1]."""

  def __init__(self, width):
    super().__init__()
    self.blocks = nn.Sequential(DiscriminatorBlock(3, width, True, first=True), DiscriminatorBlock(width, width, True),
                                DiscriminatorBlock(width, width, False), DiscriminatorBlock(width, width, False))
    self.logit = spectral_norm(nn.Linear(width, 1, bias=False))

  def forward(self, x):
    return self.logit(torch.relu(self.blocks(x)).sum([2, 3]))


def make_updates(generator_width: int, discriminator_width: int, batch: int):
  """Returns {player: its update}; the generator's makes twice `batch` images."""
  g, d = Generator(generator_width), Discriminator(discriminator_width)
  optimizers = {net: torch.optim.Adam(net.parameters(), 2e-4, (0.0, 0.9)) for net in (g, d)}

  def apply(net, loss):
    optimizers[net].zero_grad()
    loss.backward()
    optimizers[net].step()

  def update_discriminator():
    real, fake = torch.rand(batch, 3, 32, 32) * 2 - 1, g(torch.randn(batch, 128)).detach()
    apply(d, torch.relu(1 - d(real)).mean() + torch.relu(1 + d(fake)).mean())

  def update_generator():
    d.requires_grad_(False)
    apply(g, -d(g(torch.randn(2 * batch, 128))).mean())
    d.requires_grad_(True)
  return {'discriminator': update_discriminator, 'generator': update_generator}


def seconds(call) -> float:
  """Returns the seconds of one call."""
  start = time.perf_counter()
  call()
  return time.perf_counter() - start


if __name__ == '__main__':
  updates = make_updates(*map(int, sys.argv[1:]))
  timed_process.answer({player: functools.partial(seconds, update) for player, update in updates.items()})
