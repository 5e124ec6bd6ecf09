// The form: for whom, which items, what is left out, and the address that keeps it.

import { get } from "./asking.js";
import { $, make } from "./elements.js";
import { changed, chosen, state } from "./state.js";

const TYPING_MS = 120;

export function drawChoice() {
  $("as-user").hidden = chosen.who !== "user";
  $("as-new").hidden = $("new-hint").hidden = chosen.who !== "new";
  for (const each of document.querySelectorAll(".for-users")) each.hidden = chosen.who === "new";
  $("excluding").hidden = chosen.who === "new" || !chosen.excluded.length;
  const chips = (list, word) => list.map((name) => make("li", {}, make("button", { type: "button", "aria-label": `${word} ${name}`, click: () => remove(list, name) }, `${name} ✕`)));
  $("likes").replaceChildren(...chips(chosen.likes, "Remove"));
  $("wanted").replaceChildren(...chips(chosen.tags, "Remove"));
  $("excluded").replaceChildren(...chips(chosen.excluded, "Take back"));
}

export function describe() {
  const { users, items, tags } = state.names;
  const count = (number, word) => `${number.toLocaleString("en")} ${word}`;
  const ready = state.models.filter((model) => model.state === "available").length;
  $("server").textContent = `${ready} of ${state.models.length} models answer at ${state.server}`;
  $("user-hint").textContent = users ? `${count(users, "users")} to choose from.` : "The users' names are not at hand: type an id.";
  $("like-hint").textContent = items ? `${count(items, "items")} to search, the most popular first.` : "The items' names are not at hand: type one in full.";
  $("random").hidden = !users;
  const can = state.models.some((model) => "recommend_within" in model.signatures);
  $("tag").closest(".field").hidden = !can;
  $("tag-hint").textContent = !can ? "None of these versions can filter by tag: that takes contract 2 (recommend_within)." : tags ? `${count(tags, "tags")} to choose from; several: an item must have all.` : "The tags are not at hand: type one.";
}

export function exclude(item) {
  if (!chosen.excluded.includes(item)) chosen.excluded.push(item);
  changed();
}

function remove(list, name) {
  list.splice(list.indexOf(name), 1);
  changed();
}

/** Offer names while somebody types; `take` what was chosen from them, or typed and confirmed. */
function offer(input, kind, take) {
  let timer;
  const list = $(input.getAttribute("list"));
  const search = async () => {
    const { found } = await get(`/api/search?kind=${kind}&text=${encodeURIComponent(input.value)}`).catch(() => ({ found: [] }));
    list.replaceChildren(...found.map((name) => make("option", { value: name })));
  };
  input.addEventListener("focus", search);
  input.addEventListener("input", (event) => {
    clearTimeout(timer);
    if (event.inputType === undefined || event.inputType === "insertReplacementText") take(input.value); // from the list
    else timer = setTimeout(search, TYPING_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    take(input.value);
  });
}

/** Add what is typed to a list; what is no name at all, as far as the names are at hand, is told and not added. */
function adder(input, kind, list) {
  const hint = $(input.getAttribute("aria-describedby"));
  return async () => {
    const name = input.value.trim();
    if (!name) return;
    const { found } = state.names[kind] ? await get(`/api/search?kind=${kind}&text=${encodeURIComponent(name)}`) : { found: [name] };
    if (!found.includes(name)) {
      hint.textContent = `Nothing is called ${name}: choose one of those offered while you type.`;
      return;
    }
    describe();
    if (!list.includes(name)) list.push(name);
    input.value = "";
    changed();
  };
}

function pickUser(user) {
  if (user === chosen.user && $("user").value === user) return;
  chosen.user = $("user").value = user;
  chosen.excluded.length = 0; // left out for somebody else
  changed();
}

export function listen() {
  $("ask").addEventListener("submit", (event) => event.preventDefault());
  for (const radio of document.querySelectorAll("[name=who]")) {
    radio.addEventListener("change", () => { chosen.who = radio.value; changed(); });
  }
  offer($("user"), "users", pickUser);
  $("user").addEventListener("change", () => { if ($("user").value !== chosen.user) pickUser($("user").value); });
  $("random").addEventListener("click", async () => pickUser((await get("/api/user")).user ?? ""));
  for (const [input, button, kind, list] of [["like", "add-like", "items", chosen.likes], ["tag", "add-tag", "tags", chosen.tags]]) {
    const add = adder($(input), kind, list);
    offer($(input), kind, add);
    $(button).addEventListener("click", add);
  }
  $("k").addEventListener("change", () => {
    chosen.k = Math.min(100, Math.max(1, Math.round(Number($("k").value)) || 10));
    $("k").value = chosen.k;
    changed();
  });
  $("unseen").addEventListener("change", () => { chosen.unseen = $("unseen").checked; changed(); });
}

/** Keep who is asked for in the address, so that it can be sent on and gone back to. */
export function remember() {
  const kept = new URLSearchParams({ user: chosen.user, k: chosen.k, unseen: chosen.unseen });
  if (chosen.who === "user") history.replaceState(null, "", `#${kept}`);
}

export function recall() {
  const kept = new URLSearchParams(location.hash.slice(1));
  chosen.user = $("user").value = kept.get("user") ?? chosen.user;
  chosen.k = $("k").value = Math.min(100, Math.max(1, Number(kept.get("k")) || chosen.k));
  chosen.unseen = $("unseen").checked = (kept.get("unseen") ?? `${chosen.unseen}`) === "true";
}
