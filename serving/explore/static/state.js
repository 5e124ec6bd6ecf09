// What is chosen on the page, and what the server has: each part reads them here.

export const chosen = { who: "user", user: "", likes: [], k: 10, unseen: true, tags: [], excluded: [] };
export let state = { server: "", models: [], names: { items: 0, users: 0, tags: 0 } };

/** Keep what the server has now. */
export function learn(told) {
  state = told;
}

/** Tell the page that something else is chosen, so that it asks anew. */
export function changed() {
  dispatchEvent(new Event("chosen"));
}
