"""The tf.train.Example message, without TensorFlow: named lists of bytes, floats or integers.

The message type is described at run time, in a descriptor pool of our own: no generated code, and no clash with an
installed TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

Values = Sequence[bytes] | np.ndarray


def encode_example(features: Mapping[str, Values]) -> bytes:
    """Serialise named features, each a sequence of bytes, a floating array or an integer or boolean array.

    Arrays are flattened row by row. The same features always give the same bytes (keys are sorted).
    """
    message = _example_class()()
    for name, values in features.items():
        feature = message.features.feature[name]
        if not isinstance(values, np.ndarray):
            feature.bytes_list.value.extend(values)
        elif values.dtype.kind == "f":
            feature.float_list.value.extend(values.ravel().tolist())
        elif values.dtype.kind in "iub":
            feature.int64_list.value.extend(values.ravel().astype(np.int64).tolist())
        else:
            raise TypeError(f"feature {name!r}: cannot store an array of {values.dtype} (bytes, floats or integers)")
    return message.SerializeToString(deterministic=True)


def decode_example(payload: bytes) -> dict[str, list[bytes] | np.ndarray]:
    """Parse a message: lists of bytes, float32 arrays and int64 arrays, all one-dimensional.

    Raises:
        ValueError: the bytes are not such a message.
    """
    try:
        message = _example_class().FromString(payload)
    except DecodeError as error:
        raise ValueError(f"not a tf.train.Example message ({error})") from error
    decoded: dict[str, list[bytes] | np.ndarray] = {}
    for name, feature in message.features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind == "bytes_list":
            decoded[name] = list(feature.bytes_list.value)
        elif kind == "float_list":
            decoded[name] = np.array(feature.float_list.value, dtype=np.float32)
        elif kind == "int64_list":
            decoded[name] = np.array(feature.int64_list.value, dtype=np.int64)
    return decoded


@cache
def _example_class() -> Any:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="muvla/example.proto", package="tensorflow", syntax="proto3")

    lists = (
        ("BytesList", field.TYPE_BYTES),
        ("FloatList", field.TYPE_FLOAT),
        ("Int64List", field.TYPE_INT64),
    )
    for name, scalar in lists:
        message = file.message_type.add(name=name)
        message.field.add(name="value", number=1, type=scalar, label=field.LABEL_REPEATED)

    message = file.message_type.add(name="Feature")
    message.oneof_decl.add(name="kind")
    for number, (name, kind) in enumerate(zip(("bytes_list", "float_list", "int64_list"), lists, strict=True), 1):
        entry = message.field.add(name=name, number=number, type=field.TYPE_MESSAGE, label=field.LABEL_OPTIONAL)
        entry.type_name, entry.oneof_index = f".tensorflow.{kind[0]}", 0

    message = file.message_type.add(name="Features")
    pair = message.nested_type.add(name="FeatureEntry")  # protobuf's own spelling of map<string, Feature>
    pair.options.map_entry = True
    pair.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    pair.field.add(name="value", number=2, type=field.TYPE_MESSAGE, label=field.LABEL_OPTIONAL)
    pair.field[1].type_name = ".tensorflow.Feature"
    entry = message.field.add(name="feature", number=1, type=field.TYPE_MESSAGE, label=field.LABEL_REPEATED)
    entry.type_name = ".tensorflow.Features.FeatureEntry"

    message = file.message_type.add(name="Example")
    entry = message.field.add(name="features", number=1, type=field.TYPE_MESSAGE, label=field.LABEL_OPTIONAL)
    entry.type_name = ".tensorflow.Features"

    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))
