"""Whether the tokens of a text carry it: what they decode to against what was encoded."""

import unicodedata


def comes_back(text: str, decoded: str) -> bool:
    """Whether ``decoded`` is the text, but for differences that carry no content.

    These are one space at the beginning, which SentencePiece's tokenizers add to mark a word's
    start and take away again, and canonically equivalent characters, which Unicode says are the
    same (é as one code point or as two; Qwen's tokenizers compose them).
    """
    if decoded == text:
        return True
    text, decoded = _composed(text), _composed(decoded)
    return decoded in (text, f" {text}") or text == f" {decoded}"


def holds(text: str, decoded: str) -> bool:
    """Whether ``decoded`` is a part of the text, but for the same differences."""
    return decoded.removeprefix(" ") in text or _composed(decoded).strip() in _composed(text)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
