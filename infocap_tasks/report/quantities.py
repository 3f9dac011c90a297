"""Numbers as people read them: 1.07 G, 33.0 M."""

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def si(value: float) -> str:
    """Three significant digits and an SI prefix; powers of ten beyond the prefixes."""
    if not 1 <= abs(value) < 1e21:
        return f"{value:.3g}"
    digits = f"{value:.2e}"
    mantissa, exponent = digits.split("e")
    group, shift = divmod(int(exponent), 3)
    number = f"{float(mantissa) * 10**shift:.{2 - shift}f}"
    return f"{number} {_PREFIXES[group]}".rstrip()
