import { afterEach, expect, it, vi } from "vitest";

import { listenToFingers } from "./gestures.ts";
import { coveredBy } from "./keyboard.ts";

const place = document.createElement("div");
const gestures = { onPan: vi.fn(), onPinch: vi.fn() };
let stop = listenToFingers(place, gestures);

afterEach(() => {
  stop();
  vi.clearAllMocks();
  stop = listenToFingers(place, gestures);
});

function touch(type: string, pointerId: number, clientX: number, clientY: number, pointerType = "touch"): void {
  place.dispatchEvent(new PointerEvent(type, { pointerId, clientX, clientY, pointerType, bubbles: true }));
}

it("takes a finger that hardly moves for a tap", () => {
  touch("pointerdown", 1, 50, 50);
  touch("pointermove", 1, 52, 56);
  touch("pointerup", 1, 52, 56);
  expect(gestures.onPan).not.toHaveBeenCalled();
});

it("tells how far a finger has moved", () => {
  touch("pointerdown", 1, 50, 50);
  touch("pointermove", 1, 50, 70);
  touch("pointermove", 1, 50, 65);
  expect(gestures.onPan.mock.calls.map(([, y]) => y as number)).toEqual([20, -5]);
});

it("tells how far two fingers have moved apart", () => {
  touch("pointerdown", 1, 0, 0);
  touch("pointerdown", 2, 0, 100);
  touch("pointermove", 2, 0, 150);
  expect(gestures.onPinch.mock.calls).toEqual([
    [1, true],
    [1.5, false],
  ]);
  expect(gestures.onPan).not.toHaveBeenCalled();
});

it("leaves the mouse to xterm", () => {
  touch("pointerdown", 1, 50, 50, "mouse");
  touch("pointermove", 1, 50, 90, "mouse");
  expect(gestures.onPan).not.toHaveBeenCalled();
});

it("knows a keyboard from a bar of the browser and from the page being magnified", () => {
  expect(coveredBy({ height: 540, scale: 1 }, 844)).toBe(304);
  expect(coveredBy({ height: 790, scale: 1 }, 844)).toBe(0);
  expect(coveredBy({ height: 422, scale: 2 }, 844)).toBe(0);
});
