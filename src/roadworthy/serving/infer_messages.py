"""The messages of the Open Inference Protocol v2 over gRPC, described here and made when this is imported.

Not here: what they mean (infer_tensors, infer). Written down from the public protocol; messages are known by their
fields' numbers, so no generated code has to be kept in step with a compiler. Needs the extra `grpc`.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PACKAGE: Final = "inference"
SERVICE: Final = f"{PACKAGE}.GRPCInferenceService"

#: Message → its fields as `type name = number`; `*` repeats, `|` is one of several, a `map` has InferParameter values.
_MESSAGES: Final = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "bool live = 1",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "bool ready = 1",
    "ModelReadyRequest": "string name = 1; string version = 2",
    "ModelReadyResponse": "bool ready = 1",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "string name = 1; string version = 2; string* extensions = 3",
    "ModelMetadataRequest": "string name = 1; string version = 2",
    "TensorMetadata": "string name = 1; string datatype = 2; int64* shape = 3",
    "ModelMetadataResponse": "string name = 1; string* versions = 2; string platform = 3; TensorMetadata* inputs = 4; "
    "TensorMetadata* outputs = 5",
    "InferParameter": "bool| bool_param = 1; int64| int64_param = 2; string| string_param = 3; "
    "double| double_param = 4; uint64| uint64_param = 5",
    "InferTensorContents": "bool* bool_contents = 1; int32* int_contents = 2; int64* int64_contents = 3; "
    "uint32* uint_contents = 4; uint64* uint64_contents = 5; float* fp32_contents = 6; double* fp64_contents = 7; "
    "bytes* bytes_contents = 8",
    "InferInputTensor": "string name = 1; string datatype = 2; int64* shape = 3; map parameters = 4; "
    "InferTensorContents contents = 5",
    "InferRequestedOutputTensor": "string name = 1; map parameters = 2",
    "ModelInferRequest": "string model_name = 1; string model_version = 2; string id = 3; map parameters = 4; "
    "InferInputTensor* inputs = 5; InferRequestedOutputTensor* outputs = 6; bytes* raw_input_contents = 7",
    "InferOutputTensor": "string name = 1; string datatype = 2; int64* shape = 3; map parameters = 4; "
    "InferTensorContents contents = 5",
    "ModelInferResponse": "string model_name = 1; string model_version = 2; string id = 3; map parameters = 4; "
    "InferOutputTensor* outputs = 5; bytes* raw_output_contents = 6",
}

_SCALARS: Final = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "float": FieldDescriptorProto.TYPE_FLOAT,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}


def _described() -> FileDescriptorProto:
    """All messages as a compiler would describe them."""
    file = FileDescriptorProto(name="roadworthy/inference.proto", package=PACKAGE, syntax="proto3")
    for name, text in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for part in filter(None, text.split("; ")):
            declared, label = part.partition(" = ")[::2]
            kind, field_name = declared.split()
            _add_field(message, kind, field_name, int(label))
    return file


def _add_field(message: Any, kind: str, name: str, number: int) -> None:
    field = message.field.add(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
    if kind == "map":
        entry = message.nested_type.add(name="ParametersEntry")
        entry.options.map_entry = True
        _add_field(entry, "string", "key", 1)
        _add_field(entry, "InferParameter", "value", 2)
        kind = f"{message.name}.ParametersEntry*"
    if kind.endswith("*"):
        field.label = FieldDescriptorProto.LABEL_REPEATED
    if kind.endswith("|"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0
    kind = kind.rstrip("*|")
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{PACKAGE}.{kind}"


# A pool of its own: a client library in the same process may have described messages of the same names.
_POOL = DescriptorPool()
_POOL.Add(_described())

#: Name → message class.
MESSAGES: Final[dict[str, Any]] = {
    name: GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in _MESSAGES
}
