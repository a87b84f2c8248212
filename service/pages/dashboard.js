// The dashboard: asks for a period's figures, draws the sections that changed, and looks again while it is looked at.

import { boardOf } from './dashboard_board.js';
import { drawAttention } from './dashboard_attention.js';
import { drawColumns } from './dashboard_columns.js';
import { drawModels } from './dashboard_models.js';
import { drawOutcomes } from './dashboard_outcomes.js';
import { drawOverview } from './dashboard_overview.js';
import { askedPeriod, runPeriod, showPeriod } from './dashboard_period.js';
import { drawScore } from './dashboard_score.js';
import { drawBehind, drawEmpty, drawTrouble, drawWaiting } from './dashboard_states.js';
import { drawTraffic } from './dashboard_traffic.js';
import { drawVolume } from './dashboard_volume.js';
import { day, moment } from './dashboard_words.js';
import { find, make, put } from './elements.js';
import { read } from './service.js';

// Each section, with what of the answer it draws: it is drawn again only when that has changed.
const ALWAYS = ['days', 'marks', 'thresholds', 'zone'];
const SECTIONS = {
  overview: [drawOverview, ['volume', 'score', 'columns', 'outcomes', 'incidents']],
  attention: [drawAttention, ['incidents', 'report', 'retraining']],
  volume: [drawVolume, ['volume']],
  score: [drawScore, ['score', 'volume']],
  columns: [drawColumns, ['columns', 'volume']],
  outcomes: [drawOutcomes, ['outcomes', 'report']],
  models: [drawModels, ['models', 'shadow']],
  traffic: [drawTraffic, ['traffic']],
};
// What nothing was decided for has no figures to draw.
const OF_DECISIONS = ['overview', 'volume', 'score', 'columns', 'outcomes'];
const SECONDS_BEHIND = 3;
const SECONDS = 30;

const page = { asked: 0, timer: null, drawn: new Map() };

drawJump();
runPeriod(() => load());
load();
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') load(true);
});

/** Ask and draw; `quietly` where nobody pressed anything: then old figures stay where new ones do not come. */
async function load(quietly = false) {
  const asked = ++page.asked;
  clearTimeout(page.timer);
  if (!quietly) wait();
  let pause = SECONDS;
  try {
    const data = await read(`dashboard.json${askedPeriod()}`);
    // Whoever has chosen another period meanwhile waits for that.
    if (asked !== page.asked) return;
    show(boardOf(data), quietly);
    pause = data.caught_up ? SECONDS : SECONDS_BEHIND;
  } catch (trouble) {
    if (asked !== page.asked) return;
    refuse(trouble, quietly);
  }
  document.querySelector('main').setAttribute('aria-busy', 'false');
  page.timer = setTimeout(lookAgain, pause * 1000);
}

function lookAgain() {
  if (document.visibilityState === 'visible') load(true);
}

function wait() {
  document.querySelector('main').setAttribute('aria-busy', 'true');
  if (find('board').hidden) put(find('state'), drawWaiting());
}

function show(board, quietly) {
  document.title = `${board.title} · Dashboard · Aval`;
  put(find('title'), board.title);
  put(find('as-of'), `Dashboard, as of ${moment(board.as_of, board.zone)}. Days are those of ${board.zone}.`);
  showPeriod(board, quietly);
  put(find('state'), board.caught_up ? null : drawBehind(board), board.decisions ? null : drawEmpty(board));
  for (const [name, [draw, parts]] of Object.entries(SECTIONS)) {
    const box = find(name);
    (box.closest('.card') ?? box).hidden = OF_DECISIONS.includes(name) && !board.decisions;
    redraw(name, box, JSON.stringify([...ALWAYS, ...parts].map((part) => board[part])), () => draw(board));
  }
  find('jump').hidden = !board.decisions;
  find('board').hidden = false;
  if (!quietly) put(find('heard'), `Figures from ${day(board.days[0])} to ${day(board.days.at(-1))}.`);
}

/** Draw a section anew where its content changed; what is open stays open, and the focus where it was. */
function redraw(name, box, content, draw) {
  if (page.drawn.get(name) === content) return;
  page.drawn.set(name, content);
  const keyOf = (element) => element.dataset.key;
  const open = new Set([...box.querySelectorAll('details[open]')].map(keyOf));
  const focused = box.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  put(box, ...drawn(draw));
  for (const details of box.querySelectorAll('details')) details.open = open.has(keyOf(details));
  if (focused) [...box.querySelectorAll('[data-key]')].find((element) => keyOf(element) === focused)?.focus();
}

/** A section that cannot be drawn leaves the others alone. */
function drawn(draw) {
  try {
    return draw();
  } catch (error) {
    console.error(error);
    return [make('p', { class: 'notice' }, 'This section could not be drawn. The figures stand in dashboard.json.')];
  }
}

function refuse(trouble, quietly) {
  if (quietly && !find('board').hidden) {
    put(find('as-of'), `${find('as-of').textContent.split(' (')[0]} (these figures could not be renewed)`);
    return;
  }
  find('board').hidden = true;
  put(find('as-of'), '');
  put(find('state'), drawTrouble(trouble, () => load()));
}

function drawJump() {
  put(find('jump'), ...[...document.querySelectorAll('.card > h2')].map((title) =>
    make('a', { href: `#${title.id}` }, title.textContent)));
}
