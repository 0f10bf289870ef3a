/**
 * Fingers on the screen, which xterm (6.0) leaves alone: one scrolls, two change the size of the text. What a finger
 * does without moving stays a tap.
 */

/** Less is a tap that was not quite still. In CSS pixels. */
const SLOP_PX = 8;
/** A flick loses this share of its speed every frame. */
const FRICTION = 0.05;
const SLOWEST_PX_PER_MS = 0.05;
const FRAME_MS = 16;

export interface Gestures {
  /** The finger has moved by so many pixels, right and down, and is there. */
  onPan(byX: number, byY: number, at: Finger): void;
  /** The fingers are so many times as far apart as when they came. */
  onPinch(scale: number, isFirst: boolean): void;
}

export interface Finger {
  x: number;
  y: number;
}

export function distance([one, other]: readonly Finger[]): number {
  return one === undefined || other === undefined ? 0 : Math.hypot(one.x - other.x, one.y - other.y);
}

/** Listens on `element`, which must have `touch-action: none`, until the returned function is called. */
export function listenToFingers(element: HTMLElement, gestures: Gestures): () => void {
  const fingers = new Map<number, Finger>();
  let apart = 0;
  let from: Finger | null = null;
  let isPanning = false;
  let speed = 0;
  let movedAt = 0;
  let frame = 0;

  function down(event: PointerEvent): void {
    if (event.pointerType !== "touch") return;
    cancelAnimationFrame(frame);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    from = fingers.size === 1 ? { x: event.clientX, y: event.clientY } : null;
    isPanning = false;
    speed = 0;
    if (fingers.size === 2) {
      apart = distance([...fingers.values()]);
      gestures.onPinch(1, true);
    }
  }

  function move(event: PointerEvent): void {
    const finger = fingers.get(event.pointerId);
    if (finger === undefined) return;
    const [byX, byY] = [event.clientX - finger.x, event.clientY - finger.y];
    const here = { x: event.clientX, y: event.clientY };
    if (fingers.size === 2) {
      fingers.set(event.pointerId, here);
      if (apart > 0) gestures.onPinch(distance([...fingers.values()]) / apart, false);
      return;
    }
    if (from === null || (!isPanning && distance([here, from]) < SLOP_PX)) return;
    isPanning = true;
    fingers.set(event.pointerId, here);
    speed = byY / Math.max(1, event.timeStamp - movedAt);
    movedAt = event.timeStamp;
    gestures.onPan(byX, byY, here);
  }

  function up(event: PointerEvent): void {
    if (!fingers.delete(event.pointerId)) return;
    const hasFlicked = isPanning && event.type === "pointerup" && event.timeStamp - movedAt < 3 * FRAME_MS;
    if (hasFlicked) coast({ x: event.clientX, y: event.clientY });
  }

  function coast(at: Finger): void {
    if (Math.abs(speed) < SLOWEST_PX_PER_MS || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    frame = requestAnimationFrame(() => {
      gestures.onPan(0, speed * FRAME_MS, at);
      speed *= 1 - FRICTION;
      coast(at);
    });
  }

  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", move);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  return () => {
    cancelAnimationFrame(frame);
    element.removeEventListener("pointerdown", down);
    element.removeEventListener("pointermove", move);
    element.removeEventListener("pointerup", up);
    element.removeEventListener("pointercancel", up);
  };
}
