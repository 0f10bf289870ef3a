import { MediaQuery } from "svelte/reactivity";

const phone = new MediaQuery("max-width: 799px");
const desktop = new MediaQuery("min-width: 1200px");

/** How much room there is. The style sheets use the same two widths. */
export const viewport = {
  get isPhone(): boolean {
    return phone.current;
  },
  get isDesktop(): boolean {
    return desktop.current;
  },
};
