"""Settings of the whole test suite: two logical CPU devices, so that a strategy with two replicas can be tested."""

import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices('CPU')[0], [tf.config.LogicalDeviceConfiguration()] * 2)
