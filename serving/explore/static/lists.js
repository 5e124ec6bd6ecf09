// The lists side by side, one a model, and an item's neighbours in each.

import { predict, ranking } from "./asking.js";
import { drawBehind } from "./behind.js";
import { exclude } from "./choosing.js";
import { $, make } from "./elements.js";
import { drawRequest } from "./request.js";
import { chosen, state } from "./state.js";

const OURS = ["two_tower", "wide_deep", "lightfm"];
const FURTHER = 3;

/** Colour a section as its model: ours by name, as in the report; others by their order among themselves. */
function colour(section, name) {
  const others = state.models.map((model) => model.name).filter((each) => !OURS.includes(each));
  const own = OURS.includes(name) ? `of-${name}` : `further-${others.indexOf(name) % FURTHER}`;
  section.style.setProperty("--bar", `var(--${own})`);
}

export function drawLists(asked, answers) {
  const lists = answers.map((answer) => (answer.prediction ? ranking(answer.prediction) : []));
  const counts = new Map();
  for (const { item } of lists.flat()) counts.set(item, (counts.get(item) ?? 0) + 1);
  const opened = [...document.querySelectorAll("#lists details[open]")].map((each) => each.dataset.key);
  const sections = state.models.map((model, place) => drawModel(model, place, asked, answers[place], lists[place], counts));
  $("lists").replaceChildren(...sections);
  for (const each of document.querySelectorAll("#lists details")) each.open = opened.includes(each.dataset.key);
  $("summary").textContent = inCommon(lists, counts);
}

export function drawEmpty(words) {
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
  colour(section, model.name);
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

async function showNeighbours(item) {
  $("neighbours-title").textContent = `Most like ${item}`;
  const columns = $("neighbours").querySelector(".columns");
  columns.replaceChildren();
  $("neighbours").showModal();
  const asked = { signature: "similar", row: { item, k: chosen.k } };
  const answers = await Promise.all(state.models.map((model) => predict(model, asked)));
  columns.replaceChildren(...answers.map((answer, place) => {
    const section = make("section", {}, make("h3", {}, state.models[place].name), make("hr", {}));
    colour(section, state.models[place].name);
    const list = answer.prediction ? ranking(answer.prediction) : [];
    section.append(list.length ? drawList(list) : make("p", { class: "told" }, answer.words ?? "Nothing: it does not know this item."));
    return section;
  }));
}
