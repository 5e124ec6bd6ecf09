// The page of `triptych explore`. What is chosen is `chosen`, what the server is `state`; `show` asks and draws both.
// Names and scores become text nodes only, never HTML.

const $ = (id) => document.getElementById(id);
const PADDING = "";
const OFTEN_MS = 5000;
const TYPING_MS = 120;

const chosen = { who: "user", user: "", likes: [], k: 10, unseen: true, tags: [], excluded: [] };
let state = { server: "", models: [], names: { items: 0, users: 0, tags: 0 } };
let round = 0; // of asking: answers of an earlier round are dropped

// ---- what is asked -------------------------------------------------------------------------------------------------

/** The signature and the row that answer what is chosen. An empty list is [""]: batching in TensorFlow Serving fails on []. */
function question() {
  const padded = (list) => (list.length ? list : [PADDING]);
  if (chosen.who === "new") return { signature: "recommend_from", row: { items: padded(chosen.likes), k: chosen.k } };
  const row = { user_id: chosen.user, k: chosen.k, exclude: padded(chosen.excluded), unseen: chosen.unseen };
  if (!chosen.tags.length) return { signature: "recommend", row };
  return { signature: "recommend_within", row: { ...row, among: [PADDING], tags: chosen.tags } };
}

async function get(path) {
  const reply = await fetch(path);
  return reply.json();
}

/** Ask one model: {prediction, ms} or {words}. */
async function predict(model, { signature, row }) {
  if (model.state !== "available") return { words: model.words };
  if (!(signature in model.signatures)) return { words: lacks(model, signature) };
  const body = JSON.stringify({ signature_name: signature, instances: [row] });
  try {
    const reply = await fetch(`/v1/models/${encodeURIComponent(model.name)}:predict`, { method: "POST", body });
    const answer = await reply.json();
    if (!reply.ok) return { words: answer.error, away: reply.status === 502 };
    const ms = Number(/dur=([\d.]+)/.exec(reply.headers.get("Server-Timing") ?? "")?.[1]);
    return { prediction: answer.predictions[0], ms };
  } catch {
    return { words: "The process of this page has ended: start it again with `triptych explore`.", away: true };
  }
}

function lacks(model, signature) {
  const has = Object.keys(model.signatures);
  const own = has.length ? `It has ${has.join(", ")}.` : "The server did not tell which it has.";
  if (signature === "recommend_within" && has.includes("recommend"))
    return "This version cannot filter by tag: it is of contract 1, which has no recommend_within. Train it again to have it.";
  return `This model has no signature ${signature}, so it cannot answer here. ${own}`;
}

/** The items of a prediction with their scores, without the padding. */
function ranking(prediction) {
  return prediction.item.map((item, place) => ({ item, score: prediction.score[place] })).filter(({ item }) => item !== PADDING);
}

// ---- drawing -------------------------------------------------------------------------------------------------------

/** Make an element: text and elements are appended, functions are click handlers, the rest are attributes. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener("click", value);
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

async function show() {
  const mine = ++round;
  remember();
  drawChoice();
  if (chosen.who === "user" && chosen.user === "") return drawEmpty("Pick a user to begin.");
  const asked = question();
  const answers = await Promise.all(state.models.map((model) => predict(model, asked)));
  if (mine !== round) return;
  const lists = answers.map((answer) => (answer.prediction ? ranking(answer.prediction) : []));
  const counts = new Map();
  for (const { item } of lists.flat()) counts.set(item, (counts.get(item) ?? 0) + 1);
  const opened = [...document.querySelectorAll("#lists details[open]")].map((each) => each.dataset.key);
  const sections = state.models.map((model, place) => drawModel(model, place, asked, answers[place], lists[place], counts));
  $("lists").replaceChildren(...sections);
  for (const each of document.querySelectorAll("#lists details")) each.open = opened.includes(each.dataset.key);
  $("summary").textContent = inCommon(lists, counts);
  if (answers.some((answer) => answer.away)) refresh();
}

function drawEmpty(words) {
  $("lists").replaceChildren();
  $("summary").textContent = words;
}

function inCommon(lists, counts) {
  const answered = lists.filter((list) => list.length).length;
  if (answered < 2) return "";
  const all = [...counts.values()].filter((count) => count === answered).length;
  const some = [...counts.values()].filter((count) => count > 1 && count < answered).length;
  const items = (count) => `${count} ${count === 1 ? "item is" : "items are"}`;
  return `${items(all)} in all ${answered} lists` + (some ? `, ${some} in ${answered === 3 ? "two" : "some"} of them.` : ".");
}

function drawModel(model, place, asked, answer, list, counts) {
  const heading = make("h2", { id: `model-${place}` }, model.name);
  const section = make("section", { class: "model", "aria-labelledby": heading.id }, heading);
  section.style.setProperty("--bar", `var(--bar-${place % 4})`);
  const recipe = model.manifest?.recipe;
  const facts = [model.version && `version ${model.version}`, recipe && `recipe ${recipe}`, answer.ms && `answered in ${milliseconds(answer.ms)}`];
  section.append(make("p", { class: "facts" }, facts.filter(Boolean).join(" · ")));
  if (answer.words) section.append(make("p", { class: "told" }, answer.words));
  if (answer.prediction) section.append(make("p", {}, whom(answer.prediction, list)), drawList(list, counts));
  if (answer.prediction) section.append(drawRequest(model, asked), drawBehind(model));
  return section;
}

const milliseconds = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`);

function whom(prediction, list) {
  if (!list.length) return "Nothing is left that fits.";
  if (chosen.who === "new") {
    return chosen.likes.length ? `For someone who likes ${chosen.likes.join(" and ")}.` : "Nothing liked yet: these are the most popular items.";
  }
  if (prediction.known) return `It knows user ${chosen.user}.`;
  return `It does not know user ${chosen.user}: these are the most popular items, and the score is how many people have them.`;
}

function drawList(list, counts) {
  const scores = list.map(({ score }) => score);
  const whole = scores.every(Number.isInteger); // popularity: so many people
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  return make("ol", {}, ...list.map(({ item, score }, place) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--part", high > low ? 0.04 + (0.96 * (score - low)) / (high - low) : 1);
    const mark = make("span", {});
    if (counts?.get(item) > 1) mark.append(make("span", { class: "common", title: "How many of the lists have it" }, `in ${counts.get(item)}`, make("span", { class: "only-read" }, " lists")));
    const title = counts
      ? make("button", { type: "button", class: "title", title: "What is like it?", click: () => showNeighbours(item) }, item)
      : make("span", { class: "title" }, item);
    const out = counts && chosen.who === "user"
      ? make("button", { type: "button", class: "out", "aria-label": `Leave out ${item}`, title: "Leave it out", click: () => exclude(item) }, "✕")
      : null;
    return make("li", { class: "rank" }, make("span", { class: "place" }, `${place + 1}`), title, mark, make("span", { class: "score" }, whole ? `${score}` : score.toFixed(3)), out, bar);
  }));
}

function drawRequest(model, asked) {
  const parts = [["curl", curl(model, asked)], ["Python", python(model, asked)]];
  return make("details", { "data-key": `request ${model.name}` }, make("summary", {}, "The request"), ...parts.flatMap(([name, text]) => {
    const code = make("pre", { tabindex: "0", "aria-label": name }, text);
    const copy = make("button", { type: "button", "aria-label": `Copy ${name}`, click: () => copyText(copy, code) }, "Copy");
    return [make("h3", {}, name, copy), code];
  }));
}

async function copyText(button, code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

function curl(model, { signature, row }) {
  const body = JSON.stringify({ signature_name: signature, instances: [row] }).replaceAll("'", "'\\''");
  return `curl -d '${body}' \\\n  ${state.server}/v1/models/${encodeURIComponent(model.name)}:predict`;
}

function python(model, { signature, row }) {
  const text = JSON.stringify;
  const list = (items) => `[${items.filter((item) => item !== PADDING).map(text).join(", ")}]`;
  const options = [`k=${row.k}`];
  if (row.unseen) options.push("unseen=True");
  if (chosen.excluded.length && row.exclude) options.push(`exclude=[${list(row.exclude)}]`);
  if (row.tags) options.push(`tags=${list(row.tags)}`);
  const method = row.items ? "recommend_from" : "recommend";
  const first = row.items ? `[${list(row.items)}]` : `[${text(row.user_id)}]`;
  return `from triptych import Client

with Client(${text(state.server)}, model=${text(model.name)}) as client:
    (answer,) = client.${method}(${[first, ...options].join(", ")})
print(answer.items, answer.scores)`;
}

function drawBehind(model) {
  const manifest = model.manifest;
  const details = make("details", { "data-key": `behind ${model.name}` }, make("summary", {}, "What stands behind this list"));
  if (!manifest) {
    details.append(make("p", { class: "told" }, "No manifest is at hand: start the page with --models and the folder that the server serves."));
    return details;
  }
  const [data, config, packages, figures] = ["data", "config", "packages", "figures"].map((name) => asObject(manifest[name]));
  const size = (count) => Number(count ?? 0).toLocaleString("en");
  const facts = [
    ["Version", `${model.version}${manifest.created ? `, made ${manifest.created}` : ""}, contract ${manifest.contract}`],
    ["Recipe", manifest.recipe && manifest.recipe + (manifest.seed == null ? "" : `, seed ${manifest.seed}`)],
    ["Values", Object.entries(config).map(([name, value]) => `${name} ${value}`).join(", ")],
    ["Data", data.name && `${data.name}: ${size(data.users)} users, ${size(data.items)} items, ${size(data.interactions)} interactions`],
    ["Packages", Object.entries(packages).map(([name, version]) => `${name} ${version}`).join(", ")],
  ];
  details.append(make("table", {}, make("tbody", {}, ...facts.filter(([, value]) => value).map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value))))));
  details.append(...drawFigures(figures));
  return details;
}

// Of a manifest only `contract` is sure: somebody else may have written the rest.
function asObject(value) {
  return value && typeof value === "object" && !Array.isArray(value) ? value : {};
}

const FIGURES = ["ndcg@10", "recall@10", "coverage@10"];

function drawFigures(figures) {
  if (!Object.keys(figures).length) return [make("p", { class: "hint" }, "No figures: this data with these values was not measured (triptych evaluate).")];
  const head = make("tr", {}, ...["protocol", ...FIGURES].map((name) => make("th", { scope: "col" }, name)));
  const number = (value) => (typeof value === "number" ? value.toFixed(3) : "–");
  const rows = Object.entries(figures).map(([name, found]) =>
    make("tr", {}, make("th", { scope: "row" }, name), ...FIGURES.map((figure) => make("td", {}, number(asObject(found)[figure])))));
  const { seeds } = asObject(Object.values(figures)[0]);
  const note = `Measured for this recipe on held-out parts of this data${seeds ? `, mean of ${seeds} seed${seeds === 1 ? "" : "s"}` : ""}; unseen items only.`;
  return [make("div", { class: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))), make("p", { class: "hint" }, note)];
}

function drawChoice() {
  $("as-user").hidden = chosen.who !== "user";
  $("as-new").hidden = $("new-hint").hidden = chosen.who !== "new";
  for (const each of document.querySelectorAll(".for-users")) each.hidden = chosen.who === "new";
  $("excluding").hidden = chosen.who === "new" || !chosen.excluded.length;
  const chips = (list, word) => list.map((name) => make("li", {}, make("button", { type: "button", "aria-label": `${word} ${name}`, click: () => remove(list, name) }, `${name} ✕`)));
  $("likes").replaceChildren(...chips(chosen.likes, "Remove"));
  $("wanted").replaceChildren(...chips(chosen.tags, "Remove"));
  $("excluded").replaceChildren(...chips(chosen.excluded, "Take back"));
}

async function showNeighbours(item) {
  $("neighbours-title").textContent = `Most like ${item}`;
  const columns = $("neighbours").querySelector(".columns");
  columns.replaceChildren();
  $("neighbours").showModal();
  const asked = { signature: "similar", row: { item, k: chosen.k } };
  const answers = await Promise.all(state.models.map((model) => predict(model, asked)));
  columns.replaceChildren(...answers.map((answer, place) => {
    const section = make("section", {}, make("h3", {}, state.models[place].name), make("hr", {}));
    section.style.setProperty("--bar", `var(--bar-${place % 4})`);
    const list = answer.prediction ? ranking(answer.prediction) : [];
    section.append(list.length ? drawList(list) : make("p", { class: "told" }, answer.words ?? "Nothing: it does not know this item."));
    return section;
  }));
}

// ---- choosing ------------------------------------------------------------------------------------------------------

function exclude(item) {
  if (!chosen.excluded.includes(item)) chosen.excluded.push(item);
  show();
}

function remove(list, name) {
  list.splice(list.indexOf(name), 1);
  show();
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
    show();
  };
}

function pickUser(user) {
  if (user === chosen.user && $("user").value === user) return;
  chosen.user = $("user").value = user;
  chosen.excluded.length = 0; // left out for somebody else
  show();
}

function listen() {
  $("ask").addEventListener("submit", (event) => event.preventDefault());
  for (const radio of document.querySelectorAll("[name=who]")) {
    radio.addEventListener("change", () => { chosen.who = radio.value; show(); });
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
    show();
  });
  $("unseen").addEventListener("change", () => { chosen.unseen = $("unseen").checked; show(); });
  $("away").querySelector("button").addEventListener("click", refresh);
  $("neighbours").querySelector("button").addEventListener("click", () => $("neighbours").close());
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  addEventListener("hashchange", () => { recall(); show(); });
}

/** Keep who is asked for in the address, so that it can be sent on and gone back to. */
function remember() {
  const kept = new URLSearchParams({ user: chosen.user, k: chosen.k, unseen: chosen.unseen });
  if (chosen.who === "user") history.replaceState(null, "", `#${kept}`);
}

function recall() {
  const kept = new URLSearchParams(location.hash.slice(1));
  chosen.user = $("user").value = kept.get("user") ?? chosen.user;
  chosen.k = $("k").value = Math.min(100, Math.max(1, Number(kept.get("k")) || chosen.k));
  chosen.unseen = $("unseen").checked = (kept.get("unseen") ?? `${chosen.unseen}`) === "true";
}

// ---- the server ----------------------------------------------------------------------------------------------------

/** Ask what the server has; draw anew when that changed. Asked again after a while as long as it is away. */
let timer;
async function refresh() {
  clearTimeout(timer);
  const before = JSON.stringify(state);
  const gone = { ...state, gone: true, models: state.models.map((model) => ({ ...model, state: "away", words: "" })) };
  state = await get("/api/state").catch(() => gone);
  const away = state.models.find((model) => model.state === "away");
  $("away").hidden = !away && !state.gone;
  $("ask").hidden = !$("away").hidden;
  $("away").querySelector("p").textContent = state.gone
    ? "The process of this page has ended: start it again with `triptych explore`."
    : sentence(away?.words ?? "");
  if (away || state.gone) timer = setTimeout(refresh, OFTEN_MS);
  if (before === JSON.stringify(state)) return;
  describe();
  if (away || state.gone) drawEmpty("");
  else await begin();
}

const sentence = (words) => (words ? words[0].toUpperCase() + words.slice(1) + (words.endsWith(".") ? "" : ".") : "");

function describe() {
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

async function begin() {
  if (!chosen.user && state.names.users) {
    const { found } = await get("/api/search?kind=users&text=42");
    chosen.user = $("user").value = found[0] === "42" ? "42" : ((await get("/api/user")).user ?? "");
  }
  await show();
}

listen();
recall();
refresh();
