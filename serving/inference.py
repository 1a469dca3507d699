"""The Open Inference Protocol (v2) for ready-made feature rows: tensors in, probabilities out.

https://github.com/kserve/open-inference-protocol. A model reads one tensor, `features`, FP64, rows x
features in the encoding's order, null where not given. A category in it is its place in the vocabulary that
the model's metadata lists, so that one tensor holds a row; a text that is not there is null. Who has texts
sends the category once more as a BYTES tensor of its own name, which then counts.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from features.times import FloatArray
from serving.problems import Problem
from serving.scorer import Model

PREFIX = "dealcast-"
PLATFORM = "dealcast_lightgbm"
MOST_ROWS = 10_000
_FEATURES, _PROBABILITY = "features", "probability"
_NUMBERS = ("FP64", "FP32")


class Tensor(msgspec.Struct):
    """A tensor of a request; `data` flat, or in rows."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float | str | list[float | str | None] | None]


class Wanted(msgspec.Struct):
    """An output that is asked for."""

    name: str


class InferRequest(msgspec.Struct):
    """A request of the protocol; what it may hold beyond this is passed over."""

    inputs: list[Tensor]
    id: str | None = None
    outputs: list[Wanted] | None = None


class Numbers(Tensor):
    """A tensor of flat numbers alone, as nearly all are."""

    data: list[float | None]  # type: ignore[assignment]


class NumbersRequest(InferRequest):
    """A request of such tensors, whose values need no look at what each of them is."""

    inputs: list[Numbers]  # type: ignore[assignment]


_DECODER, _USUAL = msgspec.json.Decoder(InferRequest), msgspec.json.Decoder(NumbersRequest)


@dataclass(eq=False)
class InferenceProblem(Problem):
    """A problem that also says `error`, as the protocol has it."""

    def members(self) -> dict[str, Any]:
        return {"error": self.detail}


def metadata(name: str, model: Model) -> dict[str, Any]:
    """What a model reads and gives."""
    encoding = model.bundle.encoding
    categories = {text: list(its) for text, its in encoding.vocabularies.items()}
    return {
        "name": name,
        "versions": [model.version],
        "platform": PLATFORM,
        "inputs": [
            {
                "name": _FEATURES,
                "datatype": "FP64",
                "shape": [-1, len(encoding.names)],
                "parameters": {"names": list(encoding.names), "categories": categories},
            }
        ],
        "outputs": [{"name": _PROBABILITY, "datatype": "FP64", "shape": [-1]}],
    }


def infer(name: str, model: Model, body: bytes) -> dict[str, Any]:
    """The probabilities of ready-made rows: the bits that the service gives for such features.

    Raises:
        InferenceProblem: 400, the body is none of the protocol, or of other tensors than the model's.
    """
    request = _read(body)
    asked = [output.name for output in request.outputs or ()]
    if any(output != _PROBABILITY for output in asked):
        raise wrong(f"outputs: the model gives `{_PROBABILITY}` alone")
    matrix = _matrix(request.inputs, model)
    probability = model.bundle.probability_of_rows(matrix)
    output = {
        "name": _PROBABILITY,
        "datatype": "FP64",
        "shape": [len(matrix)],
        "data": probability.tolist(),
    }
    told = {"model_name": name, "model_version": model.version, "outputs": [output]}
    return told if request.id is None else {**told, "id": request.id}


def _read(body: bytes) -> InferRequest:
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _USUAL.decode(body)
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise wrong(str(error)) from None


def wrong(detail: str) -> InferenceProblem:
    """A request that is not of the protocol, or does not fit the model."""
    return InferenceProblem(400, "invalid-request", "The request is not valid", detail)


def _matrix(tensors: list[Tensor], model: Model) -> FloatArray:
    encoding = model.bundle.encoding
    width = len(encoding.names)
    by_name = {tensor.name: tensor for tensor in tensors}
    main = by_name.pop(_FEATURES, None)
    if main is None or len(by_name) + 1 < len(tensors):
        raise wrong(f"inputs: one tensor `{_FEATURES}` of FP64 is needed, and no name twice")
    if main.datatype not in _NUMBERS or len(main.shape) != 2 or main.shape[1] != width:
        raise wrong(f"inputs.{_FEATURES}: FP64 of shape [rows, {width}] is needed, see the model's metadata")
    rows = main.shape[0]
    if not 0 < rows <= MOST_ROWS:
        raise wrong(f"inputs.{_FEATURES}: 1 to {MOST_ROWS:,} rows are taken in one call")
    flat = _flat(main, rows * width)
    try:
        matrix = np.array(flat, np.float64).reshape(rows, width)
    except (TypeError, ValueError):
        raise wrong(f"inputs.{_FEATURES}: data must be numbers, and null where not given") from None
    _check_codes(matrix, model)
    for name, tensor in by_name.items():
        _lay(matrix, name, tensor, model)
    return matrix


def _flat(tensor: Tensor, count: int) -> list[float | str | None]:
    data: list[Any] = tensor.data
    if data and isinstance(data[0], list):
        data = [value for row in data for value in (row if isinstance(row, list) else (row,))]
    if len(data) != count:
        raise wrong(f"inputs.{tensor.name}: data hold {len(data)} values, the shape says {count}")
    if type(tensor) is Numbers:
        return data
    if tensor.datatype in _NUMBERS and not set(map(type, data)) <= {float, type(None)}:
        raise wrong(f"inputs.{tensor.name}: data must be numbers, and null where not given")
    return data


def _check_codes(matrix: FloatArray, model: Model) -> None:
    encoding = model.bundle.encoding
    places, counts = encoding.category_positions, encoding.category_counts
    for codes in matrix.take(encoding.category_places, axis=1).tolist():
        for place, count, code in zip(places, counts, codes, strict=True):
            if code == code and not (0 <= code < count and code.is_integer()):  # noqa: PLR0124 - NaN is not
                raise wrong(
                    f"inputs.{_FEATURES}: column {place} ({encoding.names[place]}) holds places in its"
                    f" vocabulary of {count} texts, from 0 on, and null; or send its texts as BYTES"
                )


def _lay(matrix: FloatArray, name: str, tensor: Tensor, model: Model) -> None:
    encoding = model.bundle.encoding
    vocabulary = encoding.vocabularies.get(name)
    if vocabulary is None:
        raise wrong("inputs: a tensor beside `features` must have the name of a category of the model")
    if tensor.datatype != "BYTES" or tensor.shape not in ([len(matrix)], [len(matrix), 1]):
        raise wrong(f"inputs.{name}: BYTES of shape [{len(matrix)}] is needed")
    texts = _flat(tensor, len(matrix))
    if not all(text is None or isinstance(text, str) for text in texts):
        raise wrong(f"inputs.{name}: data must be texts, and null where not given")
    code = {text: float(i) for i, text in enumerate(vocabulary)}
    matrix[:, encoding.names.index(name)] = [code.get(str(text), np.nan) for text in texts]
