"""A digest of a model's weights, which tells apart any two that could give different answers."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import torch

_BLOCK = 2**20
_AS_INTEGER = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def digest_weights(model: Any) -> bytes:
    """SHA-256 of the names, shapes, types and values of all weights, offloaded ones too."""
    digest = hashlib.sha256()
    for name, tensor in _stored(model):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        flat = tensor.detach().flatten()
        if flat.device.type == "cpu":
            digest.update(flat.view(torch.uint8).numpy().data)
        else:  # a GPU sums its own memory faster than it copies it here
            digest.update(weighted_sums(flat))
    return digest.digest()


def weighted_sums(flat: torch.Tensor) -> bytes:
    """Sums over blocks of a tensor's bits as integers, each times a random factor of its place.

    They are exact modulo 2**64, so the same in any order and on any device; an exchange of two
    values changes them.
    """
    random = torch.Generator().manual_seed(0)
    factors = torch.randint(-(2**62), 2**62, (_BLOCK,), generator=random).to(flat.device)
    blocks = flat.view(_AS_INTEGER[flat.element_size()]).split(_BLOCK)
    sums = [(block * factors[: len(block)]).sum() for block in blocks]
    return json.dumps([int(one) for one in sums]).encode()


def _stored(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The names and values of all weights."""
    for name, tensor in model.state_dict().items():
        if tensor.device.type == "meta":
            yield name, _offloaded(model, name)
        else:
            yield name, tensor


def _offloaded(model: Any, name: str) -> torch.Tensor:
    """A weight that accelerate keeps in the machine's memory or on disk between its uses."""
    from accelerate.utils import align_module_device

    path, _, own_name = name.rpartition(".")
    module = model.get_submodule(path)
    with align_module_device(module, "cpu"):
        tensor: torch.Tensor = getattr(module, own_name).detach()
    return tensor
