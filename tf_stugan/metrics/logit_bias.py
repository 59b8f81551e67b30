"""What the last layer of a classification network adds to its logits, read from its graph."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tf_stugan.compat import frozen

_SAME_NUMBERS = ('ExpandDims', 'Identity', 'Reshape', 'Squeeze')  # operations that only arrange them otherwise


def logit_bias(network: Callable[[tf.Tensor], Mapping[str, tf.Tensor]], images: tf.TensorSpec, features: str,
               logits: str) -> np.ndarray | None:
  """Returns the logits [K] of features that are all zero: the bias, where logits are features times weights plus a bias.

  Args:
    network: images -> results by name.
    images: their shape and type.
    features: the name of the features [N, F].
    logits: the name of the logits [N, K].

  Returns:
    The bias, or None where the logits are not computed from the features alone.
  """
  @tf.function(input_signature=[images])
  def both(x):
    results = network(x)
    return results[features], results[logits]
  graph = frozen(both.get_concrete_function())
  source, result = graph.outputs
  while not _all_ways_lead_through(source, result):
    if source.op.type not in _SAME_NUMBERS:
      return None
    source = source.op.inputs[0]
  if source.op.type == 'Placeholder' or not source.shape[1:].is_fully_defined():
    return None
  count = source.shape[0] or 2  # not 1, which a Squeeze would take away
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:  # which can be given any tensor of a graph
    tf.graph_util.import_graph_def(graph.graph.as_graph_def(), name='')
    return session.run(result.name, {
        source.name: np.zeros([count, *source.shape[1:]]),
        graph.inputs[0].name: np.zeros([count, *images.shape[1:]])}).reshape(count, -1)[0]  # images reach no logit


def _all_ways_lead_through(source, result):
  """Tells whether `result` is a function of `source` and of constants."""
  seen, waiting = {source.name}, [result]
  while waiting:
    tensor = waiting.pop()
    if tensor.name in seen:
      continue
    if tensor.op.type == 'Placeholder':
      return False
    seen.add(tensor.name)
    waiting += tensor.op.inputs
  return True
