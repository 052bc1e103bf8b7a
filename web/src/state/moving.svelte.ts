/** Panes that are moved, dragged by their titles or with the arrow keys on their handles. */

import { tick } from "svelte";
import { isRow, moved, PANES, placeOf, stepped, ZONES, type Pane, type Zone } from "./layout";
import { preferences } from "./preferences.svelte";

const TITLES = "header, .titlebar";
const CONTROLS = "button:not(.grip), input, select, label, a";
const BEGINS_AFTER = 6;
/** Pixels. */
export const LEAST_WIDTH = 901;
/** Of the window; panes of a narrower one are below each other in an order of their own. */

interface Target {
  zone: Zone;
  /** Among the other panes of the zone. */
  place: number;
  near: Pane | null;
  isAfter: boolean;
}

class Moving {
  /** What is dragged. */
  pane = $state<Pane | null>(null);
  target = $state.raw<Target | null>(null);
  at = $state.raw({ x: 0, y: 0 });
  /** What was moved last, in words. */
  said = $state("");

  /** A press on a pane, which drags it where it was on its title. */
  press(event: PointerEvent, pane: Pane): void {
    const on = event.target instanceof Element ? event.target : null;
    if (event.button !== 0 || window.innerWidth < LEAST_WIDTH) return;
    if (!on?.closest(TITLES) || on.closest(CONTROLS)) return;
    const from = { x: event.clientX, y: event.clientY };
    const listening = new AbortController();
    const { signal } = listening;
    const end = (isDone: boolean): void => {
      listening.abort();
      const { target } = this;
      const isMoved = isDone && this.pane !== null && target !== null;
      this.pane = this.target = null;
      if (isMoved) this.move(pane, target.zone, target.place);
    };
    window.addEventListener("pointermove", (now) => {
      const far = Math.hypot(now.clientX - from.x, now.clientY - from.y);
      if (this.pane === null && far < BEGINS_AFTER) return;
      this.pane = pane;
      this.at = { x: now.clientX, y: now.clientY };
      this.target = this.under(pane);
    }, { signal });
    window.addEventListener("pointerup", () => end(true), { signal });
    window.addEventListener("pointercancel", () => end(false), { signal });
    window.addEventListener("keydown", (key) => {
      if (key.key !== "Escape" || this.pane === null) return;
      key.stopPropagation();
      end(false);
    }, { signal, capture: true });
  }

  /** An arrow key on the handle of a pane. */
  key(event: KeyboardEvent, pane: Pane): void {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const found = stepped(preferences.zones, pane, event.key);
    if (!found) {
      this.said = "There is nothing on that side.";
      return;
    }
    this.move(pane, ...found);
    // What is moved in the page loses the focus.
    void tick().then(() => document.getElementById(`grip-${pane}`)?.focus());
  }

  private move(pane: Pane, zone: Zone, place: number): void {
    preferences.zones = moved(preferences.zones, pane, zone, place);
    const { title } = PANES[pane];
    const count = preferences.zones[zone].length;
    this.said = `Moved ${title} to the ${ZONES[zone]}, place ${place + 1} of ${count}.`;
  }

  private under(pane: Pane): Target | null {
    const element = document.elementFromPoint(this.at.x, this.at.y);
    const slot = element?.closest<HTMLElement>("[data-pane]");
    const near = slot?.dataset.pane as Pane | undefined;
    if (near === pane) return null;
    if (slot && near) {
      const [zone] = placeOf(preferences.zones, near);
      const box = slot.getBoundingClientRect();
      const isAfter = isRow(zone)
        ? this.at.x > box.left + box.width / 2
        : this.at.y > box.top + box.height / 2;
      const others = preferences.zones[zone].filter((each) => each !== pane);
      return { zone, place: others.indexOf(near) + (isAfter ? 1 : 0), near, isAfter };
    }
    const zone = element?.closest<HTMLElement>("[data-zone]")?.dataset.zone as Zone | undefined;
    if (!zone) return null;
    const place = preferences.zones[zone].filter((each) => each !== pane).length;
    return { zone, place, near: null, isAfter: true };
  }
}

export const moving = new Moving();
