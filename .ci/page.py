"""Looks at the demonstration's page as a person does: reads it, uses the keyboard, looks at its picture."""
import io, os, re, subprocess, sys, tempfile, time, urllib.error, urllib.request

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PROGRAM, PICTURES = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
PORT = 19641
URL = f"http://127.0.0.1:{PORT}/"


def browser(width, height, dark):
    options = webdriver.ChromeOptions()
    for flag in ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
    scheme = "dark" if dark else "light"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    return driver


def answers():
    try:
        return urllib.request.urlopen(URL, timeout=2).read().decode()
    except (OSError, urllib.error.HTTPError):
        return ""


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write(f'[http]\nlisten = "127.0.0.1:{PORT}"\n[[exclude]]\nname = "web workers"\ntags = {{ fleet = "web" }}\ninstance_types = ["t3.*"]\n')
        config.flush()
        demo = subprocess.Popen([PROGRAM, "demo", "--page", "--speed", "200", "--config", config.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(120):
                if "stopped the audit trail" in answers():
                    break
                assert demo.poll() is None, "the demonstration ended"
                time.sleep(0.5)
            else:
                raise SystemExit("the page never shows the incident")
            look()
        finally:
            demo.kill()
            demo.wait()


def look():
    for name, width, height, dark in [("desktop", 1280, 1000, False), ("desktop-dark", 1280, 1000, True), ("phone", 390, 844, False), ("phone-dark", 390, 844, True)]:
        driver = browser(width, height, dark)
        try:
            driver.get(URL)
            text = driver.find_element(By.TAG_NAME, "body").text
            for wanted in ["17 of 17 regions are read on time", "critical ci-deploy", "launched machines", "ci-deploy stopped the audit trail", "terminal", "trailnoti ack", "web workers"]:
                assert wanted in text, f"{name}: {wanted!r} is not on the page:\n{text[:2000]}"
            wide = driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{name}: it is {wide} wide, and the screen {width}"
            picture(driver, name, dark)
            if name == "desktop":
                keyboard(driver)
                refreshes(driver)
            bad = [line for line in driver.get_log("browser") if line["level"] in ("SEVERE", "WARNING") and "favicon" not in line["message"]]
            assert not bad, f"{name}: the browser complains: {bad}"
        finally:
            driver.quit()
        print(f"{name}: text and picture are right")


def picture(driver, name, dark):
    image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("L")
    ground = image.getpixel((image.width - 3, image.height // 2))
    assert (ground < 60) == dark, f"{name}: its ground has a brightness of {ground}"
    histogram = image.histogram()
    inked = sum(histogram) - max(histogram)
    assert inked > sum(histogram) // 50, f"{name}: the picture is empty"
    if PICTURES:
        os.makedirs(PICTURES, exist_ok=True)
        driver.save_screenshot(os.path.join(PICTURES, f"page-{name}.png"))


def active(driver):
    return driver.switch_to.active_element


def keyboard(driver):
    body = driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert active(driver).text == "Skip to content", active(driver).text
    body.send_keys("/")
    assert active(driver).get_attribute("id") == "q", "/ goes to the search"
    active(driver).send_keys("StopLogging", Keys.ENTER)
    WebDriverWait(driver, 10).until(lambda one: one.find_elements(By.ID, "found"))
    found = driver.find_element(By.ID, "found").text
    assert "No decision" in found or "stopped" in found, found
    search = driver.find_element(By.ID, "q")
    search.clear()
    search.send_keys("trail-stopped", Keys.ENTER)
    WebDriverWait(driver, 10).until(lambda one: "delivered to terminal" in one.find_element(By.ID, "found").text)
    # A region's list can be closed and opened without a mouse.
    summary = driver.find_element(By.CSS_SELECTOR, "#regions summary")
    is_open = lambda: driver.find_element(By.CSS_SELECTOR, "#regions details").get_attribute("open")
    before = is_open()
    summary.send_keys(Keys.ENTER)
    assert is_open() != before, "Enter opens and closes"
    print("keyboard: skip link, search, lists")


def refreshes(driver):
    driver.get(URL)
    made = lambda: re.search(r"\d\d:\d\d:\d\d UTC ·", driver.find_element(By.ID, "verdict").text.replace("\n", " ")) and driver.find_element(By.ID, "verdict").text
    before = made()
    search = driver.find_element(By.ID, "q")
    search.send_keys("half a wo")
    WebDriverWait(driver, 25).until(lambda _: made() != before)
    assert driver.find_element(By.ID, "q").get_attribute("value") == "half a wo", "what is being typed stays"
    print("refreshed in place, and what was being typed stayed")


main()
