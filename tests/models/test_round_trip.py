import pytest

from infocap_tasks.models.round_trip import comes_back


@pytest.mark.parametrize(
    ("text", "decoded", "expected"),
    [
        ("the end", "the end", True),
        ("the end", " the end", True),  # SentencePiece's mark of a word's start, kept
        (" the end", "the end", True),  # the same, taken away
        ("cafe\u0301", "caf\u00e9", True),  # canonically equivalent
        ("\u0958", "\u0915\u093c", True),  # what NFC makes of a Hindi letter
        ("\uff0c", ",", False),  # only compatible: NFKC
        ("The end", "the end", False),
        ("the end", "the  end", False),
        ("the end\n", "the end", False),
        ("  the end", "the end", False),
        ("the end", "the [UNK]", False),
    ],
)
def test_a_space_at_the_beginning_and_equivalent_characters_are_no_loss(text, decoded, expected):
    assert comes_back(text, decoded) is expected
