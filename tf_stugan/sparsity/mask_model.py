"""Masks for a Keras network of somebody else, trained by his own loop or by `fit`, in Keras 2 (tf_keras) or 3."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.sparsity import masks
from tf_stugan.sparsity.method import SparsityMethod
from tf_stugan.sparsity.static_sparse import StaticSparse


def convolutions(variable) -> bool:
  """Tells whether a variable is the kernel of a convolution: STU-GAN's choice."""
  return len(variable.shape) == 4


def convolutions_and_dense(variable) -> bool:
  """Tells whether a variable is the kernel of a convolution or of a dense layer: ADAPT's choice."""
  return convolutions(variable) or len(variable.shape) == 2 and 'kernel' in variable.name


class MaskedModel(tf.Module):
  """The masks of a network's kernels, and how many steps its optimizer has taken with them.

  Save it beside the network (`tf.train.Checkpoint(model=model, masks=masked)`): its variables are the masks, the step, and
  what the method remembers.

  Attributes:
    masked: kernels with their masks.
    method: which weights are kept.
    step: int64 scalar.
  """

  def __init__(self, kernels: Sequence, method: SparsityMethod, seed: int):
    super().__init__(name='masked_model')
    self.method = method
    self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name='step')
    self._kernels = kernels
    self.masked = [masks.MaskedVariable(f'{getattr(v, "path", v.name)}_{i}', _variable(v), tf.Variable(
        tf.ones(v.shape, tf.bool), trainable=False, name='mask')) for i, v in enumerate(kernels)]
    self._seed = seed
    method.initialize(self.masked, rng.seed(seed, 'mask_model/initial_masks'))
    masks.apply_masks(self.masked)

  def density(self) -> float:
    """Returns the share of the masked kernels' weights that is kept."""
    return float(masks.density(self.masked))

  def after_step(self, optimizer, grads_and_vars: Sequence) -> None:
    """Changes masks where a change is due, and applies them.

    Args:
      optimizer: that has just moved these variables.
      grads_and_vars: pairs of a gradient and a variable; those of other variables than the kernels do not matter.
    """
    found = {id(variable): gradient for gradient, variable in grads_and_vars}
    gradients = [found.get(id(kernel)) for kernel in self._kernels]
    if all(gradient is None for gradient in gradients):
      return  # a step of another network that shares the optimizer
    self.step.assign_add(1)
    if not self.method.is_static:
      gradients = [tf.zeros(k.shape) if g is None else tf.cast(tf.convert_to_tensor(g), tf.float32)
                   for g, k in zip(gradients, self._kernels, strict=True)]
      self.method.observe(gradients)
      tf.cond(_is_in(self.step, self.method.update_steps()), lambda: self._update(optimizer, gradients), lambda: None)
    masks.apply_masks(self.masked)

  def _update(self, optimizer, gradients):
    seed = rng.seed(self._seed, 'mask_model/regrow', self.step)
    grown = self.method.update(self.masked, gradients, tf.convert_to_tensor(self.step), seed)
    if self.method.reset_optimizer_state:
      for kernel, mask in zip(self._kernels, grown, strict=True):
        for slot in compat.adam_slots(optimizer, kernel):
          slot.assign(masks.masked(tf.convert_to_tensor(slot), ~mask))


def mask_model(model, optimizer, method: float | SparsityMethod,
               chosen: Callable[[object], bool] = convolutions, seed: int = 1) -> MaskedModel:
  """Makes a Keras network sparse, and has its optimizer keep it so: after each of its steps masks are applied.

  Args:
    model: a built network, on one device.
    optimizer: that trains it; its `apply_gradients` (Keras 3: `apply`, which that one calls) is replaced by one that looks
      after the masks, too.
    method: a density for fixed masks, or a method that changes them at its own steps, such as `DynamicSparse`.
    chosen: tells of each trainable variable whether it gets a mask.
    seed: of the first masks, and of what is regrown at random.

  Returns:
    The masks.

  Raises:
    UserError: the network is not built, nothing is chosen, or the method needs what only a GAN or a `Trainer` has.
  """
  method = method if isinstance(method, SparsityMethod) else StaticSparse(method)
  if method.needs_balance_ratio or 0 in method.update_steps():
    raise errors.UserError(f'{type(method).__name__} needs a balance ratio, or batches before the first step: it works in a '
                           'Trainer only. DynamicSparse, StaticSparse and GradualPruning work here.')
  kernels = [variable for variable in model.trainable_variables if chosen(variable)]
  if not kernels:
    raise errors.UserError('Nothing to mask: build the network first (call it once), or choose other variables.')
  masked = MaskedModel(kernels, method, seed)
  if hasattr(optimizer, 'apply'):
    _mask_apply(optimizer, masked)
  else:
    _mask_apply_gradients(optimizer, masked)
  return masked


def _mask_apply(optimizer, masked):
  """Has an optimizer of Keras 3 mask what it moved; its `apply_gradients` calls `apply`."""
  apply = optimizer.apply

  def apply_and_mask(grads, trainable_variables=None):
    grads = list(grads)
    moved = list(trainable_variables or optimizer._trainable_variables)  # pylint: disable=protected-access  (those of its build)
    result = apply(grads, trainable_variables)
    masked.after_step(optimizer, list(zip(grads, moved, strict=True)))
    return result
  optimizer.apply = apply_and_mask


def _mask_apply_gradients(optimizer, masked):
  apply_gradients = optimizer.apply_gradients

  def apply_and_mask(grads_and_vars, *args, **kwargs):
    pairs = list(grads_and_vars)
    result = apply_gradients(pairs, *args, **kwargs)
    masked.after_step(optimizer, pairs)
    return result
  optimizer.apply_gradients = apply_and_mask


def _variable(variable) -> tf.Variable:
  """Returns TensorFlow's variable itself, which Keras 3 wraps."""
  return variable if isinstance(variable, tf.Variable) else variable.value


def _is_in(step, steps) -> tf.Tensor:
  """Tells whether a scalar tensor is in a sequence; of a range this is arithmetic."""
  if isinstance(steps, range):
    return tf.logical_and(tf.logical_and(step >= steps.start, step < steps.stop), (step - steps.start) % steps.step == 0)
  return tf.reduce_any(tf.equal(step, tf.constant(list(steps), tf.int64)))
