"""Which file to write: layout, precision and encoding together, and what of it cannot be had."""

from collections.abc import Sequence
import dataclasses
import functools

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.export import dead_channels
from tf_stugan.export import fast_path
from tf_stugan.export import plain
from tf_stugan.export import residual
from tf_stugan.export import sparse_lowering
from tf_stugan.export import tflite
from tf_stugan.gans.outputs import Output

# A multiply-add of the sparse path takes as long as so many of the dense one: 1.6 to 2.0 were measured in WebAssembly, see
# docs/edge.md. The upper end, so that `auto` never takes what is slower.
_SPARSE_COST = 2.0
_OPERATION_COST = 20_000  # what any operation takes besides, in multiply-adds; fits the lowered SNGAN of width 64

# What LiteRT 2.3 fails on where weights are stored sparsely, each seen: NaN, or an error when the file is loaded.
_UNREADABLE = {
    'fp16': {'TRANSPOSE_CONV': 'LiteRT computes NaN from sparse fp16 transposed convolutions'},
    'int8': {'FULLY_CONNECTED': 'LiteRT cannot load sparse int8 dense layers'},
    'dynamic': dict.fromkeys(
        ('CONV_2D', 'TRANSPOSE_CONV', 'FULLY_CONNECTED'), 'LiteRT cannot load sparse weights with dynamic range'),
}


@dataclasses.dataclass(frozen=True)
class Exported:
  """A .tflite.

  Attributes:
    model: the file's bytes.
    layout: 'plain' or 'sparse_lowered'.
    encoded: whether sparse weights are stored as compressed rows.
    plain_size: bytes of the plain layout without encoding.
    operations: of the file.
    notes: what was decided, and why, in sentences.
  """

  model: bytes
  layout: str
  encoded: bool
  plain_size: int
  operations: Sequence[fast_path.Operation]
  notes: Sequence[str] = ()


def export(output: Output, layout: str = 'plain', precision: str = 'fp32', batch_size: int = 1,
           encoded: bool | None = None) -> Exported:
  """Converts the network of an output.

  Args:
    output: of a built network; for the lowered layout of a `resnet.Generator`.
    layout: 'plain', 'sparse_lowered', or 'auto': the one that is predicted to be faster where there is a sparse path.
    precision: as `tflite.convert` takes it.
    batch_size: images a call.
    encoded: store sparse weights as compressed rows; None decides by size, and encodes what the sparse path needs.

  Raises:
    UserError: the combination cannot be had; says why.
  """
  if layout == 'plain':
    return _plain(output, precision, batch_size, encoded)
  obstacle = _lowering_obstacle(output.network, precision, batch_size, encoded)
  if layout == 'sparse_lowered':
    if obstacle:
      raise errors.UserError(f'--layout=sparse_lowered: {obstacle}.')
    return _lowered(output, precision)
  ordinary = _plain(output, precision, batch_size, encoded)
  if obstacle:
    return dataclasses.replace(ordinary, notes=[f'auto took the plain layout: {obstacle}', *ordinary.notes])
  return faster(ordinary, _lowered(output, precision, ordinary.plain_size))


def lowered_or_plain(output: Output) -> Exported:
  """Converts a network to the lowered layout, whatever its time; to the plain one where it has no other."""
  return export(output, 'sparse_lowered' if residual.is_residual(output.network) else 'plain')


def cost(operations: Sequence[fast_path.Operation]) -> int:
  """Counts what one call takes, in multiply-adds of dense products."""
  return round(sum(_OPERATION_COST + op.multiply_adds * (1 if op.obstacle else _SPARSE_COST) for op in operations))


def _plain(output, precision, batch_size, encoded):
  def to_bytes(encoded):
    return tflite.convert(plain_images(output.network), output, batch_size, precision, encoded)
  without = to_bytes(False)
  if encoded is False:
    return Exported(without, 'plain', False, len(without), fast_path.inspect(without))
  with_ = to_bytes(True)
  operations = fast_path.inspect(with_)
  if obstacle := _encoding_obstacle(operations, precision):
    if encoded:
      raise errors.UserError(f'--sparse with --precision={precision}: {obstacle}.')
    return Exported(without, 'plain', False, len(without), fast_path.inspect(without),
                    [f'written without sparse encoding: {obstacle}'])
  # An index is paid for every weight that is kept: encoding pays above about 20 % zeros where the last dimension of a
  # kernel is at most 256, and above 33 % where it is larger.
  if encoded or len(with_) < len(without):
    return Exported(with_, 'plain', True, len(without), operations)
  return Exported(without, 'plain', False, len(without), fast_path.inspect(without))


def _encoding_obstacle(operations, precision):
  unreadable = _UNREADABLE.get(precision, {})
  return next((unreadable[op.kind] for op in operations if op.is_encoded and op.kind in unreadable), '')


def plain_images(generator: keras.Model) -> tflite.Images:
  """Returns a network as the function that the plain layout computes."""
  if not residual.is_residual(generator):
    return functools.partial(generator, training=False)
  return functools.partial(plain.images, dead_channels.remove(residual.read(generator)))


def _lowered(output, precision, plain_size=None):
  arrays = dead_channels.remove(residual.read(output.network))
  model = tflite.order_depth_first(
      tflite.convert(functools.partial(sparse_lowering.images, arrays), output, 1, precision, encoded=True))
  if plain_size is None:
    plain_size = len(tflite.convert(functools.partial(plain.images, arrays), output, 1, precision))
  operations = fast_path.inspect(model)
  notes = []
  if not fast_path.takes(operations):
    reason = next(op.obstacle for op in operations if op.kind == 'CONV_2D')
    notes.append(f'no runtime will take the sparse path for it: {reason}')
  return Exported(model, 'sparse_lowered', True, plain_size, operations, notes)


def _lowering_obstacle(generator, precision, batch_size, encoded):
  if not residual.is_residual(generator):
    return 'only generators of residual blocks can be lowered'
  if precision not in ('fp32', 'fp16'):
    return f'the sparse path computes in floats only, not with --precision={precision}'
  if batch_size != 1:
    return 'it makes one image a call; leave --batch_size=1'
  return 'the sparse path needs sparse encoding; leave --nosparse out' if encoded is False else ''


def faster(ordinary: Exported, lowered: Exported) -> Exported:
  """Returns the layout that is predicted to be faster where there is a sparse path, with the reason as first note."""
  chosen, reason = _predict(ordinary, lowered)
  return dataclasses.replace(chosen, notes=[f'auto took the {chosen.layout} layout: {reason}', *chosen.notes])


def expectation(ordinary: Exported, lowered: Exported) -> str:
  """Says what to expect of the lowered file where the runtime has a sparse path, in sentences for people."""
  if lowered.layout == 'plain':
    return ('What to expect: the same times, since only generators of residual blocks can be lowered; the sparse file of '
            'this network is no more than smaller.')
  _, reason = _predict(ordinary, lowered)
  calls = len(lowered.operations) * _OPERATION_COST
  if fast_path.takes(lowered.operations) and 2 * calls > cost(lowered.operations):
    reason += (
        f'. This is a small network: calling its {len(lowered.operations)} operations ({len(ordinary.operations)} in the '
        'plain file) takes longer than what they multiply; lowering is for wide ones')
  return f'What to expect: {reason}.'


def _predict(ordinary, lowered):
  """Returns (the faster of the two, the reason)."""
  costs = [cost(exported.operations) for exported in (ordinary, lowered)]
  if not fast_path.takes(lowered.operations):
    return ordinary, ''.join(lowered.notes)
  if costs[1] < costs[0]:
    return lowered, (f'predicted to be {costs[0] / costs[1]:.1f} times as fast as plain where the runtime has a sparse path '
                     '(ARM, WebAssembly; not x86)')
  return ordinary, f'the lowered one is predicted to take {costs[1] / costs[0]:.1f} times as long'
