"""Texts that hypothesis makes: scripts, emoji, controls, and names of special tokens."""

from hypothesis import strategies as st

pieces = st.sampled_from(
    ["the ", "other", "  ", "\n", "数据", "é", "🙂", "👩‍👩‍👧", "a", "نص ", "\r\n", "\0", "\ufeff",
     "<s>", "</s>", "<unk>", "‏مرحبا‎", "e\u0301", "\u2028", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
) | st.characters(exclude_categories=["Cs"])  # fmt: skip
texts = st.lists(pieces, min_size=4, max_size=60).map("".join)
