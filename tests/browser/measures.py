"""What can be measured on a page: targets, overflow, focus, foreign markup, what axe finds."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page

from tests.support.processes import ROOT

AXE = ROOT / "frontend-src/node_modules/axe-core/axe.min.js"
LEAST_TOUCH_PX = 44

_TARGETS = "a[href], button, input, select, textarea, [role=tab], [role=treeitem]"

_MEASURE = """
(elements, least) => {
  // How far from its middle a target takes a tap, that way.
  const reach = (target, x, y, right, down) => {
    for (let far = 1; far <= least; far++) {
      const [atX, atY] = [x + far * right, y + far * down];
      if (atX < 0 || atY < 0 || atX >= innerWidth || atY >= innerHeight) return least;
      if (!target.contains(document.elementFromPoint(atX, atY))) return far - 1;
    }
    return least;
  };
  const found = [];
  for (const element of elements) {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (element.closest(".xterm, .cm-editor, [aria-hidden=true]") !== null) continue;
    element.scrollIntoView({ block: "center", inline: "center" });
    const target = element.closest("label") ?? element;
    const box = target.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    if (x < 0 || y < 0) continue; // shown only while it has the focus
    const wide = reach(target, x, y, 1, 0) + reach(target, x, y, -1, 0) + 1;
    const high = reach(target, x, y, 0, 1) + reach(target, x, y, 0, -1) + 1;
    if (Math.min(wide, high) < least - 1) found.push(`${element.outerHTML.slice(0, 90)} takes taps on ${wide}x${high}`);
  }
  return found;
}
"""
"""A target may be larger than it looks, so points around its middle are asked what they hit."""

_FOCUS = """
() => {
  const element = document.activeElement;
  if (element === null || element === document.body) return null;
  const rings = [element, ...element.querySelectorAll("*"), element.parentElement, element.closest("label")];
  const isRinged = rings.some((one) => one && (() => {
    const style = getComputedStyle(one);
    return (style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== "none";
  })());
  const box = element.getBoundingClientRect();
  const isHidden = box.bottom < 0 || box.right < 0 || box.top > innerHeight || box.left > innerWidth;
  const own = element.closest(".xterm, .cm-editor") !== null;
  return { what: element.outerHTML.slice(0, 120), isVisible: own || (isRinged && !isHidden) };
}
"""

_FOREIGN = """
() => {
  const found = [];
  for (const element of document.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      const isCode = /^\\s*(javascript|vbscript):/i.test(value) || /^\\s*data:text\\/html/i.test(value);
      if (/^on/i.test(name) || (["href", "src", "action", "xlink:href"].includes(name) && isCode)) {
        found.push(`${element.localName}[${name}="${value}"]`);
      }
    }
  }
  const foreign = "iframe, object, embed, math, marquee, base, meta[http-equiv], link[rel=import], form[action]";
  const elements = [
    ...document.querySelectorAll(foreign),
    ...[...document.scripts].filter((script) => !script.src.includes("/assets/")),
    ...[...document.images].filter((image) => !/^(data:image|blob)/.test(image.src)),
  ];
  for (const element of elements) found.push(element.outerHTML.slice(0, 120));
  if (window.__pwned !== undefined) found.push(`executed: ${window.__pwned}`);
  return found;
}
"""

_WIDER = """
() => {
  const found = [];
  const told = (element, how) => found.push(`${element.outerHTML.slice(0, 90)} ${how}`);
  const mayScroll = "pre, table, [role=region], [role=tablist], [role=toolbar], nav, .xterm, .xterm *, .cm-editor *";
  const scrolls = (element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
  for (const element of document.querySelectorAll("*")) {
    const isScroller = element === document.scrollingElement || scrolls(element);
    if (isScroller && element.scrollWidth > element.clientWidth + 1 && !element.matches(mayScroll)) {
      told(element, `is ${element.scrollWidth} wide in ${element.clientWidth}`);
    }
  }
  const isReached = (element) => {
    for (let above = element; above; above = above.parentElement) if (scrolls(above)) return true;
    return false;
  };
  for (const element of document.querySelectorAll("main, header, form, button, input, textarea, select")) {
    const { width, right } = element.getBoundingClientRect();
    if (width > 1 && right > innerWidth + 1 && !isReached(element)) told(element, `ends at ${Math.round(right)}`);
  }
  return found;
}
"""
"""What is cut off at the right, and what scrolls sideways though it is neither code nor a row of tabs."""


async def small_targets(within: Locator) -> list[str]:
    """Those of `within` that a finger misses."""
    return list(await within.evaluate_all(_MEASURE, LEAST_TOUCH_PX))


async def all_small_targets(page: Page) -> list[str]:
    return await small_targets(page.locator(_TARGETS))


async def wider_than_the_window(page: Page) -> list[str]:
    """What makes the page scroll sideways."""
    return list(await page.evaluate(_WIDER))


async def focus(page: Page) -> dict[str, Any] | None:
    """`what` has the focus and whether that `isVisible`; None when nothing has it."""
    return await page.evaluate(_FOCUS)  # type: ignore[no-any-return]


async def foreign_markup(page: Page) -> list[str]:
    """Elements and attributes that the page never makes itself, and whether an attack was executed."""
    return list(await page.evaluate(_FOREIGN))


@cache
def _axe(file: Path) -> str:
    return file.read_text()


async def axe_violations(page: Page) -> list[str]:
    """What axe-core finds by WCAG 2.2 AA and its best practices."""
    await page.evaluate(_axe(AXE))
    found = await page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {node['target']} {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
