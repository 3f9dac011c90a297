"""The page for eyes, keys, screen readers and paper, in a real browser."""

from importlib.resources import files

import pytest
from helpers.browser import emulate, until
from helpers.made_up import documents, run_of

from infocap_tasks.report.looks import COLOURS
from infocap_tasks.report.page.chart import MOST_SERIES
from infocap_tasks.results.published import published_runs

FOCUSED = "const e = document.activeElement; return e.dataset.chart || e.textContent"


def many_series(count=MOST_SERIES + 1):
    return [
        run_of(f"m{i}-{size}B", documents([300.0 + i, 310.0 - i], 2.0**29 * size), f"series {i}")
        for i in range(count)
        for size in (1, 2)
    ]


def press(browser, *keys):
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def visible(browser, selector):
    """Texts of the elements that have a box."""
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter(e => e.getClientRects().length).map(e => e.textContent.trim())",
        selector,
    )


def boxes(browser, selector):
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])]"
        ".map(e => e.getBoundingClientRect()).filter(b => b.height)",
        selector,
    )


# ------------------------------------------------------------------ what rules of access say


@pytest.mark.parametrize(
    ("runs", "emulated"),
    [
        ([*published_runs(), run_of("m", documents([300.0, 310.0]))], {}),
        (published_runs(), {"width": 390, "height": 844, "scheme": "dark"}),
        (many_series(), {"scheme": "dark"}),
    ],
    ids=["two tables", "a phone at night", "many series"],
)
def test_axe_core_finds_nothing(opened, runs, emulated):
    from selenium.webdriver.common.keys import Keys

    browser = opened(runs, **emulated)
    browser.execute_script("document.querySelector('.chart').focus()")
    press(browser, Keys.ARROW_RIGHT)
    until(browser, "return !document.getElementById('tooltip').hidden")
    browser.execute_script(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert len(found["passes"]) > 25
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_a_contrast_of_4_5_in_both_schemes(opened, scheme):
    browser = opened(published_runs(), scheme=scheme)
    low = browser.execute_script(CONTRASTS)
    assert low["texts"] > 150
    assert low["least"] >= 4.5, low
    assert low["least"] < 21


# Of each text on what lies behind it; axe sees neither text in charts nor the arrows of headers.
CONTRASTS = """
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (colour) => {
  const part = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = parts(colour).map(part);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
};
const paper = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if ((parts(colour)[3] ?? 1) > 0) return colour;
  }
};
const found = { texts: 0, least: 21 };
const look = (element, style, ink) => {
  const [a, b] = [light(ink), light(paper(element))];
  const ratio = Math.max(a, b) / Math.min(a, b);
  found.texts += 1;
  if (ratio < found.least) Object.assign(found, { least: ratio, text: element.outerHTML, ink });
};
for (const row of document.querySelectorAll("tbody tr")) row.classList.add("highlighted");
for (const element of document.body.querySelectorAll("*:not(script)")) {
  if (!element.getClientRects().length) continue;
  const style = getComputedStyle(element);
  if ([...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    look(element, style, element.closest("svg") ? style.fill : style.color);
  const after = getComputedStyle(element, "::after");
  if (after.content !== "none") look(element, after, after.color);
}
return found;
"""  # noqa: E501


# ------------------------------------------------------------------ the first screen


@pytest.mark.parametrize(("width", "height", "rows"), [(1280, 800, 10), (390, 844, 4)])
def test_the_best_models_are_on_the_first_screen_and_the_charts_below(opened, width, height, rows):
    browser = opened(published_runs(), width=width, height=height)
    shown = boxes(browser, "tbody tr")
    assert len(shown) == 10
    assert sum(box["bottom"] <= height for box in shown) >= rows
    assert min(box["top"] for box in boxes(browser, ".chart")) > shown[-1]["bottom"]
    assert visible(browser, "tbody th")[0] == "GLM-4.5-Air-Base-106B-A12B"


def test_the_button_below_the_table_shows_all_rows_and_the_first_ten_again(opened):
    browser = opened(published_runs())
    button = browser.find_element("css selector", ".more")
    assert button.text == "Show all 39 models"
    button.click()
    assert (len(visible(browser, "tbody tr")), button.text) == (39, "Show 10 models")
    button.click()
    assert len(visible(browser, "tbody tr")) == 10
    browser.find_element("css selector", "input[type=search]").send_keys("qwen3")
    assert len(visible(browser, "tbody tr")) == 5
    assert visible(browser, ".more") == []


# ------------------------------------------------------------------ keys


def test_the_first_tab_leads_to_a_link_that_skips_to_the_table(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened(published_runs())
    press(browser, Keys.TAB)
    assert browser.execute_script(FOCUSED) == "Skip to the table"
    assert boxes(browser, ".skip")[0]["top"] >= 0
    press(browser, Keys.ENTER)
    press(browser, Keys.TAB)
    assert browser.execute_script(FOCUSED) == "Model"


def test_keys_go_from_point_to_point_and_each_says_its_row(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened(published_runs())
    more = browser.execute_script("const e = document.querySelector('.all'); e.focus(); return e")
    more.send_keys(Keys.TAB)
    assert browser.execute_script(FOCUSED) == "capacity"
    said = browser.find_element("id", "announcement")
    assert said.get_attribute("role") == "status"
    reached = [said.get_attribute("textContent")]
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.END):
        press(browser, key)
        reached.append(said.get_attribute("textContent"))
    models = [text.split(", ")[0] for text in reached]
    assert models == ["gemma-3-270m", "Hunyuan-0.5B-Pretrain", "gemma-3-270m", "Qwen1.5-72B"]
    assert reached[1].startswith("Hunyuan-0.5B-Pretrain, Rank 5, IC 0.2331, Series Hunyuan")
    assert visible(browser, "tr.highlighted th") == []  # its row is below the first ten
    assert browser.find_element("id", "tooltip").is_displayed()
    ring = "[...document.querySelectorAll('.points_marks path')].filter(e => {}).length"
    inked = "e.getAttribute('stroke') === 'var(--ink)'"
    assert until(browser, f"return {ring.format(inked)}") == 1
    assert browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    press(browser, Keys.TAB)
    assert browser.execute_script(FOCUSED) == "frontier"
    assert said.get_attribute("textContent").startswith("Hunyuan-0.5B-Pretrain")
    press(browser, Keys.ESCAPE)
    assert not browser.find_element("id", "tooltip").is_displayed()


# ------------------------------------------------------------------ legend, paper, many series


def test_on_paper_the_legend_stays_and_the_controls_go(opened):
    browser = opened(published_runs(), scheme="dark")
    browser.find_element("css selector", ".series input[value=Llama-3]").click()
    emulate(browser, "dark", media="print")
    names = visible(browser, ".series label")
    assert len(names) == 12
    assert "Llama-3" not in names
    assert len(boxes(browser, ".series svg")) == 12
    for control in ("input", ".all", ".more", ".skip"):
        assert visible(browser, control) == []
    assert len(visible(browser, "tbody tr")) == 35
    paper = "return getComputedStyle(document.documentElement).backgroundColor"
    assert browser.execute_script(paper) == "rgb(255, 255, 255)"


def test_a_mark_that_was_read_off_a_figure_is_hollow_in_the_chart(opened):
    browser = opened(published_runs())
    hollow = "[data-chart=capacity] .points_marks path[fill='var(--page)']"
    assert len(browser.find_elements("css selector", hollow)) == 32


def test_of_many_series_one_is_brought_out_and_no_box_is_shown(opened):
    from selenium.webdriver.support.ui import Select

    browser = opened(many_series())
    assert browser.find_elements("css selector", "input[type=checkbox]") == []
    fills = (
        "return [...document.querySelectorAll('[data-chart=capacity] .points_marks path')]"
        ".map(e => [e.__data__.datum.series, e.getAttribute('fill')])"
    )
    assert {fill for _, fill in browser.execute_script(fills)} == {COLOURS[-1]}
    assert visible(browser, ".key") == [f"each of {MOST_SERIES + 1} series"]
    Select(browser.find_element("css selector", ".chosen")).select_by_visible_text("series 7")
    blue = f"path[fill='{COLOURS[0]}']"
    until(browser, f'return document.querySelectorAll("[data-chart=capacity] {blue}").length === 2')
    coloured = {series for series, fill in browser.execute_script(fills) if fill == COLOURS[0]}
    assert coloured == {"series 7"}
    assert visible(browser, ".key")[1:] == ["series 7"]
    emulate(browser, media="print")
    assert len(visible(browser, ".key")) == 2
    assert visible(browser, "select") == []


def test_up_to_twenty_series_have_a_legend_of_boxes(opened):
    browser = opened(many_series(MOST_SERIES))
    assert len(visible(browser, ".series label")) == MOST_SERIES
