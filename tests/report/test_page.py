"""The page in a real browser: sorting, searching, hovering, and names that contain markup."""

import re
import sys

import pytest
from helpers.browser import until
from helpers.made_up import documents, run_of

from infocap_tasks.analysis.leaderboard import boards
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.page.chart import runtime
from infocap_tasks.report.page.render import page
from infocap_tasks.results.published import published_runs

NASTY = "</script><img src=x onerror=window.hacked=1>\"'&\u2028"
BITS = [300.0, 320.0, 280.0, 310.0]


def test_the_page_loads_nothing_and_is_always_the_same():
    text = page(boards(published_runs()))
    assert text == page(boards(published_runs()))
    for loads in (' src="', "<link rel=stylesheet", "@import", "url("):
        assert loads not in text.split("<script")[0]
    assert "default-src 'none'" in text
    assert text.count('<th scope="row"') == 39


@pytest.mark.parametrize(
    ("sort", "header", "direction"),
    [
        ("information_capacity", "IC", "descending"),
        ("bits_per_byte", "Bits per byte", "ascending"),
        ("bytes_per_token", "Bytes per token", "descending"),
        ("compression_gain_bits_per_token", "G, bits per token", "descending"),
    ],
)
def test_the_sorted_column_has_the_arrow(sort, header, direction):
    text = page(boards(published_runs(), sort)).replace(runtime(), "").split("<script")[0]
    (found,) = re.findall(r'aria-sort="(\w+)"><button type="button">([^<]*)<', text)
    assert found == (direction, header)


def test_names_cannot_become_markup():
    runs = [
        run_of(NASTY, documents(BITS), series=NASTY, corpus=NASTY, benchmarks={NASTY: 0.5}),
        run_of("b", documents(BITS), corpus="plain", corpus_sha256="1"),
    ]
    text = page(boards(runs)).replace(runtime(), "")
    assert "<img" not in text
    assert text.count("</script>") == 3
    assert "\u2028" not in text.split('id="data">')[1].split("</script>")[0]


def test_captions_say_what_is_left_out():
    text = page(boards(published_runs()))
    assert "32 models without known C and H left out." in text
    assert text.count("*</td>") == 32
    assert "* read off a figure, good to 5e-05; hollow in the chart." in text
    assert "The interval of 39 models is not known." in text


def test_without_vl_convert_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    runtime.cache_clear()
    with pytest.raises(InfocapError, match=r"pip install \"infocap-tasks\[report\]\""):
        page(boards(published_runs()))


# ------------------------------------------------------------------ in Chromium


def models(browser):
    rows = "[...document.querySelectorAll('tbody tr:not([hidden]) th')]"
    return browser.execute_script(f"return {rows}.map(e => e.textContent)")


def click(browser, script):
    browser.execute_script(f"{script}.click()")


def header(text):
    return f"[...document.querySelectorAll('thead button')].find(e => e.textContent === {text!r})"


def drawn(browser, chart):
    """How many points the chart shows."""
    return browser.execute_script(
        f"return document.querySelectorAll('[data-chart={chart}] .points_marks path').length"
    )


def hover(browser, element):
    """Move the mouse there once scrolling has ended, which hides what is shown for the mouse."""
    from selenium.webdriver.common.action_chains import ActionChains

    browser.execute_async_script(
        "arguments[0].scrollIntoView({block: 'center'});"
        "requestAnimationFrame(() => requestAnimationFrame(arguments[1]))",
        element,
    )
    ActionChains(browser).move_to_element(element).perform()


def test_headers_sort_by_value_both_ways_with_unknown_values_last(opened):
    browser = opened(published_runs())
    assert models(browser)[0] == "GLM-4.5-Air-Base-106B-A12B"
    click(browser, header("FLOPs per token"))
    assert models(browser)[0] == "gemma-3-270m"
    sort = f"return {header('FLOPs per token')}.parentElement.getAttribute('aria-sort')"
    assert browser.execute_script(sort) == "ascending"
    click(browser, header("FLOPs per token"))
    assert models(browser)[0] == "Qwen1.5-72B"
    assert browser.execute_script(sort) == "descending"
    assert browser.execute_script("return document.querySelectorAll('[aria-sort]').length") == 1
    for last in ("ascending", "descending"):
        click(browser, header("Bits per byte"))
        cells = browser.execute_script(
            "return [...document.querySelectorAll('tbody tr')]"
            ".map(row => row.cells[4].dataset.value)"
        )
        known = [float(cell) for cell in cells if cell]
        assert known == sorted(known, reverse=last == "descending")
        assert cells[len(known) :] == [""] * 32


def test_the_first_click_reverses_the_sorted_column_and_puts_better_first_in_others(opened):
    browser = opened(published_runs(), sort="bits_per_byte")
    assert models(browser)[0] == "DeepSeek-V3.1-Base-671B-A37B"
    click(browser, header("Rank"))
    assert models(browser)[0] == "GLM-4.5-Air-Base-106B-A12B"
    click(browser, header("Bits per byte"))
    assert models(browser)[0] == "DeepSeek-V3.1-Base-671B-A37B"
    browser = opened(published_runs(), sort="bits_per_byte")
    click(browser, header("Bits per byte"))
    assert models(browser)[0] == "Hunyuan-0.5B-Pretrain"


def test_headers_sort_by_keyboard(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened(published_runs())
    button = browser.execute_script(f"const b = {header('Series')}; b.focus(); return b")
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    button.send_keys(Keys.ENTER)
    assert browser.execute_script(outline) == "solid"
    assert models(browser)[0] == "DeepSeek-V2-236B-A21B"


def test_search_and_series_filter_table_and_charts_alike(opened):
    browser = opened(published_runs())
    assert (drawn(browser, "capacity"), drawn(browser, "frontier")) == (39, 7)
    search = browser.find_element("css selector", "input[type=search]")
    search.send_keys("hunyuan 0.5")
    assert models(browser) == ["Hunyuan-0.5B-Pretrain"]
    until(browser, "return document.querySelectorAll('.points_marks path').length === 2")
    search.clear()
    search.send_keys("nothing like it")
    assert models(browser) == []
    assert browser.find_element("css selector", ".empty").is_displayed()
    search.clear()
    search.send_keys(" ")
    click(browser, "document.querySelector('.series input[value=\"Llama-3\"]')")
    assert len(models(browser)) == 35
    count = browser.find_element("css selector", ".count")
    assert (count.text, count.get_attribute("role")) == ("35 of 39 models match", "status")
    click(browser, "document.querySelector('.all')")
    assert len(models(browser)) == 39


def test_hovering_over_a_point_shows_its_row(opened):
    browser = opened(published_runs())
    points = browser.find_elements("css selector", "[data-chart=capacity] .points_marks path")
    assert not browser.find_element("id", "tooltip").is_displayed()
    hover(browser, points[0])
    until(browser, "return !document.getElementById('tooltip').hidden")
    text = browser.find_element("id", "tooltip").text
    assert text.splitlines()[:5] == ["GLM-4.5-Air-Base-106B-A12B", "Rank", "1", "IC", "0.2422"]
    row = browser.find_element("css selector", "tr.highlighted")
    assert row.find_element("css selector", "th").text == "GLM-4.5-Air-Base-106B-A12B"


def test_a_name_with_markup_is_shown_as_text(opened):
    run = run_of(NASTY, documents(BITS), series=NASTY, corpus=NASTY, benchmarks={NASTY: 0.5})
    browser = opened([run])
    assert models(browser) == [NASTY]
    (point,) = browser.find_elements("css selector", "[data-chart=capacity] .points_marks path")
    hover(browser, point)
    until(browser, "return !document.getElementById('tooltip').hidden")
    assert "onerror" in browser.find_element("id", "tooltip").text
    assert browser.execute_script("return window.hacked") is None
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0


def test_on_a_phone_the_table_scrolls_and_the_page_does_not(opened):
    browser = opened(published_runs(), width=360)
    wide = "const e = document.querySelector(arguments[0]); return e.scrollWidth - e.clientWidth"
    assert browser.execute_script(wide, "html") == 0
    assert browser.execute_script(wide, ".scroll") > 0
    assert all(
        browser.execute_script(
            "return [...document.querySelectorAll('.chart svg')]"
            ".map(e => e.getBoundingClientRect().right <= innerWidth)"
        )
    )


def test_controls_headers_charts_and_tables_have_names(opened):
    runs = [*published_runs(), run_of("m", documents(BITS))]
    browser = opened(runs)
    missing = browser.execute_script(
        """
        const named = (e) => e.labels?.length || e.getAttribute("aria-label") || e.textContent;
        return {
          controls: [...document.querySelectorAll("input, button")].filter((e) => !named(e)).length,
          headers: document.querySelectorAll("th:not([scope])").length,
          charts: document.querySelectorAll("figure:not(:has([tabindex][aria-label]))").length,
          tables: [...document.querySelectorAll("table")].filter((e) => !e.caption).length,
          ids: document.querySelectorAll("[id]").length
            - new Set([...document.querySelectorAll("[id]")].map((e) => e.id)).size,
          scrollers: document.querySelectorAll(".scroll:not([tabindex][role=region])").length,
        };
        """
    )
    assert missing == dict.fromkeys(missing, 0)
    assert len(browser.find_elements("css selector", "nav a")) == 2
