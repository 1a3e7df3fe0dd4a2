/* What a page shows, kept in its address: #view=printed&cell=..., so that a link opens the same again. */
"use strict";
const address = {
  read() {
    return new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  },
  write(changes) {
    const state = this.read();
    for (const [key, value] of Object.entries(changes)) {
      if (value) state.set(key, value); else state.delete(key);
    }
    const text = state.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  },
};
