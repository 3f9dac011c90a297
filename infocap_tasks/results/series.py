"""A model's name to its series: the models of one training recipe, in several sizes.

The rules are read from the top, and the first one whose pattern is found in the name (the part
after the last slash, in any case) names the series. A name that no rule knows keeps what stands
before its size: ``Foo-Bar-7B-Base`` is of the series ``Foo-Bar``. ``--series FILE.csv`` overrides.
"""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from infocap_tasks.errors import InfocapError

_SIZE = r"\d+(?:[._]\d+)?[bm]"

# Series by pattern; where several fit, the narrower one stands first.
RULES: tuple[tuple[str, str], ...] = (
    (r"^qwen1\.5-moe", "Qwen1.5-MoE"),
    (r"^qwen1\.5-.*chat", "Qwen1.5-Chat"),
    (r"^qwen1\.5", "Qwen1.5"),
    (r"^qwen2\.5-coder", "Qwen2.5-Coder"),
    (r"^qwen2\.5-math", "Qwen2.5-Math"),
    (r"^qwen2\.5-.*instruct", "Qwen2.5-Instruct"),
    (r"^qwen2\.5", "Qwen2.5"),
    (r"^qwen2-.*instruct", "Qwen2-Instruct"),
    (r"^qwen2-", "Qwen2"),
    (rf"^qwen3-{_SIZE}-a{_SIZE}.*base", "Qwen3-MoE-Base"),
    (rf"^qwen3-{_SIZE}-a{_SIZE}", "Qwen3-MoE"),
    (r"^qwen3-.*base", "Qwen3-Base"),
    (r"^qwen3-", "Qwen3"),
    (r"^(?:meta-)?llama-3.*instruct", "Llama-3-Instruct"),
    (r"^(?:meta-)?llama-3", "Llama-3"),
    (r"^llama-2.*chat", "Llama-2-Chat"),
    (r"^llama-2", "Llama-2"),
    (r"^llama-4.*instruct", "Llama-4-Instruct"),
    (r"^llama-4", "Llama-4"),
    (rf"^gemma-3n?-{_SIZE}-it", "Gemma-3"),
    (r"^gemma-3", "Gemma-3-Base"),
    (rf"^gemma-2-{_SIZE}-it", "Gemma-2"),
    (r"^gemma-2-", "Gemma-2-Base"),
    (r"^glm-4\.5-(?:.*-)?base", "GLM-4.5-Base"),
    (r"^glm-4\.5", "GLM-4.5"),
    (r"^glm-4-.*(?:chat|(?<!base)-0414)", "GLM-4"),
    (r"^glm-4-", "GLM-4-Base"),
    (r"^hunyuan-.*pretrain", "Hunyuan-Pretrain"),
    (r"^hunyuan-.*instruct", "Hunyuan-Instruct"),
    (r"^internlm2[._]5-.*chat", "InternLM2.5-Chat"),
    (r"^internlm2[._]5", "InternLM2.5"),
    (r"^internlm2-", "InternLM2"),
    (r"^ministral-3-.*base", "Ministral-3-Base"),
    (r"^ministral-3-.*instruct", "Ministral-3-Instruct"),
    (r"^seed-oss-.*base", "Seed-OSS-Base"),
    (r"^seed-oss", "Seed-OSS"),
    (r"^deepseek-v2", "DeepSeek-V2"),
    (r"^deepseek-v3\.1-base", "DeepSeek-V3.1-Base"),
    (r"^deepseek-v3\.1", "DeepSeek-V3.1"),
    (r"^deepseek-v3-base", "DeepSeek-V3-Base"),
    (r"^deepseek-v3", "DeepSeek-V3"),
    (r"^smollm3-.*base", "SmolLM3-Base"),
    (r"^smollm2-.*instruct", "SmolLM2-Instruct"),
    (r"^smollm2", "SmolLM2"),
    (r"^smollm-.*instruct", "SmolLM-Instruct"),
    (r"^pythia-.*deduped", "Pythia-deduped"),
    (r"^pythia", "Pythia"),
    (r"^gpt-oss", "gpt-oss"),
    (r"^gpt2", "GPT-2"),
)


def series_of(model: str, overrides: Mapping[str, str] | None = None) -> str:
    """The series of a model, by its own line in ``overrides``, else by the rules, else by its name.

    ``overrides`` may name the model as it was given or by the part after the last slash.
    """
    name = model.rstrip("/").rpartition("/")[2]
    for given in (model, name):
        if overrides and given in overrides:
            return overrides[given]
    for pattern, series in RULES:
        if re.search(pattern, name, re.IGNORECASE):
            return series
    return _before_the_size(name)


def _before_the_size(name: str) -> str:
    match = re.search(rf"[-_.](?:{_SIZE}|\d+x{_SIZE})(?![a-z0-9])", name, re.IGNORECASE)
    return name[: match.start()] if match and match.start() else name


def read_series_map(path: str) -> dict[str, str]:
    """Series by model from a CSV file with the columns ``model`` and ``series``.

    Raises:
        InfocapError: the file cannot be read, or lacks a column or a cell.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise InfocapError(f"--series {path}: is no plain file; give a CSV file")
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InfocapError(f"--series {path}: cannot be read ({error})") from error
    for line, row in enumerate(rows, start=2):
        if not row.get("model") or not row.get("series"):
            raise InfocapError(
                f"--series {path}, line {line}: needs a model and a series; "
                "the file has the columns model,series"
            )
    return {row["model"]: row["series"] for row in rows}
