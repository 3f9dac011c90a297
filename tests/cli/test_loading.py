import gc

from infocap_tasks.cli.loading import rare_collections


def test_collections_are_rare_inside_the_block_and_afterwards_as_before():
    before = gc.get_threshold()
    with rare_collections():
        assert gc.get_threshold()[0] > before[0]
    assert gc.get_threshold() == before
