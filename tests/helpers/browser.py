"""A page in headless Chromium, with a width, a height, a colour scheme or paper."""

import shutil
from pathlib import Path

import pytest

_LOOK_FOR = ("chromium", "chromium-browser", "google-chrome")


def chromium(profile: Path):
    """A started browser; the test is skipped where there is none."""
    binary = next(filter(None, map(shutil.which, _LOOK_FOR)), None)
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("no chromium with chromedriver found; apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
        "disable-background-networking", "disable-component-update", "disable-sync",
        f"user-data-dir={profile}", "window-size=1280,1000",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


def open_at(browser, path: Path, width=1280, height=1000, scheme="light", media=""):
    """Open a page that has charts, and wait until they are drawn."""
    emulate(browser, scheme, media)
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.as_uri())
    until(browser, "return document.querySelectorAll('.points_marks path').length > 0")


def emulate(browser, scheme="light", media=""):
    """Prefer this colour scheme; ``media`` is "print" for paper."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


def until(browser, script):
    """What the script returns once it is true."""
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(browser, 20).until(lambda _: browser.execute_script(script))
