"""Pages in one browser for the tests of a file."""

import pytest
from helpers.browser import chromium, open_at

from infocap_tasks.analysis.leaderboard import boards
from infocap_tasks.report.page.render import page


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chrome = chromium(tmp_path_factory.mktemp("profile"))
    yield chrome
    chrome.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page of these runs; at the end the console must have stayed empty."""

    def open_page(runs, sort="information_capacity", **emulated):
        path = tmp_path / "page.html"
        path.write_text(page(boards(runs, sort)), encoding="utf-8")
        open_at(browser, path, **emulated)
        return browser

    yield open_page
    assert browser.get_log("browser") == []
