// The page of `triptych explore`: `show` asks and draws what is chosen, `refresh` what the server has.

import { get, predict, question } from "./asking.js";
import { describe, drawChoice, listen, recall, remember } from "./choosing.js";
import { $ } from "./elements.js";
import { drawEmpty, drawLists } from "./lists.js";
import { chosen, learn, state } from "./state.js";

const OFTEN_MS = 5000;

let round = 0; // of asking: answers of an earlier round are dropped

async function show() {
  const mine = ++round;
  remember();
  drawChoice();
  if (chosen.who === "user" && chosen.user === "") return drawEmpty("Pick a user to begin.");
  const asked = question();
  const answers = await Promise.all(state.models.map((model) => predict(model, asked)));
  if (mine !== round) return;
  drawLists(asked, answers);
  if (answers.some((answer) => answer.away)) refresh();
}

/** Ask what the server has; draw anew when that changed. Asked again after a while as long as it is away. */
let timer;
async function refresh() {
  clearTimeout(timer);
  const before = JSON.stringify(state);
  const gone = { ...state, gone: true, models: state.models.map((model) => ({ ...model, state: "away", words: "" })) };
  learn(await get("/api/state").catch(() => gone));
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

async function begin() {
  if (!chosen.user && state.names.users) {
    const { found } = await get("/api/search?kind=users&text=42");
    chosen.user = $("user").value = found[0] === "42" ? "42" : ((await get("/api/user")).user ?? "");
  }
  await show();
}

listen();
addEventListener("chosen", show);
$("away").querySelector("button").addEventListener("click", refresh);
$("neighbours").querySelector("button").addEventListener("click", () => $("neighbours").close());
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
addEventListener("hashchange", () => { recall(); show(); });
recall();
refresh();
