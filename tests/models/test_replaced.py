import types

import pytest
from torch import nn

from infocap_tasks.models.replaced import replaced


def double(x):
    return 2 * x


def test_forward_of_a_class_comes_back_when_the_block_fails():
    module = nn.Identity()
    with pytest.raises(TypeError), replaced(module, "forward", double):
        module(None)
    assert module(4) == 4
    assert "forward" not in vars(module)


def test_forward_of_an_instance_comes_back():
    module = nn.Identity()
    module.forward = hooked = lambda x: x + 1  # as accelerate hooks a module
    with replaced(module, "forward", double):
        assert module(4) == 8
    assert module.forward is hooked


def test_function_of_a_python_module_comes_back():
    source = types.ModuleType("source")
    source.scan = scan = len
    with replaced(source, "scan", double):
        assert source.scan(4) == 8
    assert source.scan is scan
